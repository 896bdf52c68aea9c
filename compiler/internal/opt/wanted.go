package opt

import (
	"github.com/ponytrace/ponytrace/compiler/internal/bitset"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// wanted has for each block that can be reached the cells that are read after its start before they are set.
type wanted struct {
	cells int
	at    map[*ir.Block]bitset.Set
}

func findWanted(f *ir.Func) *wanted {
	order := f.ReversePostorder()
	w := &wanted{len(f.Cells), make(map[*ir.Block]bitset.Set, len(order))}
	for _, b := range order {
		w.at[b] = bitset.New(w.cells)
	}
	for changed := w.cells > 0; changed; {
		changed = false
		for i := len(order) - 1; i >= 0; i-- {
			now := w.before(order[i], func(*ir.Value) {})
			changed = w.at[order[i]].Absorb(now, nil) || changed
		}
	}
	return w
}

func (w *wanted) reached(b *ir.Block) bool { return w.at[b] != nil }

// before walks b backwards, reports the sets whose value no read sees, and returns the cells that are wanted where b
// starts.
func (w *wanted) before(b *ir.Block, lost func(set *ir.Value)) bitset.Set {
	now := bitset.New(w.cells)
	for _, next := range b.Successors() {
		now.Absorb(w.at[next], nil)
	}
	for i := len(b.Values) - 1; i >= 0; i-- {
		switch v := b.Values[i]; v.Op {
		case ir.CellGet:
			now.Add(v.Cell.ID)
		case ir.CellSet:
			if !now.Has(v.Cell.ID) {
				lost(v)
			}
			now.Remove(v.Cell.ID)
		}
	}
	return now
}
