package opt

import "github.com/ponytrace/ponytrace/compiler/internal/ir"

// wanted has for each block, by its ID, the cells that are read after its start before
// they are set: their IDs, ascending. They are found backwards from each read to the
// sets, so that a cell costs nothing where it is not wanted.
type wanted struct {
	at [][]int
	// marks tell by their number of what a cell was seen last.
	marks []int
	round int
}

// cellUses are the blocks that set a cell, and those that read it before they set it.
type cellUses struct{ reads, sets []*ir.Block }

func findWanted(f *ir.Func, order []*ir.Block, preds ir.Predecessors) *wanted {
	w := &wanted{at: make([][]int, f.BlockIDs()), marks: make([]int, len(f.Cells))}
	setBy := make([]int, f.BlockIDs()) // the cell looked at that each block sets, from 1 on
	for cell, uses := range w.uses(f, order) {
		for _, b := range uses.sets {
			setBy[b.ID] = cell + 1
		}
		for work := uses.reads; len(work) > 0; {
			b := work[len(work)-1]
			work = work[:len(work)-1]
			if at := w.at[b.ID]; len(at) > 0 && at[len(at)-1] == cell {
				continue
			}
			w.at[b.ID] = append(w.at[b.ID], cell)
			for _, pred := range preds.Of(b) {
				if setBy[pred.ID] != cell+1 {
					work = append(work, pred)
				}
			}
		}
	}
	return w
}

// uses goes through the blocks once for all cells.
func (w *wanted) uses(f *ir.Func, order []*ir.Block) []cellUses {
	of := make([]cellUses, len(f.Cells))
	for _, b := range order {
		w.round++
		for _, v := range b.Values {
			if v.Cell == nil || w.marks[v.Cell.ID] == w.round {
				continue
			}
			uses := &of[v.Cell.ID]
			if v.Op == ir.CellSet {
				w.marks[v.Cell.ID] = w.round
				uses.sets = append(uses.sets, b)
			} else if n := len(uses.reads); n == 0 || uses.reads[n-1] != b {
				uses.reads = append(uses.reads, b)
			}
		}
	}
	return of
}

// findLost walks b backwards and notes, by their IDs, the sets whose value no read sees.
func (w *wanted) findLost(b *ir.Block, lost []bool) (found bool) {
	w.round++
	for _, next := range b.Successors() {
		for _, cell := range w.at[next.ID] {
			w.marks[cell] = w.round
		}
	}
	for i := len(b.Values) - 1; i >= 0; i-- {
		switch v := b.Values[i]; v.Op {
		case ir.CellGet:
			w.marks[v.Cell.ID] = w.round
		case ir.CellSet:
			if w.marks[v.Cell.ID] != w.round {
				lost[v.ID], found = true, true
			}
			w.marks[v.Cell.ID] = 0
		}
	}
	return found
}
