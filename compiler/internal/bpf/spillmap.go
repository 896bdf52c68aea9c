package bpf

import (
	"cmp"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// spillToMap moves at least excess bytes of the frame to the scratch map, where it can:
// the largest slots, and where no slot is left, numbers that the allocator spilled, which
// become slots of the intermediate representation. It reports whether anything moved:
// then the code has to be selected again.
//
// Pointers stay, since the verifier forgets the type of a pointer in a map; so does what
// a loop computes, since the verifier must see a counter to know that the loop ends.
func (f *function) spillToMap(excess int, scratch scratchSlots) bool {
	moved := 0
	for _, s := range f.frame.leaving() {
		if moved >= excess {
			break
		}
		scratch[s] = true
		moved += s.Size
	}
	if moved > 0 {
		return true
	}
	d := demotion{function: f, cells: map[*ir.Cell]*ir.Slot{}, values: map[*ir.Value]*ir.Slot{}}
	numbers := d.numbers()
	for _, n := range numbers[:min(len(numbers), (excess+7)/8)] {
		d.choose(n)
	}
	d.rewrite(scratch)
	return len(numbers) > 0
}

// leaving returns the slots of the frame that may leave it, the largest first.
func (fr *frame) leaving() []*ir.Slot {
	var slots []*ir.Slot
	for _, s := range fr.f.Slots {
		if known := fr.slots[s.ID]; !known.scratch && !known.pinned && len(known.ranges) > 0 {
			slots = append(slots, s)
		}
	}
	slices.SortStableFunc(slots, func(a, b *ir.Slot) int { return cmp.Compare(b.Size, a.Size) })
	return slots
}

// demotion makes slots of cells and values.
type demotion struct {
	*function
	cells  map[*ir.Cell]*ir.Slot
	values map[*ir.Value]*ir.Slot
	out    []*ir.Value // the current block so far
	at     *ir.Value
}

// number is one spilled register and what lies in it.
type number struct {
	spilled *virtual
	cells   []*ir.Cell
	values  []*ir.Value
	stays   bool
}

// numbers returns the spilled registers that may leave the frame, the least used first.
func (d *demotion) numbers() []*number {
	stays := d.unspillable()
	known := map[register]*number{}
	var found []*number
	at := func(r register) *number {
		r = d.find(r)
		if v := d.lookup(r); known[r] == nil && v.spilled != nil {
			known[r] = &number{spilled: v}
			found = append(found, known[r])
		}
		return known[r]
	}
	for _, cell := range d.ir.Cells {
		if n := at(d.function.cells[cell.ID]); n != nil {
			n.cells = append(n.cells, cell)
			n.stays = n.stays || stays.cells[cell]
		}
	}
	for _, b := range d.ir.Blocks {
		for _, v := range b.Values {
			if r := d.function.values[v.ID]; r != 0 && at(r) != nil {
				n := at(r)
				n.values = append(n.values, v)
				n.stays = n.stays || stays.values[v]
			}
		}
	}
	found = slices.DeleteFunc(found, func(n *number) bool { return n.stays })
	slices.SortStableFunc(found, func(a, b *number) int { return cmp.Compare(a.spilled.lost, b.spilled.lost) })
	return found
}

// unspillable returns the pointers, and what loops compute.
func (d *demotion) unspillable() *marks {
	stays := findPointers(d.ir)
	inLoop := d.ir.Loops()
	for _, b := range d.ir.Blocks {
		if inLoop == nil || !inLoop[b.ID] {
			continue
		}
		for _, v := range b.Values {
			stays.values[v] = true
			if v.Op == ir.CellSet {
				stays.cells[v.Cell] = true
			}
		}
	}
	return stays
}

func (d *demotion) choose(n *number) {
	for _, cell := range n.cells {
		d.cells[cell] = d.ir.NewSlot(cell.Name, 8)
	}
	for _, v := range n.values {
		d.values[v] = d.ir.NewSlot("", 8)
	}
}

func (d *demotion) rewrite(scratch scratchSlots) {
	for _, s := range d.cells {
		scratch[s] = true
	}
	for _, s := range d.values {
		scratch[s] = true
	}
	for i, b := range d.ir.Blocks {
		values := b.Values
		d.out = make([]*ir.Value, 0, len(values)+8)
		if i == 0 {
			d.clear(values[0])
		}
		for _, v := range values {
			d.value(v)
		}
		b.Values = d.out
	}
}

// clear makes the cells 0 where the function starts.
func (d *demotion) clear(first *ir.Value) {
	d.at = first
	for _, cell := range d.ir.Cells {
		if s := d.cells[cell]; s != nil {
			d.store(s, d.add(ir.Value{Op: ir.Const}))
		}
	}
}

// near is how many values apart a definition and a use in the same block may be to share
// a register.
const near = 8

func (d *demotion) value(v *ir.Value) {
	d.at = v
	loaded := map[*ir.Value]*ir.Value{}
	for i, arg := range v.Args {
		s := d.values[arg]
		if s == nil || arg.Block == v.Block && slices.Contains(d.out[max(len(d.out)-near, 0):], arg) {
			continue
		}
		if loaded[arg] == nil {
			loaded[arg] = d.load(s, arg)
		}
		v.Args[i] = loaded[arg]
	}
	switch s := d.cells[v.Cell]; {
	case s == nil:
		d.out = append(d.out, v)
	case v.Op == ir.CellGet:
		*v = ir.Value{ID: v.ID, Block: v.Block, Span: v.Span, Why: v.Why, Op: ir.Load, Space: ir.Frame, Size: 8, Args: []*ir.Value{d.address(s)}}
		d.out = append(d.out, v)
	default:
		d.store(s, v.Args[0])
	}
	if s := d.values[v]; s != nil {
		d.store(s, v)
	}
}

func (d *demotion) add(proto ir.Value) *ir.Value {
	proto.Block, proto.Span, proto.Why = d.at.Block, d.at.Span, d.at.Why
	proto.Why.Reason = ir.Spilled
	v := d.ir.NewValue(proto)
	d.out = append(d.out, v)
	return v
}

func (d *demotion) address(s *ir.Slot) *ir.Value { return d.add(ir.Value{Op: ir.SlotAddress, Slot: s}) }

func (d *demotion) store(s *ir.Slot, v *ir.Value) {
	d.add(ir.Value{Op: ir.Store, Space: ir.Frame, Size: 8, Args: []*ir.Value{d.address(s), v}})
}

// load reads a value back. The verifier knows its bounds no more.
func (d *demotion) load(s *ir.Slot, v *ir.Value) *ir.Value {
	loaded := d.add(ir.Value{Op: ir.Load, Space: ir.Frame, Size: 8, Args: []*ir.Value{d.address(s)}})
	if v.Op == ir.Bound {
		return d.add(ir.Value{Op: ir.Bound, Int: v.Int, Args: []*ir.Value{loaded}})
	}
	return loaded
}
