package opt

import "github.com/ponytrace/ponytrace/compiler/internal/ir"

// dead drops values that nobody uses, assignments that no read sees, and stores to slots
// that are never read. An atomic addition whose result nobody uses becomes the cheaper
// one that brings none.
func dead(f *ir.Func) {
	deadSets(f)
	kept, used := make([]bool, f.Size()+1), make([]bool, f.Size()+1) // by ID
	read := readSlots(f)
	var keep func(*ir.Value)
	keep = func(v *ir.Value) {
		if kept[v.ID] {
			return
		}
		kept[v.ID] = true
		for _, arg := range v.Args {
			used[arg.ID] = true
			keep(arg)
		}
	}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if v.ValueEffect() == ir.Writes && !lostStore(v, read) {
				keep(v)
			}
		}
	}
	for _, b := range f.Blocks {
		b.Values = filter(b.Values, func(v *ir.Value) bool { return kept[v.ID] })
		for _, v := range b.Values {
			if v.Op == ir.FetchAdd && !used[v.ID] {
				v.Op = ir.AtomicAdd
			}
		}
	}
}

// lostStore reports whether v writes to a slot that is never read.
func lostStore(v *ir.Value, read []bool) bool {
	if v.Op != ir.Store && v.Op != ir.AtomicAdd {
		return false
	}
	slot := slotOf(v.Args[0])
	return slot != nil && !read[slot.ID]
}

// slotOf returns the slot that an address with constants added points into.
func slotOf(v *ir.Value) *ir.Slot {
	for v.Op == ir.Add {
		v = v.Args[0]
	}
	return v.Slot
}

// readSlots returns, by their IDs, the slots whose address does more than take stores.
func readSlots(f *ir.Func) []bool {
	read := make([]bool, len(f.Slots))
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			for i, arg := range v.Args {
				taken := i == 0 && (v.Op == ir.Store || v.Op == ir.AtomicAdd || v.Op == ir.Add)
				if slot := slotOf(arg); slot != nil && !taken {
					read[slot.ID] = true
				}
			}
		}
	}
	return read
}

// deadSets drops the assignments of cells that are set again, or never read, on every
// path.
func deadSets(f *ir.Func) {
	if len(f.Cells) == 0 {
		return
	}
	order := f.ReversePostorder()
	wanted, lost := findWanted(f, order, f.Predecessors()), make([]bool, f.Size()+1)
	for _, b := range order {
		if wanted.findLost(b, lost) {
			b.Values = filter(b.Values, func(v *ir.Value) bool { return !lost[v.ID] })
		}
	}
}
