package builtin

import (
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// Avg is the record of avg(). Its words are the total and the number of events.
var Avg = &types.Aggregation{
	Name: "avg", Adds: true,
	Words:     func(*types.Type) int { return 2 },
	Merge:     types.AddWords,
	Subtract:  types.SubtractWords,
	Restarted: fewerEvents,
	Empty:     notSet,
	Number:    average,
	Weight:    weightOf(average),
	Draws:     types.DrawAverage,
}

var avg = &Aggregation{
	Record: Avg,
	Info: Info{Name: "avg", Signature: "avg(int n)",
		Doc:     "The average of its argument, rounded towards zero.",
		Example: `kprobe:vfs_read { @bytes[comm] = avg(arg2) }`},
	MinArgs: 1, MaxArgs: 1, Check: aggregates(Avg), Update: updateTotal,
	Read: func(b *ir.Builder, t *types.Type, row Place) *ir.Value {
		op := ir.UDiv
		if t.Signed {
			op = ir.SDiv
		}
		total := loadWord(b, row, 0)
		return b.Binary(op, total, loadWord(b, row, 1))
	},
}

// average divides as programs do, without a remainder; it is 0 where nothing was counted.
func average(t *types.Type, row types.Row) uint64 {
	total, n := row.Word(0), row.Word(1)
	switch {
	case n == 0:
		return 0
	case t.Signed:
		return uint64(int64(total) / int64(n))
	}
	return total / n
}

func fewerEvents(_ *types.Type, row, shown types.Row) bool { return row.Word(1) < shown.Word(1) }

func updateTotal(l Lowering, _ *lang.Call, _ *types.Type, n *ir.Value, row Place) {
	addWord(l, row, 0, n)
	addWord(l, row, 1, l.IR().Const(1))
}
