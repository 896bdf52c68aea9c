package guard

import "github.com/ponytrace/ponytrace/compiler/internal/ir"

// region is a part of a program that is entered at one place, outside of loops, and has
// something done at that place and on every way out.
type region struct {
	f *ir.Func
	b *ir.Builder
}

func newRegion(f *ir.Func) *region {
	return &region{f: f, b: &ir.Builder{Func: f, Span: f.Span}}
}

// start finds the last place that comes before all values that belong into the region: a
// block, and the index of the first value behind it. The block is nil where none belongs.
func (r *region) start(whole bool, belongs func(*ir.Value) bool) (start *ir.Block, at int) {
	if whole {
		return r.f.Blocks[0], 0
	}
	dominators, loops := r.f.Dominators(), r.f.Loops()
	for _, block := range dominators.Order {
		if first(block, belongs) >= 0 {
			start = dominators.Common(start, block)
		}
	}
	for start != nil && loops != nil && loops[start.ID] {
		start = dominators.Parent(start)
	}
	if start == nil {
		return nil, 0
	}
	if at = first(start, belongs); at < 0 {
		at = len(start.Values) - 1
	}
	return start, at
}

// first returns the index of the first value that belongs; -1 for none.
func first(block *ir.Block, belongs func(*ir.Value) bool) int {
	for i, v := range block.Values {
		if belongs(v) {
			return i
		}
	}
	return -1
}

// split takes the end of a block away, for a new block that is still empty. The builder
// goes on in the first half.
func (r *region) split(start *ir.Block, at int) (body *ir.Block, rest []*ir.Value) {
	rest = start.Values[at:]
	start.Values = start.Values[:at:at]
	r.b.Enter(start)
	body = r.b.NewBlock()
	for _, v := range rest {
		v.Block = body
	}
	return body, rest
}

// leave adds to all ways out of what body dominates.
func (r *region) leave(body *ir.Block, add func()) {
	dominators := r.f.Dominators()
	for _, block := range dominators.Order {
		if !dominators.Dominates(body, block) {
			continue
		}
		last := block.Terminator()
		if last.Op == ir.Return {
			block.Values = block.Values[:len(block.Values)-1]
			r.b.Enter(block)
			add()
			last.Block = block
			block.Values = append(block.Values, last)
			continue
		}
		for _, next := range []**ir.Block{&last.Then, &last.Else} {
			if *next != nil && !dominators.Dominates(body, *next) {
				*next = r.exit(*next, add)
			}
		}
	}
}

// exit is a new block on the way to another.
func (r *region) exit(to *ir.Block, add func()) *ir.Block {
	block := r.b.NewBlock()
	r.b.Enter(block)
	add()
	r.b.Jump(to)
	return block
}
