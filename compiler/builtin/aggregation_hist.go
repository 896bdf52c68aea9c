package builtin

import (
	"fmt"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// Hist is the record of hist(). Each power of two is split in 1<<Bits parts. The words
// count events: bucket 0 those below 0, i >= 1 those from HistLow(i, Bits) to below
// HistLow(i+1, Bits).
var Hist = &types.Aggregation{
	Name: "hist", Adds: true, Composite: true,
	Words:    func(t *types.Type) int { return types.HistBucketsOf(t.Bits) },
	Merge:    types.AddWords,
	Subtract: types.SubtractWords,
	Weight:   func(_ *types.Type, row types.Row) uint64 { return row.Total() },
	Draws:    types.DrawPowers,
	Text: func(t *types.Type) string {
		if t.Bits > 0 {
			return fmt.Sprintf("hist(n, %d)", t.Bits)
		}
		return "hist"
	},
	Parameters: func(t *types.Type) []types.Parameter {
		return []types.Parameter{{Name: "the number of bits", Value: t.Bits}}
	},
}

var hist = &Aggregation{
	Record: Hist,
	Info: Info{Name: "hist", Signature: "hist(int n [, int bits])",
		Doc:     "A histogram of its argument with a bucket for each power of two, or with 2 to the power of bits (0 to 5) for each.",
		Example: `kprobe:blk_start_request < @ = hist(arg0->__data_len) >`},
	MinArgs: 1, MaxArgs: 2, Check: checkHist, Update: updateHist,
}

// maxHistBits is bpftrace's.
const maxHistBits = 5

func checkHist(c Checker, call *lang.Call) *types.Type {
	t := aggregates(Hist)(c, call)
	if t.Kind == types.None || len(call.Args) == 1 {
		return t
	}
	bits, known := c.Integer(call.Args[1])
	if !known || bits < 0 || bits > maxHistBits {
		c.Errorf(call.Args[1].Range(), "each power of two is split by a number of bits from 0 to %d, known before tracing starts", maxHistBits)
		return types.NoValue
	}
	return NewHist(t.Signed, int(bits))
}

// updateHist finds the bucket by halving: six compares, of which the usual value takes
// three. Rejected: De Bruijn multiplication (more instructions for values below 1<<16,
// and a table to load).
func updateHist(l Lowering, call *lang.Call, t *types.Type, value *ir.Value, row Place) {
	number := l.Type(call.Args[0])
	of := fmt.Sprintf("%d %d %t", t.Bits, number.Size, number.Signed)
	reason := ir.Bucket
	if t.Bits > 0 {
		reason = ir.SplitBucket
	}
	before := l.IR().Because(reason)
	bucket := l.Outlined("hist", of, value, func(value *ir.Value) *ir.Value {
		return histBucket(l, number, t, value)
	})
	l.IR().Why = before
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

// splitBucket makes of the bucket of a power of two, 2+p, that of the part which the bits
// after the highest one choose: 1 + (p-bits+1)<<bits + (value >> (p-bits) & (1<<bits -
// 1)).
func splitBucket(b *ir.Builder, bucket *ir.Cell, value *ir.Value, bits int64) {
	shift := b.Binary(ir.Sub, b.CellGet(bucket), b.Const(2+bits))
	part := b.Binary(ir.And, b.Binary(ir.ShiftRight, value, shift), b.Const(1<<bits-1))
	first := b.Binary(ir.ShiftLeft, b.Binary(ir.Add, shift, b.Const(1)), b.Const(bits))
	b.CellSet(bucket, b.Binary(ir.Add, b.Binary(ir.Add, first, part), b.Const(1)))
}

// halve drops the low step bits of rest when any above them is set, and counts them in
// bucket.
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

// NewHist returns the type of hist(v, bits).
func NewHist(signed bool, bits int) *types.Type {
	return types.SizedAggregation(types.Type{Record: Hist, Signed: signed, Bits: bits})
}
