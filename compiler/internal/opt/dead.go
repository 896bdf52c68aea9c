package opt

import "github.com/ponytrace/ponytrace/compiler/internal/ir"

// dead drops values that nobody uses, assignments that no read sees, and stores to slots that are
// never read. An atomic addition whose result nobody uses becomes the cheaper one that brings none.
func dead(f *ir.Func) {
	deadSets(f)
	kept, used := map[*ir.Value]bool{}, map[*ir.Value]bool{}
	read := readSlots(f)
	var keep func(*ir.Value)
	keep = func(v *ir.Value) {
		if kept[v] {
			return
		}
		kept[v] = true
		for _, arg := range v.Args {
			used[arg] = true
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
		b.Values = filter(b.Values, func(v *ir.Value) bool { return kept[v] })
		for _, v := range b.Values {
			if v.Op == ir.FetchAdd && !used[v] {
				v.Op = ir.AtomicAdd
			}
		}
	}
}

// lostStore reports whether v writes to a slot that is never read.
func lostStore(v *ir.Value, read map[*ir.Slot]bool) bool {
	if v.Op != ir.Store && v.Op != ir.AtomicAdd {
		return false
	}
	slot := slotOf(v.Args[0])
	return slot != nil && !read[slot]
}

// slotOf returns the slot that an address with constants added points into.
func slotOf(v *ir.Value) *ir.Slot {
	for v.Op == ir.Add {
		v = v.Args[0]
	}
	return v.Slot
}

// readSlots returns the slots whose address does more than take stores.
func readSlots(f *ir.Func) map[*ir.Slot]bool {
	read := map[*ir.Slot]bool{}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			for i, arg := range v.Args {
				taken := i == 0 && (v.Op == ir.Store || v.Op == ir.AtomicAdd || v.Op == ir.Add)
				if slot := slotOf(arg); slot != nil && !taken {
					read[slot] = true
				}
			}
		}
	}
	return read
}

// deadSets drops the assignments of cells that are set again, or never read, on every path.
func deadSets(f *ir.Func) {
	wanted := findWanted(f)
	for _, b := range f.Blocks {
		if !wanted.reached(b) {
			continue
		}
		lost := map[*ir.Value]bool{}
		wanted.before(b, func(set *ir.Value) { lost[set] = true })
		if len(lost) > 0 {
			b.Values = filter(b.Values, func(v *ir.Value) bool { return !lost[v] })
		}
	}
}
