package diag

import (
	"sort"
	"strings"
)

// Source is one script text and the name that messages show for it
// ("bitehist.pt", "stdin", or "-e" for a one-liner).
type Source struct {
	Name  string
	Text  string
	lines []int // byte offset at which each line starts
}

// NewSource indexes the lines of text.
//
//go:noinline
func NewSource(name, text string) *Source {
	source := &Source{Name: name, Text: text, lines: []int{0}}
	for i := 0; i < len(text); i++ {
		if text[i] == '\n' {
			source.lines = append(source.lines, i+1)
		}
	}
	return source
}

// Position returns the line and column, both from 1 and in bytes, of a byte offset.
func (s *Source) Position(offset int) (line, column int) {
	index := sort.SearchInts(s.lines, offset+1) - 1
	return index + 1, offset - s.lines[index] + 1
}

// Line returns the text of a line, counted from 1, without its line end;
// a line that does not exist is empty.
func (s *Source) Line(line int) string {
	if line < 1 || line > len(s.lines) {
		return ""
	}
	text := s.Text[s.lines[line-1]:]
	if end := strings.IndexByte(text, '\n'); end >= 0 {
		text = text[:end]
	}
	return strings.TrimSuffix(text, "\r")
}

// Span is the half-open range of bytes [Start, End) of a Source.
// The zero Span belongs to no script.
type Span struct {
	Source     *Source
	Start, End int
}

// Text returns the bytes that the span covers.
func (s Span) Text() string {
	if s.Source == nil {
		return ""
	}
	return s.Source.Text[s.Start:s.End]
}

// To returns the span from the start of s to the end of other.
func (s Span) To(other Span) Span {
	return Span{Source: s.Source, Start: s.Start, End: other.End}
}
