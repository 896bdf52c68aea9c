package explain

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/ponytrace/ponytrace/lang/diag"
)

// ColumnNames are those of a program's rows, in their order.
var ColumnNames = []string{"number", "instruction", "source", "reason", "verifier", "machine"}

// column is one of a table.
type column struct {
	name    string
	natural int // what its longest cell takes
	least   int // below that, it moves under its row
	width   int
}

// leastWidths is what a column needs to be readable beside others.
var leastWidths = map[string]int{
	"instruction": 29, "source": 12, "reason": 28, "verifier": 20, "machine": 22,
}

const (
	gap        = 2  // between columns
	mostSource = 28 // of the script's text in a row
	mostCode   = 35 // of an instruction: a few are longer, and wrap
	wideEnough = 96 // for instructions that do not wrap
)

// table draws the rows of a program.
type table struct {
	*painter
	columns []column // beside each other
	below   []column // under each row
	// What the last row had in the columns source and reason, so that it is not repeated.
	source, why string
}

// cell is what a row has in a column, a paragraph each.
func (t *table) cell(name string, row *Row) []string {
	switch name {
	case "number":
		return []string{fmt.Sprint(row.Number)}
	case "instruction":
		return []string{row.Text}
	case "source":
		return []string{t.text(row.Span)}
	case "reason":
		return []string{row.Reason}
	case "verifier":
		return factLines(row.Known)
	}
	return machineLines(row.Machine)
}

func factLines(facts []Fact) (lines []string) {
	for _, f := range facts {
		lines = append(lines, f.Place+": "+f.Text)
	}
	return lines
}

func machineLines(code []Machine) (lines []string) {
	for _, m := range code {
		lines = append(lines, m.Text)
	}
	return lines
}

// newTable finds the widths for the rows of a program. What has no room beside the
// others, the last column first, goes under its row.
func newTable(p *painter, rows []Row) *table {
	t := &table{painter: p}
	for _, name := range p.look.Columns {
		c := column{name: name, least: leastWidths[name]}
		for i := range rows {
			for _, line := range t.cell(name, &rows[i]) {
				c.natural = max(c.natural, diag.Columns(line))
			}
		}
		switch name {
		case "instruction":
			c.natural = min(c.natural, mostCode)
			if p.look.Width >= wideEnough {
				c.least = min(c.natural, mostCode)
			}
		case "source":
			c.natural = min(c.natural, mostSource)
			c.least = min(c.natural, c.least+max(0, p.look.Width-wideEnough)/3)
		}
		if c.natural > 0 {
			t.columns = append(t.columns, c)
		}
	}
	for !t.fit() {
		last := len(t.columns) - 1
		t.below = append([]column{t.columns[last]}, t.below...)
		t.columns = t.columns[:last]
	}
	return t
}

// fit shares the width out, and reports whether it suffices.
func (t *table) fit() bool {
	room := t.look.Width - gap*(len(t.columns)-1)
	for i := range t.columns {
		c := &t.columns[i]
		c.width = c.natural
		if t.look.Width > 0 && c.least > 0 {
			c.width = min(c.natural, c.least)
		}
		room -= c.width
	}
	for room > 0 && t.look.Width > 0 && t.widen() {
		room--
	}
	return t.look.Width == 0 || room >= 0 || len(t.columns) <= 1
}

// widen gives one more to the column that lacks most.
func (t *table) widen() bool {
	most := 0
	for i, c := range t.columns {
		if c.natural-c.width > t.columns[most].natural-t.columns[most].width {
			most = i
		}
	}
	if t.columns[most].natural == t.columns[most].width {
		return false
	}
	t.columns[most].width++
	return true
}

// head prints the names of the columns.
func (t *table) head(w *bufio.Writer) {
	var line strings.Builder
	for i, c := range t.columns {
		name := c.name
		if name == "number" {
			name = ""
		}
		fmt.Fprintf(&line, "%-*s", c.width+gap*min(1, len(t.columns)-1-i), cut(name, c.width))
	}
	if text := strings.TrimRight(line.String(), " "); text != "" {
		fmt.Fprintln(w, t.paint(faint, text))
	}
}

