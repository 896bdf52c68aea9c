package refusal

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/verdict"
)

// Look is how texts are laid out.
type Look struct {
	Width int // columns; 0 for the usual number
	Color bool
}

const usualWidth = 90

// page writes paragraphs and listings into a width.
type page struct {
	to    io.Writer
	width int
	color bool
}

func (l Look) page(to io.Writer) *page {
	p := &page{to, l.Width, l.Color}
	if p.width <= 0 {
		p.width = usualWidth
	}
	p.width = max(p.width, leastWidth)
	return p
}

// leastWidth keeps a word and the numbers before it on one line.
const leastWidth = 30

const (
	bold  = "\x1b[1m"
	red   = "\x1b[31m"
	green = "\x1b[32m"
	plain = "\x1b[0m"
)

func (p *page) colored(color, text string) string {
	if !p.color || color == "" {
		return text
	}
	return color + text + plain
}

func (p *page) title(text string) { fmt.Fprintf(p.to, "\n%s\n", p.colored(bold, text)) }

// paragraph breaks a text at blanks. Its first line has another beginning than the rest,
// of the same width.
func (p *page) paragraph(first, rest, text string) {
	for _, line := range wrap(text, p.width-utf8.RuneCountInString(rest)) {
		fmt.Fprintf(p.to, "%s%s\n", first, line)
		first = rest
	}
}

// wrap breaks a text at blanks; words that are too long, anywhere.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimLeft(line+" "+word, " ")
		for len(line) > width {
			cut := width
			for cut > 1 && !utf8.RuneStart(line[cut]) {
				cut--
			}
			lines, line = append(lines, line[:cut]), line[cut:]
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

const preface = "Before the kernel lets an eBPF program run, its verifier walks every way " +
	"through it, and refuses it where it might read what it must not, harm the kernel, or not " +
	"end. Each of these programs is refused, and is a small change to one that is accepted. " +
	"ponytrace explain --wrong NAME shows both, with the kernel's words. A helper is a function " +
	"of the kernel that programs may call, the context is what a program is handed in r1."

// PrintList lists the gallery.
func PrintList(to io.Writer, list []Title, look Look) {
	p := look.page(to)
	p.paragraph("", "", preface)
	fmt.Fprintln(to)
	column := 0
	for _, title := range list {
		column = max(column, len(title.Name)+2)
	}
	for _, title := range list {
		p.paragraph(fmt.Sprintf("%-*s", column, title.Name), strings.Repeat(" ", column), title.Title)
	}
}

// Print shows an example: both programs, the words of the kernels and what they mean.
func (x *Explained) Print(to io.Writer, look Look) {
	p := look.page(to)
	heading := wrap(x.Name+": "+x.Title, p.width)
	heading[0] = p.colored(bold, x.Name) + strings.TrimPrefix(heading[0], x.Name)
	fmt.Fprintf(to, "%s\n\n", strings.Join(heading, "\n"))
	p.paragraph("", "", x.setting())
	p.title("The wrong program")
	p.listing(x.Wrong, red)
	p.paragraph("", "", legend(x.Wrong))
	p.title("What the kernels say")
	for _, said := range x.Kernels {
		p.said(said)
	}
	p.title("What it means")
	p.paragraph("", "", x.Means)
	fmt.Fprintln(to)
	p.paragraph("", "", x.Why)
	p.title("The right program")
	p.listing(x.Right, green)
	p.paragraph("", "", x.Mend)
}

func (p *page) said(said Said) {
	names := "Linux " + strings.Join(said.Kernels, ", ")
	if said.Accepted {
		p.paragraph("", "  ", names+": the program is accepted")
		return
	}
	fmt.Fprintf(p.to, "%s:\n", names)
	for _, line := range said.Words {
		p.paragraph("    ", "      ", line)
	}
}

// legend explains the marks of a listing.
func legend(rows []Row) string {
	var parts []string
	if slices.ContainsFunc(rows, func(row Row) bool { return row.Only }) {
		parts = append(parts, "- is what is wrong.")
	} else {
		parts = append(parts, "Something is missing: it is marked with + in the right program.")
	}
	if slices.ContainsFunc(rows, func(row Row) bool { return row.Stops }) {
		parts = append(parts, "> is where the verifier stops.")
	}
	return strings.Join(parts, " ")
}

// listing writes instructions with their numbers, and beside them, or below where there
// is no room, what they are for.
func (p *page) listing(rows []Row, color string) {
	const numbers = 9 // marks and number
	column := 0
	for _, row := range rows {
		column = max(column, numbers+len(row.Text)+2)
	}
	beside := p.width-column >= 20
	for _, row := range rows {
		line := fmt.Sprintf("%s %4d: %s", row.marks(color), row.Number, row.Text)
		lines := []string{line}
		if row.Comment != "" {
			lines = withComment(line, row.Comment, column, p.width, beside)
		}
		for _, line := range lines {
			fmt.Fprintln(p.to, p.colored(row.color(color), line))
		}
	}
}

func withComment(line, comment string, column, width int, beside bool) (lines []string) {
	if !beside {
		lines = append(lines, line)
		for _, text := range wrap(comment, width-11) {
			lines = append(lines, strings.Repeat(" ", 11)+text)
		}
		return lines
	}
	for _, text := range wrap(comment, width-column) {
		lines = append(lines, fmt.Sprintf("%-*s%s", column, line, text))
		line = ""
	}
	return lines
}

// marks are "-" or "+" for an instruction of this program alone, and ">" for the one
// where the verifier stops.
func (r *Row) marks(color string) string {
	marks := []byte("  ")
	if r.Only {
		marks[0] = '-'
		if color == green {
			marks[0] = '+'
		}
	}
	if r.Stops {
		marks[1] = '>'
	}
	return string(marks)
}

func (r *Row) color(color string) string {
	if r.Only {
		return color
	}
	return ""
}

// PrintVerdict shows what a log says. The log may come from anywhere.
func PrintVerdict(to io.Writer, v verdict.Verdict, look Look) {
	p := look.page(to)
	fmt.Fprintln(to, p.colored(bold, "The verifier's words"))
	if v.Source != "" {
		p.paragraph("    ", "      ", diag.Printable("; "+v.Source))
	}
	for _, line := range v.Words {
		p.paragraph("    ", "      ", diag.Printable(line))
	}
	p.title("What they mean")
	if !v.Known() {
		p.paragraph("", "", unknownWords(v))
		return
	}
	p.paragraph("", "", diag.Printable(v.Means))
	fmt.Fprintln(to)
	p.paragraph("", "", diag.Printable(v.Remedy))
	if len(v.Examples) > 0 {
		fmt.Fprintf(to, "\nA program with this mistake, and the right one: "+
			"ponytrace explain --wrong %s\n", v.Examples[0])
	}
}

// unknownWords is what can be said of a log that the table does not explain.
func unknownWords(v verdict.Verdict) string {
	const text = "ponytrace does not know these words. "
	if v.Instruction < 0 {
		return text + "A log of the verifier ends with the instruction at which it stopped, such as " +
			"12: (95) exit, and what is wrong with it: is the log whole?"
	}
	return fmt.Sprintf("%sThe verifier stopped at instruction %d. Where the log has the states of "+
		"registers (log level 2), those before it tell what the verifier knew.", text, v.Instruction)
}
