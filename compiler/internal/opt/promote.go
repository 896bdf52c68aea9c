package opt

import (
	"slices"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// promote replaces a CellGet by the value that the cell holds on every path to it.
func promote(f *ir.Func) {
	if !readsCells(f) {
		return
	}
	holdings := findHoldings(f)
	with := make([]*ir.Value, f.Size()+1)
	for _, b := range holdings.order {
		now := holdings.at(b)
		b.Values = filter(b.Values, func(v *ir.Value) bool {
			if v.Op == ir.CellGet {
				if with[v.ID] = now.of(v.Cell); with[v.ID] != nil {
					return false
				}
			}
			now.step(v, holdings.inLoop(b))
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

// holding is the value that each cell holds, without those where it depends on the path,
// ascending by the cells' IDs.
type holding []cellValue

type cellValue struct {
	cell  int // ID
	value *ir.Value
}

func (h holding) search(cell *ir.Cell) (at int, found bool) {
	return slices.BinarySearchFunc(h, cell.ID, func(h cellValue, cell int) int { return h.cell - cell })
}

// of returns nil where it is not known what the cell holds.
func (h holding) of(cell *ir.Cell) *ir.Value {
	if at, found := h.search(cell); found {
		return h[at].value
	}
	return nil
}

func (h *holding) set(cell *ir.Cell, v *ir.Value) {
	at, found := h.search(cell)
	if found {
		(*h)[at].value = v
	} else {
		*h = slices.Insert(*h, at, cellValue{cell.ID, v})
	}
}

// step passes one value. A value that is computed anew, in a loop, is no longer what the
// cell got.
func (h *holding) step(v *ir.Value, inLoop bool) {
	if inLoop {
		*h = slices.DeleteFunc(*h, func(held cellValue) bool { return held.value == v })
	}
	switch {
	case v.Op == ir.CellSet:
		h.set(v.Cell, v.Args[0])
	case v.Op == ir.CellGet && h.of(v.Cell) == nil:
		h.set(v.Cell, v)
	}
}

// holdings has for each block, by its ID, what the cells hold where it ends. Cells that
// are not wanted where a block starts are forgotten there, so that the work does not grow
// with the number of all cells.
type holdings struct {
	order  []*ir.Block
	preds  ir.Predecessors
	loops  []bool
	wanted *wanted
	ends   []holding
	seen   []bool
}

// findHoldings starts with no assumption about blocks not yet seen and takes back what
// turns out to differ between paths.
func findHoldings(f *ir.Func) *holdings {
	order, preds := f.ReversePostorder(), f.Predecessors()
	h := &holdings{
		order: order, preds: preds, loops: f.Loops(), wanted: findWanted(f, order, preds),
		ends: make([]holding, f.BlockIDs()), seen: make([]bool, f.BlockIDs()),
	}
	for changed := true; changed; {
		changed = false
		for _, b := range h.order {
			now := h.at(b)
			for _, v := range b.Values {
				now.step(v, h.inLoop(b))
			}
			if !h.seen[b.ID] || !slices.Equal(h.ends[b.ID], now) {
				h.ends[b.ID], h.seen[b.ID] = now, true
				changed = true
			}
		}
		changed = changed && h.loops != nil
	}
	return h
}

func (h *holdings) inLoop(b *ir.Block) bool { return h.loops != nil && h.loops[b.ID] }

// at returns what the cells hold where b starts.
func (h *holdings) at(b *ir.Block) (now holding) {
	first := true
	for _, pred := range h.preds.Of(b) {
		end := h.ends[pred.ID]
		switch {
		case !h.seen[pred.ID]:
		case first:
			now, first = h.wantedOf(end, b), false
		default:
			now = common(now, end)
		}
	}
	return now
}

// wantedOf returns what is held of cells that are wanted where b starts.
func (h *holdings) wantedOf(end holding, b *ir.Block) (now holding) {
	i := 0
	for _, cell := range h.wanted.at[b.ID] {
		for i < len(end) && end[i].cell < cell {
			i++
		}
		if i < len(end) && end[i].cell == cell {
			now = append(now, end[i])
		}
	}
	return now
}

// common keeps of a what b has too.
func common(a, b holding) holding {
	i := 0
	return slices.DeleteFunc(a, func(h cellValue) bool {
		for i < len(b) && b[i].cell < h.cell {
			i++
		}
		return i == len(b) || b[i] != h
	})
}

// filter keeps the values for which keep reports true.
//
//go:noinline
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
