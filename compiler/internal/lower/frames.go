package lower

import (
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/lang"
)

// CountFrames finds where a stack ends: behind its last address are zeroes. It is a tree of comparisons, each at an
// offset that is known, and the result goes through memory, so that the verifier walks what follows only once.
func (f *function) CountFrames(e lang.Expr) *ir.Value {
	t := (hooks{f}).Type(e)
	stack := builtin.Place{Space: ir.Frame, Address: f.b.SlotAddress(f.b.NewSlot("stack", t.Size))}
	(hooks{f}).Store(e, stack, false)
	stack.Offset = t.Size - 8*t.Count
	word := f.allocate(8)
	defer f.release(word)
	end := f.b.NewBlock()
	f.findLastFrame(stack, 0, t.Count, func(count int) {
		f.setShared(word.offset, f.b.Const(int64(count)))
		f.b.Jump(end)
	})
	f.b.Enter(end)
	return f.shared(word.offset)
}

// findLastFrame calls found, in a block of its own, for every number of frames from least to most.
func (f *function) findLastFrame(stack builtin.Place, least, most int, found func(count int)) {
	if least == most {
		found(least)
		return
	}
	middle := (least + most + 1) / 2
	more, fewer := f.b.NewBlock(), f.b.NewBlock()
	address := f.b.Load(stack.Space, stack.Address, stack.Offset+8*(middle-1), 8, false)
	f.b.If(ir.NotEqual, address, f.b.Const(0), more, fewer)
	f.b.Enter(more)
	f.findLastFrame(stack, middle, most, found)
	f.b.Enter(fewer)
	f.findLastFrame(stack, least, middle-1, found)
}
