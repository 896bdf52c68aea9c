package stage

import (
	"fmt"
	"io"
	"strings"

	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Names are those of the stages that Print knows, in their order.
var Names = []string{"tokens", "ast", "types", "ir", "opt", "asm"}

// Print writes a stage, or all of them for the name "all", as text for people.
func (s *Stages) Print(w io.Writer, name string) {
	for _, stage := range Names {
		if name != stage && name != "all" {
			continue
		}
		switch stage {
		case "tokens":
			s.title(w, name, "tokens of the script")
			s.printTokens(w)
		case "ast":
			s.title(w, name, "ast of the script")
			s.printTree(w)
		default:
			s.printPrograms(w, stage)
		}
	}
}

// title stands before what is not of a program, where it is not all that was asked for.
func (s *Stages) title(w io.Writer, asked, title string) {
	if asked == "all" {
		fmt.Fprintf(w, "-- %s\n", title)
	}
}

func (s *Stages) printPrograms(w io.Writer, stage string) {
	for _, program := range s.Programs {
		fmt.Fprintf(w, "-- %s of %s\n", stage, program.Name)
		switch stage {
		case "types":
			printTypes(w, program.Types)
		case "ir":
			printFunctions(w, program.IR)
		case "opt":
			printFunctions(w, program.Optimized)
		case "asm":
			printCode(w, program)
		}
		fmt.Fprintln(w)
	}
}

// column is where what explains a line starts.
const column = 44

// line writes a text and what explains it.
func line(w io.Writer, text, explanation string) {
	if explanation == "" {
		fmt.Fprintln(w, diag.Printable(text))
		return
	}
	fmt.Fprintf(w, "%-*s ; %s\n", column, diag.Printable(text), diag.Printable(explanation))
}

// place is where a span begins, as line:column.
func place(span diag.Span) string {
	if span.Source == nil {
		return ""
	}
	line, column := span.Source.Position(span.Start)
	return fmt.Sprintf("%d:%d", line, column)
}

// excerpt is the text of a span on one line, cut where it is long.
func excerpt(span diag.Span) string {
	const most = 48
	if span.Source == nil {
		return ""
	}
	text := strings.Join(strings.Fields(span.Text()), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-3]) + "..."
	}
	return text
}

func (s *Stages) printTokens(w io.Writer) {
	for _, token := range s.Tokens {
		fmt.Fprintf(w, "%-7s %-14s %s\n", place(token.Span), token.Kind, diag.Printable(excerpt(token.Span)))
	}
}

func (s *Stages) printTree(w io.Writer) { io.WriteString(w, lang.Dump(s.Script)) }

func printTypes(w io.Writer, types []Typed) {
	for _, t := range types {
		fmt.Fprintf(w, "%-7s %-*s %s\n", place(t.Span), column, diag.Printable(excerpt(t.Span)), diag.Printable(t.Type))
	}
}

// String is the function without what explains it: the form that package irtest reads.
func (f *Function) String() string {
	var text strings.Builder
	f.print(&text, func(text *strings.Builder, op *Operation) { fmt.Fprintf(text, "  %s\n", op.Text) })
	return text.String()
}

func (f *Function) print(text *strings.Builder, operation func(*strings.Builder, *Operation)) {
	fmt.Fprintf(text, "func %s\n", f.Name)
	for _, slot := range f.Slots {
		fmt.Fprintf(text, "  slot %s\n", slot)
	}
	for _, cell := range f.Cells {
		fmt.Fprintf(text, "  cell %s\n", cell)
	}
	for i := range f.Blocks {
		block := &f.Blocks[i]
		if block.Cold {
			fmt.Fprintf(text, "%s cold:\n", block.Name)
		} else {
			fmt.Fprintf(text, "%s:\n", block.Name)
		}
		for i := range block.Operations {
			operation(text, &block.Operations[i])
		}
	}
}

