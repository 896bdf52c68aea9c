package builtin

import (
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// Min and Max are the records of min() and max(). Their words are the value, and 1 after
// the first event.
var (
	Min = extreme("min", func(t *types.Type, a, b uint64) bool { return t.Order(a) < t.Order(b) })
	Max = extreme("max", func(t *types.Type, a, b uint64) bool { return t.Order(a) > t.Order(b) })
)

// extreme makes the record of values of which one that beats the other replaces it.
func extreme(name string, beats func(t *types.Type, a, b uint64) bool) *types.Aggregation {
	return &types.Aggregation{
		Name: name, Flagged: true,
		Words: func(*types.Type) int { return 2 },
		Merge: func(t *types.Type, into, from types.Row) {
			if !notSet(from) && (notSet(into) || beats(t, from.Word(0), into.Word(0))) {
				copy(into, from)
			}
		},
		Subtract: types.SubtractSame,
		Empty:    notSet,
		Number:   firstWord,
		Weight:   weightOf(firstWord),
	}
}

var least = &Aggregation{
	Record: Min,
	Info: Info{Name: "min", Signature: "min(int n)",
		Doc:     "The smallest value of its argument.",
		Example: `kprobe:vfs_read { @smallest = min(arg2) }`},
	MinArgs: 1, MaxArgs: 1, Check: aggregates(Min),
	Update: func(l Lowering, _ *lang.Call, t *types.Type, n *ir.Value, row Place) {
		updateExtreme(l, t, row, n, false)
	},
}

var largest = &Aggregation{
	Record: Max,
	Info: Info{Name: "max", Signature: "max(int n)",
		Doc:     "The largest value of its argument.",
		Example: `kprobe:vfs_read { @largest = max(arg2) }`},
	MinArgs: 1, MaxArgs: 1, Check: aggregates(Max),
	Update: func(l Lowering, _ *lang.Call, t *types.Type, n *ir.Value, row Place) {
		updateExtreme(l, t, row, n, true)
	},
}

func updateExtreme(l Lowering, t *types.Type, row Place, n *ir.Value, largest bool) {
	b := l.IR()
	compare, store, join := b.NewBlock(), b.NewBlock(), b.NewBlock()
	before := b.Because(ir.Extreme)
	set := b.Load(row.Space, row.Address, row.Offset+8, 8, false)
	b.If(ir.NotEqual, set, b.Const(0), compare, store)
	b.Enter(compare)
	old := b.Load(row.Space, row.Address, row.Offset, 8, false)
	x, y := n, old
	if largest {
		x, y = old, n
	}
	less := ir.Less
	if t.Signed {
		less = ir.SignedLess
	}
	b.If(less, x, y, store, join)
	b.Why = before
	b.Enter(store)
	setWord(l, row, 0, n)
	setWord(l, row, 1, b.Const(1))
	b.Jump(join)
	b.Enter(join)
}
