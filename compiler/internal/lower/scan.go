package lower

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// inlineRounds is up to how many looks a scan is a loop of jumps where the kernel has
// bpf_loop, too: such a loop is faster, and costs the verifier little.
const inlineRounds = 256

// longRound is how many words a round looks at where a callback is called for each.
const longRound = 8

// byHelper reports whether a scan that looks at so many places calls a callback for each
// round.
func (f *function) byHelper(looks int) bool { return looks > inlineRounds && f.callbacks() }

// scanWords is scan for the words of a text: look gets the number of each.
func (f *function) scanWords(all int, look func(number *ir.Value, found func(*ir.Value))) *ir.Value {
	none := f.b.Const(int64(all))
	if !f.byHelper(all) {
		return f.scan(all, 1, none, look)
	}
	return f.scan((all+longRound-1)/longRound, longRound, none, func(round *ir.Value, found func(*ir.Value)) {
		first := f.b.Binary(ir.Mul, round, f.b.Const(longRound))
		for i := range longRound {
			look(f.b.Binary(ir.Add, first, f.b.Const(int64(i))), found)
		}
	})
}

// scan runs look in rounds from 0 until it calls found, which ends the scan, and returns
// what found was given; none, where it never was. A round looks at some places.
//
// The number of rounds is a constant. Without bpf_loop, and for few rounds, it is a loop
// of jumps that the verifier walks to its end. What was found goes through memory, so
// that the verifier sees the same state behind all exits of the loop and walks what
// follows only once.
func (f *function) scan(rounds, places int, none *ir.Value, look func(round *ir.Value, found func(*ir.Value))) *ir.Value {
	word := f.allocate(8)
	defer f.release(word)
	f.setShared(word.offset, none)
	if f.byHelper(rounds * places) {
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
