package diag

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	excerptColumns = 160 // longer lines are shown in part
	excerptBefore  = 40  // columns shown before the place in question then
)

// Error is what Render writes.
func (d Diagnostics) Error() string {
	var b strings.Builder
	d.Render(&b)
	return strings.TrimSuffix(b.String(), "\n")
}

// Render writes each message with the line of the script that it is about. A failing w
// loses text.
func (d Diagnostics) Render(w io.Writer) {
	for _, one := range d {
		one.Render(w)
	}
}

// Render writes the message, the line with the place underlined, the hint and the related
// places. Further lines of a hint are indented, so that none looks like a message.
func (d Diagnostic) Render(w io.Writer) {
	fmt.Fprintln(w, d.String())
	d.Span.excerpt(w)
	if d.Hint != "" {
		fmt.Fprintln(w, "HINT: "+strings.ReplaceAll(Printable(d.Hint), "\n", "\n      "))
	}
	for _, related := range d.Related {
		fmt.Fprintln(w, related.Span.prefix()+"NOTE: "+printable(related.Message))
		related.Span.excerpt(w)
	}
}

// String is the message in one line, as `file:1:15-35: ERROR: text`.
func (d Diagnostic) String() string {
	kind := "ERROR: "
	if d.Warning {
		kind = "WARNING: "
	}
	return d.Span.prefix() + kind + printable(d.Message)
}

// String is the place as bpftrace writes it: `file:line:first-last`, with columns in
// bytes from 1 and last behind the end. Of several lines it is the first.
func (s Span) String() string {
	if s.Source == nil {
		return ""
	}
	line, column := s.Source.Position(s.Start)
	last := min(s.End-s.Start, len(s.Source.Line(line))-column+1)
	return fmt.Sprintf("%s:%d:%d-%d", printable(s.Source.Name), line, column, column+max(last, 1))
}

func (s Span) prefix() string {
	if s.Source == nil {
		return ""
	}
	return s.String() + ": "
}

// excerpt writes the span's first line and a line that underlines the span.
func (s Span) excerpt(w io.Writer) {
	if s.Source == nil {
		return
	}
	line, column := s.Source.Position(s.Start)
	text := s.Source.Line(line)
	start := min(column-1, len(text))
	end := min(start+max(s.End-s.Start, 1), len(text))
	text, start, end = window(text, start, end)
	under := blanks(text[:start]) + strings.Repeat("~", max(Columns(text[start:end]), 1))
	fmt.Fprintln(w, printable(text))
	fmt.Fprintln(w, under)
}

// window cuts a long line down to the part around [start, end).
func window(text string, start, end int) (string, int, int) {
	if len(text) <= excerptColumns {
		return text, start, end
	}
	from := runeStart(text, max(start-excerptBefore, 0))
	to := runeStart(text, min(from+excerptColumns, len(text)))
	start, end = start-from, min(end, to)-from
	cut := text[from:to]
	if from > 0 {
		cut, start, end = "..."+cut, start+3, end+3
	}
	if to < len(text) {
		cut += "..."
	}
	return cut, start, end
}

// runeStart goes back to where the rune at pos begins, and nowhere in bytes that are no
// UTF-8.
func runeStart(text string, pos int) int {
	for start := pos; start < len(text) && start >= 0 && start > pos-utf8.UTFMax; start-- {
		if utf8.RuneStart(text[start]) {
			return start
		}
	}
	return pos
}

// printable replaces what could command the terminal: control characters, except tabs,
// and characters that reorder or hide text.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return r
		case r < ' ':
			return '␀' + r
		case r == 0x7f:
			return '␡'
		case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			return utf8.RuneError
		}
		return r
	}, text)
}

// Printable replaces what could command the terminal, but for ends of lines and tabs.
func Printable(text string) string {
	if isPlain(text) {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}

// blanks is as wide as text, with its tabs.
func blanks(text string) string {
	var b strings.Builder
	for _, r := range printable(text) {
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteString(strings.Repeat(" ", runeColumns(r)))
		}
	}
	return b.String()
}

// Columns is how many columns of a terminal a text takes.
func Columns(text string) (width int) {
	if isPlain(text) {
		return len(text)
	}
	for _, r := range printable(text) {
		width += runeColumns(r)
	}
	return width
}

// isPlain reports whether a text is of ASCII's visible characters and blanks alone, as most
// are.
func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// wide are the blocks whose characters take two columns of a terminal.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1},
		{Lo: 0x2e80, Hi: 0x303e, Stride: 1},
		{Lo: 0x3041, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff00, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1},
		{Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1},
		{Lo: 0x1f900, Hi: 0x1f9ff, Stride: 1},
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}

func runeColumns(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}
