package explain

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/internal/teach/jsontext"

	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/lang/order"
)

// Look says how an explanation is printed.
type Look struct {
	Width   int      // in columns; 0 for lines as long as they come
	Color   bool     // the terminal shows colours
	Columns []string // of ColumnNames; nil for all
}

// Colours, as terminals know them: ECMA-48, Select Graphic Rendition.
// https://ecma-international.org/publications-and-standards/standards/ecma-48/
const (
	plainColor = "\x1b[0m"
	bold       = "\x1b[1m"
	faint      = "\x1b[2m"
)

// spanColors are given to the parts of the script in turn: cyan, yellow, green, magenta,
// red.
var spanColors = [...]string{"\x1b[36m", "\x1b[33m", "\x1b[32m", "\x1b[35m", "\x1b[31m"}

// JSON writes the explanation as one JSON value.
func (e *Explanation) JSON(w io.Writer) error {
	return jsontext.Write(w, e)
}

// Print writes the explanation for people.
func (e *Explanation) Print(w io.Writer, look Look) error {
	if look.Columns == nil {
		look.Columns = ColumnNames
	}
	p := &painter{Explanation: e, look: look, colors: map[spanKey]string{}, Writer: bufio.NewWriter(w)}
	p.chooseColors()
	for i := range e.Sources {
		p.source(i)
	}
	for _, notice := range e.Notices {
		p.paragraph("", notice)
	}
	for i := range e.Programs {
		p.program(&e.Programs[i])
	}
	p.maps()
	p.helpers()
	p.title("words")
	for _, term := range p.Terms {
		p.paragraph(fmt.Sprintf("  %-12s", term.Name), term.Text)
	}
	return p.Flush()
}

// painter prints one explanation.
type painter struct {
	*Explanation
	*bufio.Writer
	look   Look
	colors map[spanKey]string
}

// spanKey tells spans apart.
type spanKey struct{ source, start, end int }

func spanOf(s Span) spanKey { return spanKey{s.Source, s.Start, s.End} }

func (e *Explanation) text(s Span) string { return e.Sources[s.Source].Text[s.Start:s.End] }

func (p *painter) paint(color, text string) string {
	if !p.look.Color || color == "" || text == "" {
		return text
	}
	return color + text + plainColor
}

// spans are the parts of the script that instructions come from, in the order of the
// script.
func (e *Explanation) spans() (list []spanKey) {
	known := map[spanKey]bool{}
	for i := range e.Programs {
		for j := range e.Programs[i].Rows {
			known[spanOf(e.Programs[i].Rows[j].Span)] = true
		}
	}
	for key := range known {
		list = append(list, key)
	}
	order.Stable(list, func(a, b spanKey) int {
		return cmp.Or(a.source-b.source, a.start-b.start, b.end-a.end)
	})
	return list
}

// chooseColors leaves clauses without: everything in them has its own.
func (p *painter) chooseColors() {
	if !p.look.Color {
		return
	}
	for i, key := range p.spans() {
		p.colors[key] = spanColors[i%len(spanColors)]
	}
	for i := range p.Programs {
		delete(p.colors, spanOf(p.Programs[i].Source))
	}
}

// source prints the lines of a text, each part in the colour that its instructions have
// below.
func (p *painter) source(number int) {
	s := p.Sources[number]
	colors := p.colorsOf(number)
	if number == 0 {
		p.title(s.Name + ", for " + p.Target)
	} else {
		p.title(s.Name)
	}
	line, start := 1, 0
	text := strings.TrimSuffix(s.Text, "\n")
	for start <= len(text) {
		end := start + len(text[start:])
		if length := strings.IndexByte(text[start:], '\n'); length >= 0 {
			end = start + length
		}
		p.sourceLine(line, text[start:end], colors, start)
		line, start = line+1, end+1
	}
	p.WriteByte('\n')
}

// colorsOf is the colour of each byte: that of the shortest part around it.
func (p *painter) colorsOf(number int) []string {
	colors := make([]string, len(p.Sources[number].Text))
	if len(p.colors) == 0 {
		return colors
	}
	spans := slices.DeleteFunc(p.spans(), func(key spanKey) bool { return key.source != number })
	order.Stable(spans, func(a, b spanKey) int { return b.end - b.start - a.end + a.start })
	for _, key := range spans {
		for i := key.start; i < key.end; i++ {
			colors[i] = p.colors[key]
		}
	}
	return colors
}

// sourceLine prints a line, which starts at a byte of its source. What is wider than the
// terminal goes on in the next line.
func (p *painter) sourceLine(number int, line string, colors []string, start int) {
	const indent = 6
	fmt.Fprintf(p, "%4d  ", number)
	column, last := indent, ""
	for i, r := range line {
		color, text := colors[start+i], diag.Printable(string(r))
		if r == '\t' {
			text = "    "
		}
		if p.look.Width > indent && column+diag.Columns(text) > p.look.Width {
			p.switchColor(&last, "")
			fmt.Fprintf(p, "\n%*s", indent, "")
			column = indent
		}
		p.switchColor(&last, color)
		p.WriteString(text)
		column += diag.Columns(text)
	}
	p.switchColor(&last, "")
	p.WriteByte('\n')
}

