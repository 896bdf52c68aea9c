package markdown

import (
	"strings"
	"unicode/utf8"
)

// Terminal is what a text is drawn on.
type Terminal struct {
	Width int // in columns; 0 where it is not known
	Color bool
}

const (
	// usualWidth is taken where the width is not known, and widest where there is more: longer
	// lines are hard to read.
	usualWidth  = 80
	widest      = 92
	narrowest   = 20
	fenceIndent = 4
)

// The colours of terminals, ECMA-48 SGR.
const (
	plainText = "\x1b[0m"
	boldText  = "\x1b[1m"
	slanted   = "\x1b[3m"
	codeText  = "\x1b[36m" // cyan
	linkText  = "\x1b[4m"
)

// Render draws a text.
func Render(blocks []Block, terminal Terminal) string {
	var b strings.Builder
	for i := range blocks {
		if i > 0 && !(blocks[i].Kind == Item && blocks[i-1].Kind == Item) {
			b.WriteByte('\n')
		}
		terminal.block(&b, &blocks[i])
	}
	return b.String()
}

// Paragraph draws a paragraph, and nothing else.
func (t Terminal) Paragraph(text string) string {
	var b strings.Builder
	t.fill(&b, Inline(text), "", "")
	return b.String()
}

// Plain draws a paragraph in which no character is a mark.
func (t Terminal) Plain(text string) string {
	var b strings.Builder
	t.fill(&b, []Span{{Text: text}}, "", "")
	return b.String()
}

// Columns is how long lines may be.
func (t Terminal) Columns() int {
	if t.Width == 0 {
		return usualWidth
	}
	return max(min(t.Width, widest), narrowest)
}

func (t Terminal) block(b *strings.Builder, block *Block) {
	switch block.Kind {
	case Fence:
		indent := t.fenceIndent(block.Lines)
		for _, line := range block.Lines {
			b.WriteString(strings.TrimRight(indent+t.set(codeText, line), " ") + "\n")
		}
	case Item:
		indent := strings.Repeat(" ", len(block.Marker)+3)
		t.fill(b, block.Spans, "  "+block.Marker+" ", indent)
	case Table:
		t.table(b, block.Rows)
	case Heading:
		t.fill(b, []Span{{Style: Bold, Text: plain(block.Spans)}}, "", "")
	default:
		t.fill(b, block.Spans, "", "")
	}
}

// fenceIndent stands before the lines of a fence: less of it where they fit only so.
func (t Terminal) fenceIndent(lines []string) string {
	room := fenceIndent
	for _, line := range lines {
		if free := t.Columns() - utf8.RuneCountInString(line); free >= 0 {
			room = min(room, free)
		}
	}
	return strings.Repeat(" ", room)
}

// plain is the text of spans.
func plain(spans []Span) (text string) {
	for _, span := range spans {
		text += span.Text
	}
	return text
}

// set sets a text in a colour.
func (t Terminal) set(color, text string) string {
	if !t.Color || text == "" {
		return text
	}
	return color + text + plainText
}

var colors = [...]string{Bold: boldText, Slanted: slanted, Code: codeText, Link: linkText}

// word is what may not be broken: pieces in several styles, without a blank between them.
type word []Span

func (w word) width() (n int) {
	for _, piece := range w {
		n += utf8.RuneCountInString(piece.Text)
	}
	return n
}

// fill breaks spans into lines after indents of one width.
func (t Terminal) fill(b *strings.Builder, spans []Span, first, rest string) {
	for i, line := range t.lines(spans, t.Columns()-utf8.RuneCountInString(first)) {
		if i > 0 {
			first = rest
		}
		b.WriteString(first + line + "\n")
	}
}

// lines breaks spans into lines, one at least.
func (t Terminal) lines(spans []Span, columns int) (list []string) {
	line, width := word{}, 0
	for _, w := range t.words(spans) {
		if len(line) > 0 && width+1+w.width() > columns {
			list = append(list, t.styled(line))
			line, width = nil, 0
		}
		if len(line) > 0 {
			line, width = append(line, between(line[len(line)-1], w[0])), width+1
		}
		line, width = append(line, w...), width+w.width()
	}
	return append(list, t.styled(line))
}

// between is the blank between two pieces, which has their style if that is the same.
func between(left, right Span) Span {
	if left.Style == right.Style && left.Style != Code {
		return Span{Style: left.Style, Text: " "}
	}
	return Span{Text: " "}
}

// styled draws the pieces of a line, those of one style together.
func (t Terminal) styled(line word) (text string) {
	for len(line) > 0 {
		piece := line[0]
		for line = line[1:]; len(line) > 0 && line[0].Style == piece.Style; line = line[1:] {
			piece.Text += line[0].Text
		}
		if piece.Style == Plain {
			text += piece.Text
		} else {
			text += t.set(colors[piece.Style], piece.Text)
		}
	}
	return text
}

// words parts spans at blanks. Code is not broken: a command is copied as a whole.
func (t Terminal) words(spans []Span) (list []word) {
	joined := false // the next piece continues the last word
	add := func(text string, style Style) {
		if !joined || len(list) == 0 {
			list = append(list, nil)
		}
		last := len(list) - 1
		list[last], joined = append(list[last], Span{Style: style, Text: text}), true
	}
	for _, span := range spans {
		if span.Style == Code {
			add(t.code(span.Text), Code)
			continue
		}
		for piece := range strings.SplitAfterSeq(span.Text, " ") {
			if text := strings.TrimSuffix(piece, " "); text != "" {
				add(text, span.Style)
			}
			joined = joined && !strings.HasSuffix(piece, " ")
		}
	}
	return list
}

// code keeps its marks where no colour takes their place.
func (t Terminal) code(text string) string {
	if t.Color {
		return text
	}
	return "`" + text + "`"
}
