package bpf

import (
	"cmp"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/lang/order"
)

// origin is where an instruction comes from.
type origin struct {
	span     diag.Span // of the statement
	value    *ir.Value
	reason   ir.Reason
	position int32 // when registers were allocated; -1 for what was added later
}

func (i *instruction) origin() origin { return origin{i.span, i.from, i.reason, i.position} }

// added is the origin of an instruction that was put beside the one with this origin.
func (o origin) added(reason ir.Reason) origin {
	o.reason, o.position = reason, -1
	return o
}

// notePositions keeps the positions that ranges mean: instructions that turn out to be
// empty will be dropped.
func (f *function) notePositions() {
	f.number()
	for _, b := range f.blocks {
		for i := range b.instructions {
			b.instructions[i].position = int32(b.position(i))
		}
	}
}

// Origin tells where an instruction comes from.
type Origin struct {
	Func   *ir.Func
	Value  *ir.Value // that it was selected for; nil for what a function does at its start
	Reason ir.Reason // why it is there where that is not the value itself
	Span   diag.Span // the statement
}

// Place is a machine register, or memory of the stack or the scratch row, and what it
// holds.
type Place struct {
	Func         *ir.Func
	Register     int // -1 for memory
	Offset, Size int
	Scratch      bool
	Values       []*ir.Value
	Cells        []*ir.Cell
	Slot         *ir.Slot
	// From and To are the offsets, in units of 8 bytes, of the first and last instruction
	// that has to do with it.
	From, To int
}

func (l *linker) trace(p *program) (origins []Origin, places []Place) {
	offset := 0
	for n, start := range l.starts {
		end := len(l.code)
		if n+1 < len(l.starts) {
			end = l.starts[n+1]
		}
		t := &tracer{function: p.functions[l.functions[n]]}
		for i := start; i < end; i++ {
			from := l.origins[i]
			origins = append(origins, Origin{l.functions[n], from.value, from.reason, from.span})
			if from.position >= 0 {
				t.positions, t.offsets = append(t.positions, int(from.position)), append(t.offsets, offset)
			}
			offset += int(l.code[i].Width())
		}
		places = append(places, t.places()...)
	}
	return origins, places
}

// tracer finds the places of one function.
type tracer struct {
	*function
	positions, offsets []int // of the instructions that are left, ascending
	values             map[register][]*ir.Value
	variables          map[register][]*ir.Cell
}

func (t *tracer) places() (list []Place) {
	t.names()
	bySlot := map[*slot]Place{}
	for _, v := range t.virtuals {
		if t.root(v.name) != v.name {
			continue
		}
		place := Place{Func: t.ir, Register: int(v.assigned), Values: t.values[v.name], Cells: t.variables[v.name]}
		if v.spilled != nil {
			bySlot[v.spilled] = place
		} else if v.assigned >= 0 {
			list = t.add(list, place, v.ranges)
		}
	}
	for v, s := range t.frame.buffers {
		bySlot[s] = Place{Values: []*ir.Value{v}}
	}
	for i, s := range t.frame.all {
		place := bySlot[s]
		place.Func, place.Register = t.ir, -1
		place.Offset, place.Size, place.Scratch = s.offset, s.size, s.scratch
		if i < len(t.ir.Slots) {
			place.Slot = t.ir.Slots[i]
		}
		list = t.add(list, place, s.ranges)
	}
	order.Stable(list, func(a, b Place) int { return cmp.Or(a.From-b.From, a.To-b.To) })
	return list
}

// names finds the values and variables that each virtual register holds, and the values
// that are read by way of memory.
func (t *tracer) names() {
	t.values, t.variables = map[register][]*ir.Value{}, map[register][]*ir.Cell{}
	for _, block := range t.ir.Blocks {
		for _, v := range block.Values {
			if r := t.function.values[v.ID]; r.virtual() {
				t.values[t.root(r)] = append(t.values[t.root(r)], v)
			}
		}
	}
	for i, r := range t.cells {
		t.variables[t.root(r)] = append(t.variables[t.root(r)], t.ir.Cells[i])
	}
}

// root is the register that r became part of. Those that spilling made are their own.
func (t *tracer) root(r register) register {
	if int(r-firstVirtual) >= len(t.into) {
		return r
	}
	return t.find(r)
}

// add appends the place once for each range in which an instruction is left.
func (t *tracer) add(list []Place, place Place, r ranges) []Place {
	for _, span := range r {
		first, _ := slices.BinarySearch(t.positions, span[0]&^1)
		behind, _ := slices.BinarySearch(t.positions, span[1])
		if first < behind {
			place.From, place.To = t.offsets[first], t.offsets[behind-1]
			list = append(list, place)
		}
	}
	return list
}
