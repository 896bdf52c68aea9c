package builtin

import (
	"fmt"

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
		Update: func(l Lowering, _ *lang.Call, _ *types.Type, _ *ir.Value, row Place) {
			addWord(l, row, 0, l.IR().Const(1))
		},
	},
	{
		Info: Info{Name: "sum", Signature: "sum(int n)",
			Doc:     "Adds up its argument.",
			Example: `kprobe:vfs_read { @bytes[comm] = sum(arg2) }`},
		MinArgs: 1, MaxArgs: 1, Check: aggregates(types.Sum),
		Update: func(l Lowering, _ *lang.Call, _ *types.Type, n *ir.Value, row Place) {
			addWord(l, row, 0, n)
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
		Update: func(l Lowering, _ *lang.Call, t *types.Type, n *ir.Value, row Place) {
			updateExtreme(l, t, row, n, false)
		},
	},
	{
		Info: Info{Name: "max", Signature: "max(int n)",
			Doc:     "The largest value of its argument.",
			Example: `kprobe:vfs_read { @largest = max(arg2) }`},
		MinArgs: 1, MaxArgs: 1, Check: aggregates(types.Max),
		Update: func(l Lowering, _ *lang.Call, t *types.Type, n *ir.Value, row Place) {
			updateExtreme(l, t, row, n, true)
		},
	},
	{
		Info: Info{Name: "hist", Signature: "hist(int n [, int bits])",
			Doc:     "A histogram of its argument with a bucket for each power of two, or with 2 to the power of bits (0 to 5) for each.",
			Example: `kprobe:blk_start_request < @ = hist(arg0->__data_len) >`},
		MinArgs: 1, MaxArgs: 2, Check: checkHist, Update: updateHist,
	},
	{
		Info: Info{Name: "lhist", Signature: "lhist(int n, int low, int high, int step)",
			Doc:     "A linear histogram of n between low and high, in buckets of step; what is below or above has a bucket each.",
			Example: `kprobe:vfs_read { @ = lhist(arg2, 0, 10000, 1000) }`},
		MinArgs: 4, MaxArgs: 4, Check: checkLinearHist, Update: updateLinearHist,
	},
	{
		Info: Info{Name: "tseries", Signature: "tseries(int n, int interval, int intervals [, string aggregation])",
			Doc:     "The value of n over time: the last one of each interval, a number of nanoseconds, or its avg, max, min or sum. The newest intervals are kept.",
			Example: `kprobe:vfs_read { @ = tseries(args.count, 100ms, 20, "max") }`},
		MinArgs: 3, MaxArgs: 4, Check: checkTimeSeries, Update: updateTimeSeries,
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

func updateTotal(l Lowering, _ *lang.Call, _ *types.Type, n *ir.Value, row Place) {
	addWord(l, row, 0, n)
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

// maxHistBits is bpftrace's.
const maxHistBits = 5

func checkHist(c Checker, call *lang.Call) *types.Type {
	t := aggregates(types.Hist)(c, call)
	if t.Kind == types.None || len(call.Args) == 1 {
		return t
	}
	bits, known := c.Integer(call.Args[1])
	if !known || bits < 0 || bits > maxHistBits {
		c.Errorf(call.Args[1].Range(), "each power of two is split by a number of bits from 0 to %d, known before tracing starts", maxHistBits)
		return types.NoValue
	}
	return types.NewHist(t.Signed, int(bits))
}

// updateHist finds the bucket by halving: six compares, of which the usual value takes three.
// Rejected: De Bruijn multiplication (more instructions for values below 1<<16, and a table to load).
func updateHist(l Lowering, call *lang.Call, t *types.Type, value *ir.Value, row Place) {
	number := l.Type(call.Args[0])
	of := fmt.Sprintf("%d %d %t", t.Bits, number.Size, number.Signed)
	bucket := l.Outlined("hist", of, value, func(value *ir.Value) *ir.Value {
		return histBucket(l, number, t, value)
	})
	addBucket(l, row, bucket, t.Words())
}

func histBucket(l Lowering, number, t *types.Type, value *ir.Value) *ir.Value {
	b := l.IR()
	bucket, rest := b.NewCell("bucket"), b.NewCell("rest")
	positive, join := b.NewBlock(), b.NewBlock()
	if number.Signed {
		natural := b.NewBlock()
		b.CellSet(bucket, b.Const(0))
		b.If(ir.SignedLess, value, b.Const(0), join, natural)
		b.Enter(natural)
	}
	if t.Bits == 0 {
		b.CellSet(bucket, b.Const(1))
		b.If(ir.Equal, value, b.Const(0), join, positive)
	} else {
		b.CellSet(bucket, b.Binary(ir.Add, value, b.Const(1)))
		b.If(ir.Less, value, b.Const(1<<t.Bits), join, positive)
	}
	b.Enter(positive)
	b.CellSet(bucket, b.Const(2))
	b.CellSet(rest, value)
	for step := int64(number.Size) * 4; step >= 1; step /= 2 {
		halve(b, bucket, rest, step)
	}
	if t.Bits > 0 {
		splitBucket(b, bucket, value, int64(t.Bits))
	}
	b.Jump(join)
	b.Enter(join)
	return b.CellGet(bucket)
}

// splitBucket makes of the bucket of a power of two, 2+p, that of the part which the bits after the highest one
// choose: 1 + (p-bits+1)<<bits + (value >> (p-bits) & (1<<bits - 1)).
func splitBucket(b *ir.Builder, bucket *ir.Cell, value *ir.Value, bits int64) {
	shift := b.Binary(ir.Sub, b.CellGet(bucket), b.Const(2+bits))
	part := b.Binary(ir.And, b.Binary(ir.ShiftRight, value, shift), b.Const(1<<bits-1))
	first := b.Binary(ir.ShiftLeft, b.Binary(ir.Add, shift, b.Const(1)), b.Const(bits))
	b.CellSet(bucket, b.Binary(ir.Add, b.Binary(ir.Add, first, part), b.Const(1)))
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

func updateLinearHist(l Lowering, _ *lang.Call, t *types.Type, value *ir.Value, row Place) {
	of := fmt.Sprintf("%d %d %d", t.Low, t.High, t.Step)
	bucket := l.Outlined("lhist", of, value, func(value *ir.Value) *ir.Value {
		return linearBucket(l.IR(), t, value)
	})
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
