package lower

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// destination is where `return` and exit() lead: behind the inlined body of a function,
// or out of the clause.
type destination struct {
	number int64      // from 1, as stored into the word `leaving`
	of     *ir.Func   // the function of the program in which it lies
	block  *ir.Block  // nil: the end of the clause
	result types.Type // of the inlined function
	cell   *ir.Cell   // holds a scalar result
	// place is where any other result lies, as the function of the program that the code
	// runs in reaches it.
	place func() builtin.Place
	// carried is where a scalar result waits while callbacks are left.
	carried int
}

// innermost is what break and continue do in the loop at hand.
type innermost struct{ end, again func() }

// newDestination makes the place behind an inlined function, or of the clause where
// result is nil.
func (f *function) newDestination(block *ir.Block) *destination {
	f.destinations++
	return &destination{number: int64(f.destinations), of: f.b.Func, block: block}
}

// leave goes to a destination. From inside of a callback it says so in a word that all
// functions of the program reach, and ends the callback; whoever started the loop looks
// at the word (arrive).
func (f *function) leave(to *destination) {
	switch {
	case to.of != f.b.Func:
		f.setShared(f.leavingWord(), f.b.Const(to.number))
		f.escapes = append(f.escapes, to)
		f.b.Return(f.b.Const(1))
	case to.block == nil:
		f.b.Return(f.b.Const(0))
	default:
		f.b.Jump(to.block)
	}
}

// dispatchEscapes goes on to the destinations that a callback loop was left for.
func (f *function) dispatchEscapes(escapes []*destination) {
	seen := map[*destination]bool{}
	for _, to := range escapes {
		if seen[to] {
			continue
		}
		seen[to] = true
		left, on := f.b.NewColdBlock(), f.b.NewBlock()
		f.b.If(ir.Equal, f.shared(f.leavingWord()), f.b.Const(to.number), left, on)
		f.b.Enter(left)
		if to.of == f.b.Func && to.cell != nil {
			f.b.CellSet(to.cell, f.shared(to.carried))
		}
		f.leave(to)
		f.b.Enter(on)
	}
}

// leavingWord is the shared word that holds the number of the destination; 0 while
// nothing is left.
func (f *function) leavingWord() int {
	if f.leaving == 0 {
		f.leaving = f.share(8)
	}
	return f.leaving
}

func (f *function) returns(s *lang.Return) {
	to := f.returning[len(f.returning)-1]
	if s.Value != nil && to.result.Kind != types.None {
		f.giveResult(to, s.Value)
	} else if s.Value != nil {
		f.effect(s.Value)
	}
	f.leave(to)
}

func (f *function) giveResult(to *destination, value lang.Expr) {
	switch {
	case !to.result.Scalar():
		f.store(value, to.place(), &to.result, true)
	case to.of == f.b.Func:
		f.b.CellSet(to.cell, f.converted(value, &to.result))
	default:
		if to.carried == 0 {
			to.carried = f.share(8)
		}
		f.setShared(to.carried, f.converted(value, &to.result))
	}
}

// converted is the value of e as C converts it to the type.
func (f *function) converted(e lang.Expr, t *types.Type) *ir.Value {
	from := f.typeOf(e)
	switch {
	case t.Kind == types.Bool && from.Kind != types.Bool:
		return f.decision(e)
	case from.Size == t.Size && from.Signed == t.Signed:
		return f.plainValue(e)
	}
	return f.b.Extend(f.plainValue(e), t.Size, t.Signed)
}

// End leaves the program, whatever function or loop is around. A record that is being
// filled is given back.
func (f *function) End() {
	if f.record != nil {
		f.b.Call(asm.FnRingbufDiscard, ir.Writes, f.record, f.b.Const(noWakeup))
	}
	f.leave(f.end)
}

// noWakeup is BPF_RB_NO_WAKEUP.
const noWakeup = 1