// printFunctions writes beside each operation the part of the script that it belongs to,
// where that is another than that of the one before, and why it is there.
func printFunctions(w io.Writer, functions []*Function) {
	for _, f := range functions {
		var text strings.Builder
		var last diag.Span
		f.print(&text, func(text *strings.Builder, op *Operation) {
			line(text, "  "+op.Text, explain(op.Span, &last, op.why()))
		})
		io.WriteString(w, text.String())
	}
}

// why sums up where an operation comes from.
func (op *Operation) why() string {
	var parts []string
	if op.Reason != "" {
		parts = append(parts, op.Reason)
	}
	if op.Pass != "" {
		parts = append(parts, "added by "+op.Pass)
	}
	if len(op.Changed) > 0 {
		parts = append(parts, "changed by "+strings.Join(op.Changed, ", "))
	}
	if op.Removed != "" {
		parts = append(parts, "removed by "+op.Removed)
	}
	return strings.Join(parts, "; ")
}

func explain(span diag.Span, last *diag.Span, why string) string {
	text := ""
	if span != *last {
		text, *last = excerpt(span), span
	}
	switch {
	case text == "":
		return why
	case why == "":
		return text
	}
	return text + ": " + why
}

// Listing is the code without what explains it, as the kernel's verifier and bpftool
// write it, with the lines of the script.
func (p *Program) Listing() string {
	var text strings.Builder
	p.ListOver(&text, nil)
	return text.String()
}

// ListOver writes the listing, with more lines below instructions, by their offsets.
func (p *Program) ListOver(w io.Writer, below map[int][]string) {
	p.list(w, func(*Instruction) string { return "" }, below)
}

// list writes the instructions, with the line of the script where another one begins.
func (p *Program) list(w io.Writer, explanation func(*Instruction) string, below map[int][]string) {
	var shown diag.Span
	for i := range p.Code {
		at := &p.Code[i]
		if i > 0 && at.Symbol != "" && !strings.Contains(at.Symbol, ".") {
			fmt.Fprintf(w, "%s:\n", at.Symbol)
		}
		if source := sourceLine(at.Span); source.Source != nil && source != shown {
			fmt.Fprintf(w, "; %s\n", diag.Printable(strings.TrimSpace(source.Text())))
			shown = source
		}
		line(w, fmt.Sprintf("%4d: (%02x) %s", at.Offset, at.Opcode, at.Text), explanation(at))
		for _, text := range below[at.Offset] {
			line(w, text, "")
		}
	}
}

// sourceLine is the line in which a span begins.
func sourceLine(span diag.Span) diag.Span {
	if span.Source == nil {
		return diag.Span{}
	}
	text := span.Source.Text
	start := strings.LastIndexByte(text[:span.Start], '\n') + 1
	end := len(text)
	if length := strings.IndexByte(text[start:], '\n'); length >= 0 {
		end = start + length
	}
	return diag.Span{Source: span.Source, Start: start, End: end}
}

// printCode writes beside each instruction the operation that it comes from, and why it
// is there; then what the registers and the stack hold.
func printCode(w io.Writer, p *Program) {
	p.list(w, func(i *Instruction) string {
		if i.Operation == 0 {
			return i.Reason
		}
		if i.Reason == "" {
			return fmt.Sprintf("v%d", i.Operation)
		}
		return fmt.Sprintf("v%d: %s", i.Operation, i.Reason)
	}, nil)
	for _, place := range p.Places {
		if len(place.Holds) > 0 {
			fmt.Fprintf(w, "%4d-%-4d %-12s %s\n", place.From, place.To, place.name(), diag.Printable(strings.Join(place.Holds, ", ")))
		}
	}
}

func (p *Place) name() string {
	switch {
	case p.Register >= 0:
		return fmt.Sprintf("r%d", p.Register)
	case p.Scratch:
		return fmt.Sprintf("scratch+%d", p.Offset)
	}
	return fmt.Sprintf("r10%+d", p.Offset)
}
