package compiler

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/internal/bpf"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/opt"
	"github.com/ponytrace/ponytrace/compiler/internal/sema"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/order"
)

// beginStages forgets what an earlier attempt at the script left.
func beginStages(to *stage.Stages, script *lang.Script) {
	if to != nil {
		*to = stage.Stages{Tokens: lang.Tokens(script.Source), Script: script}
	}
}

// addStages adds the programs, those that only call others last.
func addStages(to *stage.Stages, programs []compiled, dispatchers []*object.Dispatcher) {
	if to == nil {
		return
	}
	for _, c := range programs {
		to.Programs = append(to.Programs, c.stages)
	}
	for _, d := range dispatchers {
		to.Programs = append(to.Programs, &stage.Program{
			Name: d.Name, Probes: probesOf(d.Points), Code: stage.Disassemble(d.Instructions),
		})
	}
}

func probesOf(points []object.Point) (list []string) {
	for i := range points {
		list = append(list, points[i].Probe)
	}
	return list
}

// collector makes the stages of one program. It is nil where nobody asks for them.
type collector struct {
	program *stage.Program
	now     map[*ir.Func]map[int]string   // the text of each operation after the last pass
	changed map[*ir.Func]map[int][]string // the passes that changed it
	removed map[*ir.Func]map[int]string   // the pass after which it was gone
}

func newCollector(c *program) *collector {
	if c.options.Stages == nil {
		return nil
	}
	s := &collector{
		program: &stage.Program{Name: c.Name, Probes: probesOf(c.Site.Points), Types: typesOf(c.Instances, c.maps)},
		now:     map[*ir.Func]map[int]string{},
		changed: map[*ir.Func]map[int][]string{},
		removed: map[*ir.Func]map[int]string{},
	}
	for _, f := range c.Functions() {
		s.now[f] = texts(f)
		s.changed[f], s.removed[f] = map[int][]string{}, map[int]string{}
		s.program.IR = append(s.program.IR, s.function(f))
	}
	return s
}

// observer is what the passes call.
func (s *collector) observer() opt.Observer {
	if s == nil {
		return nil
	}
	return s.observe
}

func (s *collector) observe(pass string, f *ir.Func) {
	after := texts(f)
	for id, text := range s.now[f] {
		switch now, there := after[id]; {
		case !there:
			s.removed[f][id] = pass
		case now != text && !slices.Contains(s.changed[f][id], pass):
			s.changed[f][id] = append(s.changed[f][id], pass)
		}
	}
	s.now[f] = after
}

func texts(f *ir.Func) map[int]string {
	list := map[int]string{}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			list[v.ID] = v.Describe()
		}
	}
	return list
}

// optimized notes what the passes left, and what they removed.
func (s *collector) optimized(f *ir.Func) {
	if s == nil {
		return
	}
	functions := f.Functions()
	for _, function := range functions {
		function.Pass = 0
		s.program.Optimized = append(s.program.Optimized, s.function(function))
	}
	byName := map[string]*ir.Func{}
	for function := range s.now {
		byName[function.Name] = function
	}
	for _, before := range s.program.IR {
		f := byName[before.Name]
		for _, b := range before.Blocks {
			for i := range b.Operations {
				op := &b.Operations[i]
				op.Removed = s.removed[f][op.ID]
				if !slices.Contains(functions, f) {
					op.Removed = "dead"
				}
			}
		}
	}
}

func (s *collector) function(f *ir.Func) *stage.Function {
	out := &stage.Function{Name: f.Name}
	for _, slot := range f.Slots {
		out.Slots = append(out.Slots, strings.TrimSpace(fmt.Sprintf("%s %d %s", slot, slot.Size, slot.Name)))
	}
	for _, cell := range f.Cells {
		out.Cells = append(out.Cells, nameOf(cell))
	}
	for _, b := range f.Blocks {
		block := stage.Block{Name: b.String(), Cold: b.Cold}
		for _, v := range b.Values {
			op := operation(v)
			op.Pass, op.Changed = opt.PassName(v), s.changed[f][v.ID]
			block.Operations = append(block.Operations, op)
		}
		out.Blocks = append(out.Blocks, block)
	}
	return out
}

