package opt

import "github.com/ponytrace/ponytrace/compiler/internal/ir"

// state numbers what memory holds. The same number at two places means the same contents:
// every write has a number of its own, as has every block where different contents meet.
type state struct {
	spaces [ir.Kernel + 1]int // under NoSpace all memory
	maps   int                // which keys the maps have: only calls change it
}

// step passes one value.
func (s *state) step(v *ir.Value) {
	switch {
	case v.Op == ir.Store || v.Op.Atomic():
		s.spaces[v.Space], s.spaces[ir.NoSpace] = v.ID, v.ID
	case v.Op == ir.Invoke, v.Op == ir.Kfunc, v.Op == ir.Call && v.ValueEffect() == ir.Writes:
		s.reset(v.ID)
	}
}

// reset says that nothing is known.
func (s *state) reset(number int) {
	s.maps = number
	for space := range s.spaces {
		s.spaces[space] = number
	}
}

// findStates returns the state where each block starts, by its ID. What a loop leads back
// to has new contents.
func findStates(f *ir.Func, order []*ir.Block) []state {
	starts, ends, seen := make([]state, f.BlockIDs()), make([]state, f.BlockIDs()), make([]bool, f.BlockIDs())
	preds := f.Predecessors()
	for i, b := range order {
		now := meet(preds.Of(b), ends, seen, -1-i)
		starts[b.ID] = now
		for _, v := range b.Values {
			now.step(v)
		}
		ends[b.ID], seen[b.ID] = now, true
	}
	return starts
}

// meet returns the state that all the blocks end with, with a new number where they
// differ.
func meet(blocks []*ir.Block, ends []state, seen []bool, fresh int) (s state) {
	for i, b := range blocks {
		end := ends[b.ID]
		switch {
		case !seen[b.ID]:
			s.reset(fresh)
			return s
		case i == 0:
			s = end
			continue
		}
		for space := range s.spaces {
			if s.spaces[space] != end.spaces[space] {
				s.spaces[space] = fresh
			}
		}
		if s.maps != end.maps {
			s.maps = fresh
		}
	}
	return s
}
