// Package markdown reads the part of Markdown that lessons are written in, and draws it on
// a terminal: headings, paragraphs, lists, tables, fences, and within a line **bold**,
// *slanted*, `code` and [links](address).
//
// Lists have no lists within, and a paragraph ends at an empty line, a fence, a heading, a
// table or an item. After an empty line, an indent of four blanks makes a fence, too. What
// looks like nothing of this is text.
package markdown

import "strings"

// Kind tells what a block is.
type Kind uint8

const (
	Paragraph Kind = iota
	Heading        // Level is the number of its #
	Item           // of a list: Marker is what stands before it, "-" or "1."
	Fence          // Lines between ``` marks; Language is what follows the first
	Table          // Rows of cells between | marks, the heads first
)

// Block is a part of a text that stands by itself.
type Block struct {
	Kind     Kind     `json:"kind"`
	Level    int      `json:"level,omitempty"`
	Marker   string   `json:"marker,omitempty"`
	Language string   `json:"language,omitempty"`
	Spans    []Span   `json:"spans,omitempty"`
	Lines    []string `json:"lines,omitempty"`
	Rows     [][]Cell `json:"rows,omitempty"`
}

// Cell is one of a table's.
type Cell []Span

// Text is a fence's text, a line each.
func (b *Block) Text() string { return strings.Join(b.Lines, "\n") + "\n" }

// Style tells how a span is set.
type Style uint8

const (
	Plain Style = iota
	Bold
	Slanted
	Code
	Link // Address is where it leads
)

// Span is a piece of text in one style.
type Span struct {
	Style   Style  `json:"style,omitempty"`
	Text    string `json:"text"`
	Address string `json:"address,omitempty"`
}

const mark = "```"

// Parse reads a text.
func Parse(text string) []Block {
	p := &parser{}
	for line := range strings.Lines(text) {
		p.line(strings.TrimRight(line, " \r\n"))
	}
	p.end()
	return p.blocks
}

// parser collects the lines of the block at hand.
type parser struct {
	blocks []Block
	open   Block
	lines  []string
	fenced bool
}

func (p *parser) line(line string) {
	switch {
	case p.fenced && line == mark:
		p.blocks, p.fenced = append(p.blocks, p.open), false
		p.open = Block{}
	case p.fenced:
		p.open.Lines = append(p.open.Lines, line)
	case strings.HasPrefix(line, mark):
		p.end()
		p.open, p.fenced = Block{Kind: Fence, Language: strings.TrimPrefix(line, mark)}, true
	case line == "":
		p.end()
	case p.indented(line):
		p.open.Kind = Fence
		p.open.Lines = append(p.open.Lines, strings.TrimPrefix(line, codeIndent))
	case strings.HasPrefix(line, "|"):
		p.row(line)
	case heading(line) > 0:
		p.end()
		level := heading(line)
		p.blocks = append(p.blocks, Block{Kind: Heading, Level: level, Spans: Inline(line[level+1:])})
	default:
		if p.open.Kind == Fence || p.open.Kind == Table {
			p.end()
		}
		if marker := markerOf(line); marker != "" && p.mayBegin(marker) {
			p.end()
			p.open, line = Block{Kind: Item, Marker: marker}, line[len(marker)+1:]
		}
		p.lines = append(p.lines, strings.TrimSpace(line))
	}
}

// end ends the block at hand; a fence without its end ends with the text.
func (p *parser) end() {
	if p.fenced || p.open.Kind == Fence || p.open.Kind == Table {
		p.blocks = append(p.blocks, p.open)
	} else if len(p.lines) > 0 {
		p.open.Spans = Inline(strings.Join(p.lines, " "))
		p.blocks = append(p.blocks, p.open)
	}
	p.open, p.lines, p.fenced = Block{}, nil, false
}

const codeIndent = "    "

// indented reports whether a line is code by its indent; in a paragraph none is.
func (p *parser) indented(line string) bool {
	return strings.HasPrefix(line, codeIndent) && len(p.lines) == 0 && p.open.Kind != Table
}

// row adds a row to a table. The second one only rules a line below the heads.
func (p *parser) row(line string) {
	if p.open.Kind != Table {
		p.end()
		p.open.Kind = Table
	}
	if strings.Trim(line, "|-: ") == "" {
		return
	}
	const bar = "\x00" // a | in a cell is written \|
	line = strings.Trim(strings.ReplaceAll(line, `\|`, bar), "|")
	var cells []Cell
	for text := range strings.SplitSeq(line, "|") {
		cells = append(cells, Inline(strings.ReplaceAll(strings.TrimSpace(text), bar, "|")))
	}
	p.open.Rows = append(p.open.Rows, cells)
}

// heading is the level of a heading, 0 for other lines.
func heading(line string) int {
	level := len(line) - len(strings.TrimLeft(line, "#"))
	if level > 0 && strings.HasPrefix(line[level:], " ") {
		return level
	}
	return 0
}

// mayBegin reports whether an item may begin here: a paragraph that breaks in front of the
// number 8191. does not end there, so that only the first number begins a list in it.
func (p *parser) mayBegin(marker string) bool {
	return len(p.lines) == 0 || p.open.Kind == Item || !strings.HasSuffix(marker, ".") || marker == "1."
}

// markerOf is the marker of a list's item, "" for other lines.
func markerOf(line string) string {
	marker, _, found := strings.Cut(line, " ")
	digits := strings.TrimSuffix(marker, ".")
	switch {
	case !found:
	case marker == "-" || marker == "*":
		return marker
	case digits != marker && digits != "" && strings.Trim(digits, "0123456789") == "":
		return marker
	}
	return ""
}

// Inline parts a line into spans.
func Inline(text string) (spans []Span) {
	plain := 0
	add := func(end int, span Span, next int) {
		if end > plain {
			spans = append(spans, Span{Text: text[plain:end]})
		}
		if span.Text != "" {
			spans = append(spans, span)
		}
		plain = next
	}
	for at := 0; at < len(text); {
		span, length := spanAt(text[at:])
		if length == 0 {
			at++
			continue
		}
		add(at, span, at+length)
		at += length
	}
	add(len(text), Span{}, len(text))
	return spans
}

// spanAt is the styled span that begins a text, and its length there; 0 for none.
func spanAt(text string) (Span, int) {
	switch text[0] {
	case '`':
		return enclosed(text, "`", Code)
	case '*':
		if strings.HasPrefix(text, "**") {
			return enclosed(text, "**", Bold)
		}
		return enclosed(text, "*", Slanted)
	case '[':
		return link(text)
	}
	return Span{}, 0
}

// enclosed is what stands between two marks. A blank after the first keeps it from being
// one, as in 2 * 3 * 4.
func enclosed(text, mark string, style Style) (Span, int) {
	inner, _, found := strings.Cut(text[len(mark):], mark)
	if !found || inner == "" || style != Code && strings.HasPrefix(inner, " ") {
		return Span{}, 0
	}
	return Span{Style: style, Text: inner}, len(inner) + 2*len(mark)
}

func link(text string) (Span, int) {
	label, rest, found := strings.Cut(text[1:], "](")
	address, _, ended := strings.Cut(rest, ")")
	if !found || !ended || label == "" {
		return Span{}, 0
	}
	return Span{Style: Link, Text: label, Address: address}, len("[](") + len(label) + len(address) + 1
}
