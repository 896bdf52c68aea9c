package builtin

import (
	"fmt"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// LinearHist is the record of lhist(). The words count events: the first those below Low,
// word i those from Low+(i-1)*Step to below Low+i*Step, the last those from High on.
var LinearHist = &types.Aggregation{
	Name: "lhist", Adds: true, Composite: true,
	Words:    func(t *types.Type) int { return t.LinearBuckets() + 2 },
	Merge:    types.AddWords,
	Subtract: types.SubtractWords,
	Weight:   Hist.Weight,
	Draws:    types.DrawLinear,
	Text: func(t *types.Type) string {
		return fmt.Sprintf("lhist(%d, %d, %d)", t.Low, t.High, t.Step)
	},
	Parameters: func(t *types.Type) []types.Parameter {
		return []types.Parameter{{Name: "low", Value: t.Low}, {Name: "high", Value: t.High},
			{Name: "step", Value: t.Step}}
	},
}

var linearHist = &Aggregation{
	Record: LinearHist,
	Info: Info{Name: "lhist", Signature: "lhist(int n, int low, int high, int step)",
		Doc:     "A linear histogram of n between low and high, in buckets of step; what is below or above has a bucket each.",
		Example: `kprobe:vfs_read { @ = lhist(arg2, 0, 10000, 1000) }`},
	MinArgs: 4, MaxArgs: 4, Check: checkLinearHist, Update: updateLinearHist,
}

// maxLinearBuckets keeps a row below what one per-CPU allocation holds
// (PCPU_MIN_UNIT_SIZE, 32 KiB).
const maxLinearBuckets = 1000

func checkLinearHist(c Checker, call *lang.Call) *types.Type {
	number := checkNumber(c, call, c.Type(call.Args[0]))
	var bounds [3]int64
	for i, arg := range call.Args[1:] {
		n, ok := c.Integer(arg)
		if !ok {
			c.Errorf(arg.Range(), "low, high and step of lhist() must be numbers written in the script")
			return types.NoValue
		}
		bounds[i] = n
	}
	if !number || !checkBounds(c, call, bounds[0], bounds[1], bounds[2]) {
		return types.NoValue
	}
	return NewLinearHist(bounds[0], bounds[1], bounds[2])
}

func checkBounds(c Checker, call *lang.Call, low, high, step int64) bool {
	switch {
	case step <= 0:
		c.Errorf(call.Args[3].Range(), "the step of lhist() must be at least 1")
	case high <= low:
		c.Errorf(call.Args[2].Range(), "the upper end of lhist() must be above the lower end, %d", low)
	case uint64(high)-uint64(low) > uint64(step)*maxLinearBuckets:
		c.Errorf(call.Span, "lhist() has at most %d buckets", maxLinearBuckets)
		c.Hint("take a larger step")
	default:
		return true
	}
	return false
}

// NewLinearHist returns the type of lhist(v, low, high, step).
func NewLinearHist(low, high, step int64) *types.Type {
	return types.SizedAggregation(types.Type{
		Record: LinearHist, Signed: true, Low: low, High: high, Step: step,
	})
}

func updateLinearHist(l Lowering, _ *lang.Call, t *types.Type, value *ir.Value, row Place) {
	of := fmt.Sprintf("%d %d %d", t.Low, t.High, t.Step)
	before := l.IR().Because(ir.LinearBucket)
	bucket := l.Outlined("lhist", of, value, func(value *ir.Value) *ir.Value {
		return linearBucket(l.IR(), t, value)
	})
	l.IR().Why = before
	addBucket(l, row, bucket, t.Words())
}

func linearBucket(b *ir.Builder, t *types.Type, value *ir.Value) *ir.Value {
	bucket := b.NewCell("bucket")
	above, high, within, join := b.NewBlock(), b.NewBlock(), b.NewBlock(), b.NewBlock()
	b.CellSet(bucket, b.Const(0))
	b.If(ir.SignedLess, value, b.Const(t.Low), join, above)
	b.Enter(above)
	b.If(ir.SignedLess, value, b.Const(t.High), within, high)
	b.Enter(high)
	b.CellSet(bucket, b.Const(int64(t.LinearBuckets()+1)))
	b.Jump(join)
	b.Enter(within)
	distance := b.Binary(ir.Sub, value, b.Const(t.Low))
	index := b.Binary(ir.UDiv, distance, b.Const(t.Step))
	b.CellSet(bucket, b.Binary(ir.Add, index, b.Const(1)))
	b.Jump(join)
	b.Enter(join)
	return b.CellGet(bucket)
}
