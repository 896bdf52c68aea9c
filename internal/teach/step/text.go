package step

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/internal/teach/explain"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Look says for what a text is written.
type Look struct {
	Width int  // in columns; 0 for 100
	Color bool // the terminal shows colours
}

const (
	usualWidth  = 100
	leastWidth  = 40
	instruction = 36 // columns of an instruction, before what it does
	indent      = "      "
)

// The colours: bold for titles, cyan for the script, yellow for what changed, faint for
// what explains.
const (
	bold    = "\x1b[1m"
	faint   = "\x1b[2m"
	reverse = "\x1b[7m"
	yellow  = "\x1b[33m"
	cyan    = "\x1b[36m"
	normal  = "\x1b[0m"
)

// Print writes all steps as text.
func (r *Run) Print(w io.Writer, of *explain.Explanation, look Look) error {
	out := bufio.NewWriter(w)
	p := &printer{Writer: out, run: r, of: of, Look: look}
	if p.Width = cmp.Or(p.Width, usualWidth); p.Width < leastWidth {
		p.Width = leastWidth
	}
	for i := range r.Events {
		p.event(i)
	}
	if len(r.Events) == 0 && r.Left == 0 {
		fmt.Fprintln(out, "nothing ran: there is no event")
	}
	if r.Left > 0 {
		text := fmt.Sprintf("%d more runs of programs are not shown", r.Left)
		if r.Error != "" {
			text += ", and the last of them fails: " + r.Error
		}
		fmt.Fprintf(out, "%s\n\n", p.paint(bold, text))
	}
	if text := strings.Trim(r.Output, "\n"); text != "" {
		p.block("at the end the script prints", text)
	}
	return out.Flush()
}

type printer struct {
	*bufio.Writer
	Look
	run *Run
	of  *explain.Explanation
}

func (p *printer) paint(color, text string) string {
	if !p.Color || text == "" {
		return text
	}
	return color + text + normal
}

// programOf is what is explained of an event's program.
//
//go:noinline
func programOf(of *explain.Explanation, e *Event) *explain.Program {
	i := slices.IndexFunc(of.Programs, func(p explain.Program) bool { return p.Name == e.Program })
	if i < 0 {
		return &explain.Program{}
	}
	return &of.Programs[i]
}

// Title is an event in a line.
func (e *Event) Title() string {
	return fmt.Sprintf("%s  %s  %d.%09d s", e.Probe, e.Task, e.Time/1e9, e.Time%1e9)
}

func (p *printer) event(i int) {
	e := &p.run.Events[i]
	fmt.Fprintln(p, p.paint(bold, cut(fmt.Sprintf("== run %d: %s", i+1, e.Title()), p.Width)))
	for _, c := range e.Start {
		p.wrapped(indent, c.line())
	}
	program, last := programOf(p.of, e), explain.Span{}
	for j := range e.Steps {
		s := &e.Steps[j]
		row := rowOf(program, s.Row)
		if row.Span != last && row.Span.End > row.Span.Start {
			last = row.Span
			part := fmt.Sprintf("   %d:%d  %s", last.Line, last.Column, excerpt(p.of, last))
			fmt.Fprintln(p, p.paint(cyan, cut(part, p.Width)))
		}
		p.step(s, row)
	}
	p.end(e)
}

func rowOf(program *explain.Program, i int) *explain.Row {
	if i >= len(program.Rows) {
		return &explain.Row{}
	}
	return &program.Rows[i]
}

// excerpt is a part of the script on one line.
func excerpt(of *explain.Explanation, span explain.Span) string {
	if span.Source >= len(of.Sources) || span.End > len(of.Sources[span.Source].Text) {
		return ""
	}
	text := of.Sources[span.Source].Text[span.Start:span.End]
	return diag.Printable(strings.Join(strings.Fields(text), " "))
}

func (p *printer) step(s *Step, row *explain.Row) {
	head := fmt.Sprintf("%s%4d  %s", strings.Repeat("  ", s.Depth), row.Number, row.Text)
	about := cmp.Or(s.What, row.Reason)
	room := p.Width - instruction - 1
	lines := wrap(about, max(room, 20))
	if diag.Columns(head) > instruction || room < 20 {
		fmt.Fprintln(p, head)
		p.wrapped(indent, about)
	} else {
		for i, line := range lines {
			if i > 0 {
				head = ""
			}
			fmt.Fprintf(p, "%-*s %s\n", instruction, head, p.paint(faint, line))
		}
		if len(lines) == 0 {
			fmt.Fprintln(p, head)
		}
	}
	for _, line := range changeLines(s.Changes) {
		for i, part := range wrap(line, p.Width-len(indent)-2) {
			fmt.Fprintln(p, indent+strings.Repeat("  ", min(i, 1))+p.paint(yellow, part))
		}
	}
}

func (p *printer) wrapped(before, text string) {
	for i, line := range wrap(text, p.Width-len(before)-2) {
		fmt.Fprintln(p, before+strings.Repeat("  ", min(i, 1))+line)
	}
}

func (p *printer) end(e *Event) {
	if e.Cut > 0 {
		fmt.Fprintf(p, "%s%d more steps are not shown\n", indent, e.Cut)
	}
	if e.Error != "" {
		fmt.Fprintln(p, p.paint(bold, "the run ends here: "+e.Error))
	}
	if text := strings.Trim(e.Output, "\n"); text != "" {
		p.block("the script prints", text)
	}
	for _, m := range e.Maps {
		p.block(m.Name+" is now", cmp.Or(strings.Trim(m.Text, "\n"), "empty"))
	}
	fmt.Fprintln(p)
}

func (p *printer) block(title, text string) {
	fmt.Fprintln(p, p.paint(bold, title))
	for line := range strings.Lines(text) {
		fmt.Fprintln(p, "  "+strings.TrimRight(line, "\n"))
	}
}

// line is a change as place: text.
func (c *Change) line() string {
	switch {
	case c.Gone && c.Kind == Value:
		return fmt.Sprintf("%s: deleted, was %s", c.Place, c.Before)
	case c.Gone:
		return c.Place + ": gone"
	case c.Before != "" && c.Kind == Value && c.Before != c.Text:
		return fmt.Sprintf("%s: %s, was %s", c.Place, c.Text, c.Before)
	}
	return fmt.Sprintf("%s: %s", c.Place, c.Text)
}

// changeLines puts registers that are gone into one line.
func changeLines(changes []Change) (lines []string) {
	var gone []string
	for i := range changes {
		c := &changes[i]
		if c.Gone && c.Kind == Register {
			gone = append(gone, c.Place)
			continue
		}
		lines = append(lines, c.line())
	}
	if gone != nil {
		lines = append(lines, strings.Join(gone, ", ")+": gone")
	}
	return lines
}

// cut shortens a text to columns.
func cut(text string, width int) string {
	if diag.Columns(text) <= width {
		return text
	}
	return text[:breakAt(text, max(width-3, 0))] + "..."
}

// breakAt is how many bytes of a text fit into columns.
func breakAt(text string, width int) int {
	used := 0
	for i, r := range text {
		if used += diag.Columns(string(r)); used > width {
			return i
		}
	}
	return len(text)
}

// wrap breaks a text at blanks, and words that are too long anywhere.
func wrap(text string, width int) (lines []string) {
	line := ""
	width = max(width, 2) // a character may take two columns
	for _, word := range strings.Fields(text) {
		for diag.Columns(word) > width {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			at := breakAt(word, width)
			lines, word = append(lines, word[:at]), word[at:]
		}
		if line != "" && diag.Columns(line)+1+diag.Columns(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimLeft(line+" "+word, " ")
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
