package explain

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// New explains what the compiler made of a script for a machine. The stages are those of
// the same compilation.
func New(o *object.Object, stages *stage.Stages, machine *target.Target) *Explanation {
	b := &builder{object: o, machine: machine, sources: map[*diag.Source]int{}}
	b.Target = fmt.Sprintf("Linux %s on %s", machine.Version, machine.Arch)
	if stages.Script != nil {
		b.source(stages.Script.Source)
	}
	var code []asm.Instructions
	counted := costs(o, machine)
	for i, program := range o.All() {
		b.add(program, stages.Programs[i], counted[i])
		code = append(code, program.Instructions)
	}
	b.Maps, b.Helpers, b.Terms = describeMaps(o, machine), countHelpers(code), terms
	return &b.Explanation
}

// builder fills an Explanation.
type builder struct {
	Explanation
	object  *object.Object
	machine *target.Target
	sources map[*diag.Source]int
}

// source is the index of a text.
func (b *builder) source(s *diag.Source) int {
	if i, known := b.sources[s]; known {
		return i
	}
	b.sources[s] = len(b.Sources)
	b.Sources = append(b.Sources, Source{Name: s.Name, Text: s.Text})
	return len(b.Sources) - 1
}

func (b *builder) span(s diag.Span) Span {
	if s.Source == nil {
		return Span{}
	}
	line, column := s.Source.Position(s.Start)
	return Span{b.source(s.Source), s.Start, s.End, line, column}
}

func (b *builder) add(program *object.ProgramSpec, made *stage.Program, cost Cost) {
	p := Program{
		Name: program.Name, Probes: made.Probes, Source: b.span(program.Clause),
		Context: contextOf(program), Cost: cost,
	}
	r := newReasoner(b.object, program, made, words{b.machine, program})
	for i := range made.Code {
		p.Rows = append(p.Rows, b.row(r, i, program))
	}
	b.Programs = append(b.Programs, p)
}

func (b *builder) row(r *reasoner, i int, program *object.ProgramSpec) Row {
	at := &r.code[i]
	row := Row{
		Number: at.Offset, Opcode: at.Opcode, Text: at.Text, Span: b.span(at.Span), Target: at.Target,
	}
	why, act := r.reason(i)
	row.Reason, row.Why = why+act, why
	if i > 0 && at.Symbol == at.Function {
		row.Function = at.Function
	}
	if at.Span.Source == nil {
		row.Span = b.span(program.Clause)
	}
	return row
}
