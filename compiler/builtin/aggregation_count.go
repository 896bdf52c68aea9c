package builtin

import (
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// Count is the record of count(). Its word is the number of events.
var Count = &types.Aggregation{
	Name: "count", Adds: true,
	Words:    func(*types.Type) int { return 1 },
	Merge:    types.AddWords,
	Subtract: types.SubtractWords,
	Number:   firstWord,
	Weight:   weightOf(firstWord),
}

var count = &Aggregation{
	Record: Count,
	Info: Info{Name: "count", Signature: "count()",
		Doc:     "Counts how often it is reached.",
		Example: `kprobe:vfs_read { @[comm] = count() }`},
	Check: aggregates(Count),
	Update: func(l Lowering, _ *lang.Call, _ *types.Type, _ *ir.Value, row Place) {
		addWord(l, row, 0, l.IR().Const(1))
	},
}
