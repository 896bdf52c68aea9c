package opt

import "github.com/ponytrace/ponytrace/compiler/internal/ir"

// sink moves a value into the only arm of a branch that uses it, so that the other arm,
// often the usual one, does not pay. An arm to which another way leads takes nothing: it
// may be in a loop.
func sink(f *ir.Func) {
	s := &sinker{f: f, dominators: f.Dominators(), preds: f.Predecessors(), uses: usingBlocks(f), moved: make([]bool, f.Size()+1)}
	for _, b := range s.dominators.Order {
		if b.Terminator().Op == ir.If {
			s.block(b)
		}
	}
}

type sinker struct {
	f          *ir.Func
	dominators *ir.Dominators
	preds      ir.Predecessors
	uses       [][]*ir.Block // by the value's ID
	moved      []bool        // by the value's ID: from the current block
}

// usingBlocks returns the block of each use of a value, by its ID.
func usingBlocks(f *ir.Func) [][]*ir.Block {
	counts, all := make([]int32, f.Size()+1), 0
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			for _, arg := range v.Args {
				counts[arg.ID]++
				all++
			}
		}
	}
	uses, room := make([][]*ir.Block, len(counts)), make([]*ir.Block, all)
	for id, n := range counts {
		uses[id], room = room[:0:n], room[n:]
	}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			for _, arg := range v.Args {
				uses[arg.ID] = append(uses[arg.ID], b)
			}
		}
	}
	return uses
}

// block goes backwards: a value that moves lets its operands follow.
func (s *sinker) block(b *ir.Block) {
	var arriving map[*ir.Block][]*ir.Value
	for i := len(b.Values) - 2; i >= 0; i-- {
		v := b.Values[i]
		if !movable(v) {
			continue
		}
		if to := s.arm(b, v); to != nil {
			if arriving == nil {
				arriving = map[*ir.Block][]*ir.Value{}
			}
			s.moved[v.ID] = true
			v.Block = to
			arriving[to] = append(arriving[to], v)
			for _, arg := range v.Args {
				s.move(arg, b, to)
			}
		}
	}
	if len(arriving) == 0 {
		return
	}
	b.Values = filter(b.Values, func(v *ir.Value) bool { return !s.moved[v.ID] })
	for to, values := range arriving {
		for _, v := range values {
			s.moved[v.ID] = false
		}
		to.Values = append(reversed(values), to.Values...)
	}
}

// arm returns the successor below which all uses of v lie.
func (s *sinker) arm(b *ir.Block, v *ir.Value) *ir.Block {
	for _, next := range b.Successors() {
		if len(s.preds.Of(next)) == 1 && len(s.uses[v.ID]) > 0 && s.allBelow(next, s.uses[v.ID]) {
			return next
		}
	}
	return nil
}

func (s *sinker) allBelow(top *ir.Block, blocks []*ir.Block) bool {
	for _, b := range blocks {
		if !s.dominators.Dominates(top, b) {
			return false
		}
	}
	return true
}

// move makes one use in from a use in to.
func (s *sinker) move(arg *ir.Value, from, to *ir.Block) {
	for i, b := range s.uses[arg.ID] {
		if b == from {
			s.uses[arg.ID][i] = to
			return
		}
	}
}

// movable reports whether it does not matter when v is computed.
func movable(v *ir.Value) bool {
	switch v.ValueEffect() {
	case ir.Pure, ir.Invariant:
		return true
	case ir.Reads:
		return unchanging(v)
	}
	return false
}

func reversed(values []*ir.Value) []*ir.Value {
	result := make([]*ir.Value, 0, len(values)+8)
	for i := len(values) - 1; i >= 0; i-- {
		result = append(result, values[i])
	}
	return result
}
