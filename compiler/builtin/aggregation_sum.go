package builtin

import (
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// Sum is the record of sum(). Its words are the total, and 1 after the first event.
var Sum = &types.Aggregation{
	Name: "sum", Adds: true, Flagged: true,
	Words:     func(*types.Type) int { return 2 },
	Merge:     mergeSum,
	Subtract:  subtractSum,
	Restarted: types.NearerZero,
	Empty:     notSet,
	Number:    firstWord,
	Weight:    weightOf(firstWord),
}

var sum = &Aggregation{
	Record: Sum,
	Info: Info{Name: "sum", Signature: "sum(int n)",
		Doc:     "Adds up its argument.",
		Example: `kprobe:vfs_read { @bytes[comm] = sum(arg2) }`},
	MinArgs: 1, MaxArgs: 1, Check: aggregates(Sum),
	Update: func(l Lowering, _ *lang.Call, _ *types.Type, n *ir.Value, row Place) {
		addWord(l, row, 0, n)
		setWord(l, row, 1, l.IR().Const(1))
	},
}

func mergeSum(_ *types.Type, into, from types.Row) {
	into.SetWord(0, into.Word(0)+from.Word(0))
	into.SetWord(1, into.Word(1)|from.Word(1))
}

// subtractSum forgets whether a total that did not change had events of value 0.
func subtractSum(_ *types.Type, row, shown types.Row) {
	total := row.Word(0) - shown.Word(0)
	row.SetWord(0, total)
	row.SetWord(1, min(total, 1))
}