func operation(v *ir.Value) stage.Operation {
	op := stage.Operation{
		ID: v.ID, Text: v.Describe(), Span: v.Expression(), Reason: v.Reason().String(),
		Op: v.Op.String(), Number: v.Int, Name: v.Map,
		Space: v.Space.String(), Offset: v.Offset, Size: v.Size, Signed: v.Signed,
	}
	for _, arg := range v.Args {
		op.Args = append(op.Args, arg.ID)
	}
	switch {
	case v.Op == ir.If:
		op.Name = v.Compare.String()
	case v.Op == ir.Call:
		op.Name = target.HelperName(v.Helper)
	case v.Op == ir.Kfunc:
		op.Name = v.Kernel
	case v.Slot != nil:
		op.Name = v.Slot.Name
	case v.Cell != nil:
		op.Name = v.Cell.Name
	case v.Callee != nil:
		op.Name = v.Callee.Name
	}
	return op
}

func nameOf(cell *ir.Cell) string { return strings.TrimSpace(cell.String() + " " + cell.Name) }

// generated notes the instructions.
func (s *collector) generated(code *bpf.Result) *stage.Program {
	if s == nil {
		return nil
	}
	s.program.Code = stage.Disassemble(code.Instructions)
	for i, from := range code.Origins {
		to := &s.program.Code[i]
		to.Function, to.Span, to.Reason = from.Func.Name, from.Span, from.Reason.String()
		if from.Value != nil {
			to.Operation, to.Span = from.Value.ID, from.Value.Expression()
			if to.Reason == "" {
				to.Reason = from.Value.Reason().String()
			}
		}
	}
	for _, place := range code.Places {
		s.program.Places = append(s.program.Places, stage.Place{
			Function: place.Func.Name, Register: place.Register, Offset: place.Offset, Size: place.Size,
			Scratch: place.Scratch, Holds: holds(&place), From: place.From, To: place.To,
		})
	}
	return s.program
}

func holds(place *bpf.Place) (list []string) {
	for _, cell := range place.Cells {
		list = append(list, nameOf(cell))
	}
	for _, v := range place.Values {
		list = append(list, v.String())
	}
	if place.Slot != nil {
		list = append(list, strings.TrimSpace(place.Slot.String()+" "+place.Slot.Name))
	}
	return list
}

// valueOf is the type of what a map holds.
func valueOf(e *lang.Map, maps []*sema.Map) *types.Type {
	for _, m := range maps {
		if m.Name == e.Name {
			return m.Value
		}
	}
	return nil
}

// typesOf lists the types of the expressions that the user wrote, the larger ones first.
func typesOf(instances []*sema.Instance, maps []*sema.Map) (list []stage.Typed) {
	add := func(e lang.Expr, t *types.Type) {
		if span := e.Range(); span.Source != nil && t != nil {
			list = append(list, stage.Typed{Span: span, Type: t.String()})
		}
	}
	for _, instance := range instances {
		if instance.Hidden {
			continue
		}
		for e, t := range instance.Types {
			add(e, t)
		}
		for e, v := range instance.Variables {
			add(e, v.Type)
		}
		lang.Walk(instance.Clause, func(node any) bool {
			if e, isMap := node.(*lang.Map); isMap && instance.Types[e] == nil {
				add(e, valueOf(e, maps))
			}
			return true
		})
	}
	order.Stable(list, func(a, b stage.Typed) int {
		return cmp.Or(strings.Compare(a.Span.Source.Name, b.Span.Source.Name), cmp.Compare(a.Span.Start, b.Span.Start),
			cmp.Compare(b.Span.End, a.Span.End), strings.Compare(a.Type, b.Type))
	})
	return slices.Compact(list)
}