func (p *painter) switchColor(last *string, to string) {
	if to == *last {
		return
	}
	if *last != "" {
		p.WriteString(plainColor)
	}
	p.WriteString(to)
	*last = to
}

func (p *painter) title(text string) {
	for _, line := range wrap(diag.Printable(text), p.look.Width) {
		fmt.Fprintln(p, p.paint(bold, line))
	}
}

// paragraph prints a text behind a label, wrapped.
func (p *painter) paragraph(label, text string) {
	head := label
	indent := 0
	if label != "" {
		indent = max(10, diag.Columns(label)+2)
		head = fmt.Sprintf("%-*s", indent, diag.Printable(label))
	}
	width := 0
	if p.look.Width > 0 {
		width = max(p.look.Width-indent, 20)
	}
	for _, line := range wrap(diag.Printable(text), width) {
		fmt.Fprintln(p, strings.TrimRight(p.paint(faint, head)+line, " "))
		head = strings.Repeat(" ", indent)
	}
	if label == "" {
		p.WriteByte('\n')
	}
}

func (p *painter) program(program *Program) {
	p.title("program " + program.Name + ": " + excerpt(strings.Join(program.Probes, ", "), 200))
	c := program.Context
	p.paragraph("  type", c.Type+", attached by "+c.Mechanism)
	p.paragraph("  when", c.When)
	p.paragraph("  r1", "points to the context. "+c.Holds)
	p.paragraph("  cost", program.Cost.String())
	p.WriteByte('\n')
	t := newTable(p, program.Rows)
	t.head(p.Writer)
	for i := range program.Rows {
		row := &program.Rows[i]
		if row.Function != "" {
			p.title("function " + row.Function)
		}
		t.row(p.Writer, row)
	}
	p.WriteByte('\n')
}

// String is the cost in a sentence.
func (c Cost) String() string {
	text := plural(c.Instructions, "instruction") + ", "
	if c.Executed > 0 {
		of := "of which"
		if c.Executed > c.Instructions {
			of = "and, as loops repeat some,"
		}
		text += fmt.Sprintf("%s %d run on the usual path, with %s of helpers; ",
			of, c.Executed, plural(c.Helpers, "call"))
	}
	text += fmt.Sprintf("%d of the 512 bytes of stack", c.Stack)
	if c.Verified > 0 {
		text += fmt.Sprintf("; the verifier walked %s, over all paths", plural(c.Verified, "instruction"))
	}
	return text
}

func plural(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (p *painter) maps() {
	if len(p.Maps) == 0 {
		return
	}
	p.title("maps")
	for i := range p.Maps {
		m := &p.Maps[i]
		p.paragraph("  "+m.Name, m.describe())
	}
	p.WriteByte('\n')
}

// describe is a map in sentences.
func (m *Map) describe() string {
	text := m.Type + ": " + m.Purpose + ". "
	if len(m.Holds) > 0 && !slices.Contains(m.Holds, m.Name) {
		text += "It holds " + strings.Join(m.Holds, ", ") + ". "
	}
	switch {
	case m.Type == "ringbuf":
		return text + bytesText(m.Memory) + " of memory."
	case m.Key != "":
		text += fmt.Sprintf("Key: %s (%d bytes); value: %s (%d "+
			"bytes); ", m.Key, m.KeySize, m.Value, m.ValueSize)
	default:
		text += fmt.Sprintf("A value has %s; ", plural(m.ValueSize, "byte"))
	}
	text += plural(m.Entries, "entry")
	if m.Entries != 1 {
		text = strings.TrimSuffix(text, "entrys") + "entries at most"
	}
	if m.Full == m.Memory {
		return text + ". " + bytesText(m.Memory) + " of memory."
	}
	return fmt.Sprintf("%s. %s of memory at first, %s when it is "+
		"full.", text, bytesText(m.Memory), bytesText(m.Full))
}

func (p *painter) helpers() {
	if len(p.Helpers) == 0 {
		return
	}
	p.title("helpers: functions of the kernel that the programs call")
	for i := range p.Helpers {
		h := &p.Helpers[i]
		head := fmt.Sprintf("%s #%d, called in %s", h.Signature, h.Number, plural(h.Calls, "place"))
		for j, line := range wrap(head, max(p.look.Width-4, 0)) {
			fmt.Fprintf(p, "  %s%s\n", strings.Repeat("  ", min(j, 1)), line)
		}
		for _, line := range wrap(h.Sentence, max(p.look.Width-6, 0)) {
			fmt.Fprintf(p, "      %s\n", line)
		}
	}
	p.WriteByte('\n')
}
