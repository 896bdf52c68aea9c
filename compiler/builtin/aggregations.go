package builtin

import (
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// The words of a row are described at types.Type.Words. Rows belong to one CPU, yet a probe may
// interrupt another on the same CPU, so words that count are added to atomically: no increment is lost.
// min and max compare and store; an interrupt between the two may win or lose the tie, which
// kernels before 5.12 (no compare-and-exchange in BPF) cannot avoid.
var aggregationList = []*Aggregation{
	{
		Info: Info{Name: "count", Signature: "count()",
			Doc:     "Counts how often it is reached.",
			Example: `kprobe:vfs_read { @[comm] = count() }`},
		Check: aggregates(types.Count),
		Update: func(l Lowering, _ *lang.Call, _ *types.Type, row Place) {
			addWord(l, row, 0, l.IR().Const(1))
		},
	},
	{
		Info: Info{Name: "sum", Signature: "sum(int n)",
			Doc:     "Adds up its argument.",
			Example: `kprobe:vfs_read { @bytes[comm] = sum(arg2) }`},
		MinArgs: 1, MaxArgs: 1, Check: aggregates(types.Sum),
		Update: func(l Lowering, call *lang.Call, _ *types.Type, row Place) {
			addWord(l, row, 0, l.Value(call.Args[0]))
			setWord(l, row, 1, l.IR().Const(1))
		},
	},
	{
		Info: Info{Name: "avg", Signature: "avg(int n)",
			Doc:     "The average of its argument, rounded towards zero.",
			Example: `kprobe:vfs_read { @bytes[comm] = avg(arg2) }`},
		MinArgs: 1, MaxArgs: 1, Check: aggregates(types.Avg), Update: updateTotal,
	},
	{
		Info: Info{Name: "stats", Signature: "stats(int n)",
			Doc:     "The count, average and total of its argument.",
			Example: `kprobe:vfs_read { @bytes[comm] = stats(arg2) }`},
		MinArgs: 1, MaxArgs: 1, Check: aggregates(types.Stats), Update: updateTotal,
	},
	{
		Info: Info{Name: "min", Signature: "min(int n)",
			Doc:     "The smallest value of its argument.",
			Example: `kprobe:vfs_read { @smallest = min(arg2) }`},
		MinArgs: 1, MaxArgs: 1, Check: aggregates(types.Min),
		Update: func(l Lowering, call *lang.Call, t *types.Type, row Place) {
			updateExtreme(l, t, row, l.Value(call.Args[0]), false)
		},
	},
	{
		Info: Info{Name: "max", Signature: "max(int n)",
			Doc:     "The largest value of its argument.",
			Example: `kprobe:vfs_read { @largest = max(arg2) }`},
		MinArgs: 1, MaxArgs: 1, Check: aggregates(types.Max),
		Update: func(l Lowering, call *lang.Call, t *types.Type, row Place) {
			updateExtreme(l, t, row, l.Value(call.Args[0]), true)
		},
	},
	{
		Info: Info{Name: "hist", Signature: "hist(int n)",
			Doc:     "A histogram of its argument with a bucket for each power of two.",
			Example: `kprobe:blk_start_request < @ = hist(arg0->__data_len) >`},
		MinArgs: 1, MaxArgs: 1, Check: aggregates(types.Hist), Update: updateHist,
	},
	{
		Info: Info{Name: "lhist", Signature: "lhist(int n, int low, int high, int step)",
			Doc:     "A linear histogram of n between low and high, in buckets of step; what is below or above has a bucket each.",
			Example: `kprobe:vfs_read { @ = lhist(arg2, 0, 10000, 1000) }`},
		MinArgs: 4, MaxArgs: 4, Check: checkLinearHist, Update: updateLinearHist,
	},
}

// maxLinearBuckets keeps a row below what one per-CPU allocation holds (PCPU_MIN_UNIT_SIZE, 32 KiB).
const maxLinearBuckets = 1000

func aggregates(kind types.Kind) func(Checker, *lang.Call) *types.Type {
	return func(c Checker, call *lang.Call) *types.Type {
		signed := false
		if len(call.Args) > 0 {
			t := c.Type(call.Args[0])
			if !checkNumber(c, call, t) {
				return types.NoValue
			}
			signed = t.Signed || t.Size < 8
		}
		return types.NewAggregation(kind, signed)
	}
}

func checkNumber(c Checker, call *lang.Call, t *types.Type) bool {
	if t.Kind != types.None && !t.Integer() {
		c.Errorf(call.Args[0].Range(), "%s() wants a number, not %s", call.Name, t)
		if t.Kind == types.Pointer {
			c.Hint("follow the pointer to a member, or cast it: (uint64)%s", call.Args[0].Range().Text())
		}
	}
	return t.Integer()
}

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
	return types.NewLinearHist(bounds[0], bounds[1], bounds[2])
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

func addWord(l Lowering, row Place, word int, n *ir.Value) {
	l.IR().AtomicAdd(row.Space, row.Address, row.Offset+8*word, n)
}

func setWord(l Lowering, row Place, word int, n *ir.Value) {
	l.IR().Store(row.Space, row.Address, row.Offset+8*word, 8, n)
}

func updateTotal(l Lowering, call *lang.Call, _ *types.Type, row Place) {
	addWord(l, row, 0, l.Value(call.Args[0]))
	addWord(l, row, 1, l.IR().Const(1))
}

func updateExtreme(l Lowering, t *types.Type, row Place, n *ir.Value, largest bool) {
	b := l.IR()
	compare, store, join := b.NewBlock(), b.NewBlock(), b.NewBlock()
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
	b.Enter(store)
	setWord(l, row, 0, n)
	setWord(l, row, 1, b.Const(1))
	b.Jump(join)
	b.Enter(join)
}

// addBucket increments the word that bucket selects. The verifier must know that it is in the row:
// the check that proves it is never taken.
func addBucket(l Lowering, row Place, bucket *ir.Value, buckets int) {
	b := l.IR()
	inside, join := b.NewBlock(), b.NewBlock()
	b.If(ir.Less, bucket, b.Const(int64(buckets)), inside, join)
	b.Enter(inside)
	offset := b.Binary(ir.ShiftLeft, bucket, b.Const(3))
	address := b.Binary(ir.Add, row.Address, offset)
	b.AtomicAdd(row.Space, address, row.Offset, b.Const(1))
	b.Jump(join)
	b.Enter(join)
}

// updateHist finds the bucket by halving: six compares, of which the usual value takes three.
// Rejected: De Bruijn multiplication (more instructions for values below 1<<16, and a table to load).
func updateHist(l Lowering, call *lang.Call, _ *types.Type, row Place) {
	b := l.IR()
	value := l.Value(call.Args[0])
	bucket, rest := b.NewCell("bucket"), b.NewCell("rest")
	positive, join := b.NewBlock(), b.NewBlock()
	if l.Type(call.Args[0]).Signed {
		natural := b.NewBlock()
		b.CellSet(bucket, b.Const(0))
		b.If(ir.SignedLess, value, b.Const(0), join, natural)
		b.Enter(natural)
	}
	b.CellSet(bucket, b.Const(1))
	b.If(ir.Equal, value, b.Const(0), join, positive)
	b.Enter(positive)
	b.CellSet(bucket, b.Const(2))
	b.CellSet(rest, value)
	for step := int64(l.Type(call.Args[0]).Size) * 4; step >= 1; step /= 2 {
		halve(b, bucket, rest, step)
	}
	b.Jump(join)
	b.Enter(join)
	addBucket(l, row, b.CellGet(bucket), types.HistBuckets)
}

// halve drops the low step bits of rest when any above them is set, and counts them in bucket.
func halve(b *ir.Builder, bucket, rest *ir.Cell, step int64) {
	above, next := b.NewBlock(), b.NewBlock()
	high := b.Binary(ir.ShiftRight, b.CellGet(rest), b.Const(step))
	b.If(ir.NotEqual, high, b.Const(0), above, next)
	b.Enter(above)
	b.CellSet(rest, high)
	b.CellSet(bucket, b.Binary(ir.Add, b.CellGet(bucket), b.Const(step)))
	b.Jump(next)
	b.Enter(next)
}

func updateLinearHist(l Lowering, call *lang.Call, t *types.Type, row Place) {
	b := l.IR()
	value := l.Value(call.Args[0])
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
	addBucket(l, row, b.CellGet(bucket), t.Words())
}
