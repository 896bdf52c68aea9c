package lesson

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/internal/teach/markdown"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Report tells a learner what the check has found.
func (l *Lesson) Report(v *Verdict, terminal markdown.Terminal) string {
	if v.Passed() {
		text := fmt.Sprintf("Right: in all %d cases your script prints what it has to.", v.Cases)
		if v.Cases == 1 {
			text = "Right: your script prints what it has to."
		}
		return terminal.Paragraph(text) + l.next(terminal)
	}
	f := v.Failure
	var b strings.Builder
	b.WriteString(terminal.Paragraph("Not yet. " + f.Sentence))
	if f.Unreached != "" {
		b.WriteString(terminal.Plain(f.Unreached)) // patterns of probes have stars
	}
	fmt.Fprintf(&b, "\nWhat happens in case %d of %d:\n\n%s\n", f.Case, v.Cases, indented(f.Events))
	b.WriteString(sideBySide(f.Want, f.Got, terminal))
	return b.String()
}

// next leads to the lesson that follows.
func (l *Lesson) next(terminal markdown.Terminal) string {
	next := l.Next()
	if next == nil {
		return ""
	}
	return terminal.Paragraph(fmt.Sprintf("Next: `ponytrace learn %d`, %s.", next.Number, next.Title))
}

// indented is a text with an indent before each line that is not empty.
func indented(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		b.WriteString(strings.TrimRight("    "+line, " ") + "\n")
	}
	return b.String()
}

// maxShown bounds how many lines are shown of an output.
const maxShown = 40

const wantHeading, gotHeading = "it has to print", "your script prints"

// sideBySide draws two outputs, with a mark at the lines that differ, or one below the
// other where the terminal is too narrow.
func sideBySide(want, got string, terminal markdown.Terminal) string {
	left, right := shownLines(want), shownLines(got)
	width := widest(left, wantHeading)
	if 7+width+widest(right, gotHeading) > terminal.Columns() {
		return fmt.Sprintf("It has to print\n\n%s\nand your script prints\n\n%s",
			indented(strings.Join(left, "\n")), indented(strings.Join(right, "\n")))
	}
	var b strings.Builder
	row := func(mark, left, right string) {
		pad := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(left)))
		b.WriteString(strings.TrimRight("  "+mark+" "+left+pad+"   "+right, " ") + "\n")
	}
	row(" ", wantHeading, gotHeading)
	row(" ", strings.Repeat("-", width), strings.Repeat("-", len(gotHeading)))
	for i := range max(len(left), len(right)) {
		l, r := at(left, i), at(right, i)
		mark := " "
		if l != r {
			mark = ">"
		}
		row(mark, l, r)
	}
	return b.String()
}

// widest is the width of the longest line.
func widest(lines []string, heading string) int {
	width := len(heading)
	for _, line := range lines {
		width = max(width, utf8.RuneCountInString(line))
	}
	return width
}

// shownLines are the lines of an output, safe for a terminal.
func shownLines(text string) []string {
	if text == "" {
		return []string{"(nothing)"}
	}
	lines := strings.Split(text, "\n")
	if len(lines) > maxShown {
		more := len(lines) - maxShown
		lines = append(lines[:maxShown:maxShown], fmt.Sprintf("(and %d more lines)", more))
	}
	for i := range lines {
		lines[i] = diag.Printable(lines[i])
	}
	return lines
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}
