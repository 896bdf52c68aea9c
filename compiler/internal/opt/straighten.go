package opt

import (
	"slices"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// straighten leads jumps past blocks that only jump, drops the blocks that nothing
// reaches, and joins a block to the only one that leads to it.
func straighten(f *ir.Func) {
	for _, b := range f.Blocks {
		shorten(f, b.Terminator())
	}
	reachable(f)
	preds := f.Predecessors()
	for _, b := range f.Blocks {
		for joins(f, b, preds) {
			join(b, b.Terminator().Then)
		}
	}
	reachable(f)
}

// shorten makes a terminator name the blocks that it leads to in the end.
func shorten(f *ir.Func, last *ir.Value) {
	if last.Then != nil {
		last.Then = destination(f, last.Then)
	}
	if last.Else != nil {
		last.Else = destination(f, last.Else)
	}
	if last.Op == ir.If && last.Then == last.Else {
		jumpTo(last, last.Then)
	}
}

// destination follows blocks that only jump; the count ends an empty loop.
func destination(f *ir.Func, b *ir.Block) *ir.Block {
	for range f.Blocks {
		if len(b.Values) != 1 || b.Values[0].Op != ir.Jump {
			break
		}
		b = b.Values[0].Then
	}
	return b
}

// jumpTo makes a terminator unconditional.
func jumpTo(last *ir.Value, to *ir.Block) {
	last.Op, last.Args, last.Compare, last.Then, last.Else = ir.Jump, nil, ir.Invalid, to, nil
}

func reachable(f *ir.Func) {
	reached := make([]bool, f.BlockIDs())
	for _, b := range f.ReversePostorder() {
		reached[b.ID] = true
	}
	f.Blocks = slices.DeleteFunc(f.Blocks, func(b *ir.Block) bool { return !reached[b.ID] })
}

func joins(f *ir.Func, b *ir.Block, preds ir.Predecessors) bool {
	last := b.Terminator()
	return last.Op == ir.Jump && last.Then != b && last.Then != f.Blocks[0] && len(preds.Of(last.Then)) == 1
}

// join moves the values of next behind those of b. What is left of next only jumps to
// itself and goes with the blocks that nothing reaches.
func join(b, next *ir.Block) {
	b.Values = append(b.Values[:len(b.Values)-1], next.Values...)
	for _, v := range next.Values {
		v.Block = b
	}
	next.Values = []*ir.Value{next.Func.NewValue(ir.Value{Op: ir.Jump, Block: next, Then: next})}
}
