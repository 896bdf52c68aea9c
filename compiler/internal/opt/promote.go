package opt

import "github.com/ponytrace/ponytrace/compiler/internal/ir"

// promote replaces a CellGet by the value that the cell holds on every path to it.
func promote(f *ir.Func) {
	holdings := findHoldings(f)
	with := map[*ir.Value]*ir.Value{}
	for _, b := range f.ReversePostorder() {
		now := holdings.at(b)
		b.Values = filter(b.Values, func(v *ir.Value) bool {
			if v.Op == ir.CellGet && now[v.Cell.ID] != nil {
				with[v] = now[v.Cell.ID]
				return false
			}
			now.step(v)
			return true
		})
	}
	f.Replace(with)
}

// holding is the value that each cell holds, nil where it depends on the path.
type holding []*ir.Value

// step passes one value. A value that is computed anew, in a loop, is no longer what the cell got.
func (h holding) step(v *ir.Value) {
	for cell, held := range h {
		if held == v {
			h[cell] = nil
		}
	}
	switch {
	case v.Op == ir.CellSet:
		h[v.Cell.ID] = v.Args[0]
	case v.Op == ir.CellGet && h[v.Cell.ID] == nil:
		h[v.Cell.ID] = v
	}
}

// holdings has for each block what the cells hold where it ends.
type holdings struct {
	f     *ir.Func
	preds map[*ir.Block][]*ir.Block
	ends  map[*ir.Block]holding
}

// findHoldings starts with no assumption about blocks not yet seen and takes back what turns out to
// differ between paths.
func findHoldings(f *ir.Func) *holdings {
	h := &holdings{f: f, preds: f.Predecessors(), ends: map[*ir.Block]holding{}}
	order := f.ReversePostorder()
	for changed := true; changed; {
		changed = false
		for _, b := range order {
			now := h.at(b)
			for _, v := range b.Values {
				now.step(v)
			}
			if known, ok := h.ends[b]; !ok || !equal(known, now) {
				h.ends[b] = now
				changed = true
			}
		}
	}
	return h
}

// at returns what the cells hold where b starts.
func (h *holdings) at(b *ir.Block) holding {
	now := make(holding, len(h.f.Cells))
	first := true
	for _, pred := range h.preds[b] {
		end, seen := h.ends[pred]
		if !seen {
			continue
		}
		for cell := range now {
			if first {
				now[cell] = end[cell]
			} else if now[cell] != end[cell] {
				now[cell] = nil
			}
		}
		first = false
	}
	if b == h.f.Blocks[0] {
		clear(now)
	}
	return now
}

func equal(a, b holding) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
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
