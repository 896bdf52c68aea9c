package lower

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// inlineRounds is up to how many rounds a scan is a loop of jumps where the kernel has bpf_loop, too: such a loop is
// faster, and costs the verifier little.
const inlineRounds = 256

// scan runs look in rounds from 0 until it calls found, which ends the scan, and returns what found was given;
// none, where it never was.
//
// The number of rounds is a constant. Without bpf_loop, and for few rounds, it is a loop of jumps that the verifier
// walks to its end. What was found goes through memory, so that the verifier sees the same state behind all
// exits of the loop and walks what follows only once.
func (f *function) scan(rounds int, none *ir.Value, look func(round *ir.Value, found func(*ir.Value))) *ir.Value {
	word := f.borrow(8)
	defer f.giveBack(word)
	f.setShared(word.offset, none)
	if rounds > inlineRounds && f.callbacks() {
		f.scanByHelper(rounds, word.offset, look)
	} else {
		f.scanInLine(rounds, word.offset, look)
	}
	return f.shared(word.offset)
}

func (f *function) scanByHelper(rounds, word int, look func(round *ir.Value, found func(*ir.Value))) {
	f.callback("scan", 1, 0, func(callback, captured *ir.Value) {
		f.b.Call(asm.FnLoop, ir.Writes, f.b.Const(int64(rounds)), callback, captured, f.b.Const(0))
	}, func(round *ir.Value) {
		look(round, func(result *ir.Value) {
			f.setShared(word, result)
			f.b.Return(f.b.Const(1))
		})
	})
}

func (f *function) scanInLine(rounds, word int, look func(round *ir.Value, found func(*ir.Value))) {
	before := f.b.Func.Size()
	round := f.b.NewCell("round")
	head, end := f.b.NewBlock(), f.b.NewBlock()
	f.b.CellSet(round, f.b.Const(0))
	f.b.Jump(head)
	f.b.Enter(head)
	look(f.b.CellGet(round), func(result *ir.Value) {
		f.setShared(word, result)
		f.b.Jump(end)
	})
	next := f.b.Binary(ir.Add, f.b.CellGet(round), f.b.Const(1))
	f.b.CellSet(round, next)
	f.b.If(ir.Less, next, f.b.Const(int64(rounds)), head, end)
	f.b.Enter(end)
	if f.nest != nil {
		f.nest.before -= (rounds - 1) * (f.b.Func.Size() - before)
	}
}