// shortened ends a text that is too wide in dots.
func shortened(text string, width int) string {
	if diag.Columns(text) <= width || width < 4 {
		return text
	}
	return text[:breakAt(text, width-3)] + "..."
}

func cut(text string, width int) string {
	if len(text) > width {
		return text[:width]
	}
	return text
}

// row prints an instruction in as many lines as its longest cell takes.
func (t *table) row(w *bufio.Writer, row *Row) {
	cells, height := make([][]string, len(t.columns)), 0
	for i, c := range t.columns {
		cells[i] = t.wrapped(c, row)
		height = max(height, len(cells[i]))
	}
	for n := range height {
		w.WriteString(strings.TrimRight(t.line(cells, row, n), " ") + "\n")
	}
	for _, c := range t.below {
		t.under(w, c, row)
	}
}

// wrapped is a cell in lines that fit.
func (t *table) wrapped(c column, row *Row) (lines []string) {
	switch c.name {
	case "source":
		return t.sourceCell(row, c.width)
	case "reason":
		return t.reasonCell(row, c.width)
	}
	for _, paragraph := range t.cell(c.name, row) {
		lines = append(lines, wrap(diag.Printable(paragraph), c.width)...)
	}
	return lines
}

// sourceCell is the text of the script in one line, where it is another than that of the
// row before.
func (t *table) sourceCell(row *Row, width int) []string {
	text := shortened(diag.Printable(strings.Join(strings.Fields(t.text(row.Span)), " ")), width)
	if text == t.source {
		return nil
	}
	t.source = text
	return []string{text}
}

// reasonCell is indented without what the row before begins with, too.
func (t *table) reasonCell(row *Row, width int) (lines []string) {
	if row.Why == "" || row.Why != t.why {
		t.why = row.Why
		return wrap(diag.Printable(row.Reason), width)
	}
	text := diag.Printable(strings.TrimPrefix(row.Reason, row.Why))
	for _, line := range wrap(text, max(width-2, 0)) {
		lines = append(lines, "  "+line)
	}
	return lines
}

// line is number n of a row's lines.
func (t *table) line(cells [][]string, row *Row, n int) string {
	var b strings.Builder
	for i, c := range t.columns {
		text := ""
		if n < len(cells[i]) {
			text = cells[i][n]
		}
		blanks := strings.Repeat(" ", max(0, c.width-diag.Columns(text)))
		switch c.name {
		case "number":
			text, blanks = blanks+text, ""
		case "source":
			text = t.paint(t.colors[spanOf(row.Span)], text)
		}
		b.WriteString(text + blanks)
		if i < len(t.columns)-1 {
			b.WriteString(strings.Repeat(" ", gap))
		}
	}
	return b.String()
}

// under prints a column under its row, indented.
func (t *table) under(w *bufio.Writer, c column, row *Row) {
	const indent = "       "
	width := max(t.look.Width-len(indent), 1)
	lines, color := t.wrapped(column{name: c.name, width: width}, row), ""
	switch c.name {
	case "source":
		color = t.colors[spanOf(row.Span)]
	case "verifier", "machine":
		if len(lines) > 0 {
			lines = wrap(c.name+": "+diag.Printable(strings.Join(t.cell(c.name, row), "; ")), width)
		}
	}
	for _, line := range lines {
		fmt.Fprintln(w, indent+t.paint(color, line))
	}
}

// wrap breaks a text at blanks, and words that are too long anywhere. A width of 0 is
// none.
func wrap(text string, width int) (lines []string) {
	if width <= 0 || diag.Columns(text) <= width {
		return []string{text}
	}
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && diag.Columns(line)+1+diag.Columns(word) > width {
			lines, line = append(lines, line), ""
		}
		for diag.Columns(word) > width {
			at := breakAt(word, width)
			lines, word = append(lines, word[:at]), word[at:]
		}
		line = strings.TrimLeft(line+" "+word, " ")
	}
	return append(lines, line)
}

// breakAt is how many bytes of a word fit, one character at least.
func breakAt(word string, width int) int {
	end := len(word)
	for at := range word {
		if at > 0 && diag.Columns(word[:at]) > width {
			return end
		}
		if at > 0 {
			end = at
		}
	}
	return end
}
