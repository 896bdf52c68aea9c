package opt

import (
	"maps"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// promote replaces a CellGet by the value that the cell holds on every path to it.
func promote(f *ir.Func) {
	if !readsCells(f) {
		return
	}
	holdings := findHoldings(f)
	with := map[*ir.Value]*ir.Value{}
	for _, b := range holdings.order {
		now := holdings.at(b)
		b.Values = filter(b.Values, func(v *ir.Value) bool {
			if v.Op == ir.CellGet && now[v.Cell] != nil {
				with[v] = now[v.Cell]
				return false
			}
			now.step(v, holdings.loops[b])
			return true
		})
	}
	f.Replace(with)
}

func readsCells(f *ir.Func) bool {
	return slices.ContainsFunc(f.Blocks, func(b *ir.Block) bool {
		return slices.ContainsFunc(b.Values, func(v *ir.Value) bool { return v.Op == ir.CellGet })
	})
}

// holding is the value that each cell holds, without those where it depends on the path.
type holding map[*ir.Cell]*ir.Value

// step passes one value. A value that is computed anew, in a loop, is no longer what the cell got.
func (h holding) step(v *ir.Value, inLoop bool) {
	if inLoop {
		maps.DeleteFunc(h, func(_ *ir.Cell, held *ir.Value) bool { return held == v })
	}
	switch {
	case v.Op == ir.CellSet:
		h[v.Cell] = v.Args[0]
	case v.Op == ir.CellGet && h[v.Cell] == nil:
		h[v.Cell] = v
	}
}

// holdings has for each block what the cells hold where it ends. Cells that are not wanted where a block starts are forgotten
// there, so that the work does not grow with the number of all cells.
type holdings struct {
	order  []*ir.Block
	preds  ir.Predecessors
	loops  map[*ir.Block]bool
	wanted *wanted
	ends   map[*ir.Block]holding
}

// findHoldings starts with no assumption about blocks not yet seen and takes back what turns out to
// differ between paths.
func findHoldings(f *ir.Func) *holdings {
	h := &holdings{f.ReversePostorder(), f.Predecessors(), f.Loops(), findWanted(f), map[*ir.Block]holding{}}
	for changed := true; changed; {
		changed = false
		for _, b := range h.order {
			now := h.at(b)
			for _, v := range b.Values {
				now.step(v, h.loops[b])
			}
			if known, ok := h.ends[b]; !ok || !maps.Equal(known, now) {
				h.ends[b] = now
				changed = true
			}
		}
		changed = changed && len(h.loops) > 0
	}
	return h
}

// at returns what the cells hold where b starts.
func (h *holdings) at(b *ir.Block) holding {
	now := holding{}
	first := true
	for _, pred := range h.preds.Of(b) {
		end, seen := h.ends[pred]
		switch {
		case !seen:
		case first:
			for cell, held := range end {
				if h.wanted.at[b].Has(cell.ID) {
					now[cell] = held
				}
			}
			first = false
		default:
			maps.DeleteFunc(now, func(cell *ir.Cell, held *ir.Value) bool { return end[cell] != held })
		}
	}
	return now
}

// filter keeps the values for which keep reports true.
func filter(values []*ir.Value, keep func(*ir.Value) bool) []*ir.Value {
	kept := values[:0]
	for _, v := range values {
		if keep(v) {
			kept = append(kept, v)
		}
	}
	clear(values[len(kept):])
	return kept
}
