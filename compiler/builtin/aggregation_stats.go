package builtin

import (
	"github.com/ponytrace/ponytrace/compiler/types"
)

// Stats is the record of stats(). Its words are those of avg().
var Stats = &types.Aggregation{
	Name: "stats", Adds: true, Composite: true,
	Words:     Avg.Words,
	Merge:     Avg.Merge,
	Subtract:  Avg.Subtract,
	Restarted: Avg.Restarted,
	Empty:     Avg.Empty,
	Number:    Avg.Number,
	Weight:    Avg.Weight,
	Draws:     types.DrawStats,
}

var stats = &Aggregation{
	Record: Stats,
	Info: Info{Name: "stats", Signature: "stats(int n)",
		Doc:     "The count, average and total of its argument.",
		Example: `kprobe:vfs_read { @bytes[comm] = stats(arg2) }`},
	MinArgs: 1, MaxArgs: 1, Check: aggregates(Stats), Update: updateTotal,
}
