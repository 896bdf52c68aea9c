package markdown

import "strings"

const (
	cellGap = 2
	// leastCell is how narrow the last column may get before rows are stacked instead.
	leastCell = 24
)

// table draws columns side by side, the last one broken into lines. Where that has no room,
// each row is its first cell with the others below it.
func (t Terminal) table(b *strings.Builder, rows [][]Cell) {
	if len(rows) == 0 {
		return
	}
	widths := t.widths(rows)
	used := 0
	for _, width := range widths[:len(widths)-1] {
		used += width + cellGap
	}
	last := min(t.Columns()-used-len(tableIndent), widths[len(widths)-1])
	for i, row := range rows {
		switch {
		case last < min(leastCell, widths[len(widths)-1]):
			t.stacked(b, row)
		case i == 0:
			t.row(b, bold(row), widths, last)
		default:
			t.row(b, row, widths, last)
		}
	}
}

const tableIndent = "  "

// widths are those of the columns with nothing broken.
func (t Terminal) widths(rows [][]Cell) []int {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], t.width(cell))
		}
	}
	return widths
}

func (t Terminal) width(cell Cell) (n int) {
	words := t.words(cell)
	for _, w := range words {
		n += w.width()
	}
	return n + max(len(words)-1, 0)
}

func bold(row []Cell) []Cell {
	var heads []Cell
	for _, cell := range row {
		heads = append(heads, Cell{{Style: Bold, Text: plain(cell)}})
	}
	return heads
}

func (t Terminal) row(b *strings.Builder, row []Cell, widths []int, last int) {
	head, indent := tableIndent, tableIndent
	for i, cell := range row[:len(row)-1] {
		head += t.lines(cell, widths[i])[0] + strings.Repeat(" ", widths[i]-t.width(cell)+cellGap)
		indent += strings.Repeat(" ", widths[i]+cellGap)
	}
	for i, line := range t.lines(row[len(row)-1], last) {
		if i > 0 {
			head = indent
		}
		b.WriteString(strings.TrimRight(head+line, " ") + "\n")
	}
}

func (t Terminal) stacked(b *strings.Builder, row []Cell) {
	indent := tableIndent
	for _, cell := range row {
		if len(cell) > 0 {
			t.fill(b, cell, indent, indent)
		}
		indent = tableIndent + strings.Repeat(" ", fenceIndent)
	}
}
