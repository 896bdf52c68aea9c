package builtin

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// Quantiles is the record of quantiles(). A value is the number of events, then the value
// at each percentile of Shape, which are in millionths of a percent.
//
// The value at a percentile p is that of the event whose rank is p percent of all,
// rounded up (nearest rank). It is exact up to 127. From there on each power of two is
// split in 64 buckets, of which the middle prints. Half a bucket is at most 1/128 of its
// least value, so that no percentile is off by more than 0.79 percent of itself.
// (Rejected: 32 buckets, 1.6 percent. Logarithmic buckets, as DDSketch has them, need 35
// for one percent, and a multiplication and a table.)
//
// The buckets count, so that rows of CPUs, keys and times add up and nothing is lost by
// it. They are 3,776, and as many for what is below 0: 30 or 60 KB. A map without key has
// them in one row per CPU, like a histogram's. For each key and CPU that is too much, and
// most of it stays 0: what is measured lies in a few powers of two. A map with keys has
// rows in parts of 64 buckets, a power of two each, so that a key takes half a kilobyte
// per CPU for each power of two that occurs. (Rejected: a bucket in the key. A bucket
// takes 8 bytes there, its key a hundred, and a map is full ten times as early. Rows that
// all CPUs share: 30 KB a key, and CPUs that wait for each other.)
var Quantiles = &types.Aggregation{
	Name: "quantiles", Composite: true,
	Words:     func(t *types.Type) int { return 1 + len(t.Shape) },
	Stored:    storedQuantiles,
	Summarize: summarizeQuantiles,
	Empty:     func(row types.Row) bool { return row.Word(0) == 0 },
	Number:    lastQuantile,
	Weight:    weightOf(lastQuantile),
	Draws:     DrawQuantiles,
	Text: func(t *types.Type) string {
		return "quantiles(n, " + strings.Join(percentileTexts(t), ", ") + ")"
	},
	Parameters: func(t *types.Type) []types.Parameter {
		return []types.Parameter{{Name: "the list of percentiles",
			Value: strings.Join(percentileTexts(t), ", ")}}
	},
}

// DrawQuantiles is the number of events and the values at percentiles.
const DrawQuantiles types.Drawing = "quantiles"

var quantiles = &Aggregation{
	Record: Quantiles,
	Info: Info{Name: "quantiles", Signature: "quantiles(int n [, percentile, ...])",
		Doc: "The values of n at up to 16 percentiles, by default 50, 90, 99 and 99.9, and the number of " +
			"events. " +
			"A value is off by at most 1 percent of itself.",
		Example: `kretprobe:vfs_read { @[comm] = quantiles(retval, 50, 99, 99.9) }`},
	MinArgs: 1, MaxArgs: 1 + maxPercentiles, Check: checkQuantiles, Update: updateQuantiles,
	Split: splitQuantiles,
}

// OnePercent is the unit of percentiles, which are in millionths of it.
const OnePercent = 1_000_000

const (
	maxPercentiles = 16
	maxWhole       = 1_000_000 // percent; more is as wrong
	// quantileBits is how often each power of two is halved.
	quantileBits    = 6
	quantileParts   = 64 - quantileBits + 1
	quantileBuckets = quantileParts << quantileBits
)

var defaultPercentiles = []int64{50 * OnePercent, 90 * OnePercent, 99 * OnePercent, 99_900_000}

// bucketCounts is the record of rows of Count buckets.
var bucketCounts = &types.Aggregation{
	Name: "buckets", Adds: true, Composite: true,
	Words:    func(t *types.Type) int { return t.Count },
	Merge:    types.AddWords,
	Subtract: types.SubtractWords,
}

// storedQuantiles: bucket i >= quantileBuckets counts values that are less than 0, by
// their magnitudes.
func storedQuantiles(t *types.Type) types.Stored {
	parts := quantileParts
	if t.Signed {
		parts *= 2
	}
	counts := func(n int) *types.Type {
		return types.SizedAggregation(types.Type{Record: bucketCounts, Count: n})
	}
	return types.Stored{
		Row: counts(parts << quantileBits), Part: counts(1 << quantileBits), Parts: parts,
	}
}

// NewQuantiles returns the type of quantiles(v, ...) with percentiles in millionths of a
// percent.
func NewQuantiles(signed bool, percentiles []int64) *types.Type {
	return types.SizedAggregation(types.Type{Record: Quantiles, Signed: signed, Shape: percentiles})
}

func checkQuantiles(c Checker, call *lang.Call) *types.Type {
	t := c.Type(call.Args[0])
	number := checkNumber(c, call, t)
	percentiles := defaultPercentiles
	if len(call.Args) > 1 {
		percentiles = nil
	}
	for _, arg := range call.Args[1:] {
		p, ok := checkPercentile(c, arg, percentiles)
		if !ok {
			return types.NoValue
		}
		percentiles = append(percentiles, p)
	}
	if !number {
		return types.NoValue
	}
	return NewQuantiles(t.Signed || t.Size < 8, percentiles)
}

// checkPercentile returns a percentile that is none of those before it.
func checkPercentile(c Checker, arg lang.Expr, before []int64) (p int64, ok bool) {
	p, known := Percentile(arg, c.Integer)
	text := arg.Range().Text()
	_, decimal := arg.(*lang.Decimal)
	switch {
	case !known && decimal:
		c.Errorf(arg.Range(), "%s has more than 6 decimals", text)
	case !known:
		c.Errorf(arg.Range(), "the percentiles of quantiles() are numbers written in the script, "+
			"such as 50 or 99.9")
	case p < 0 || p > 100*OnePercent:
		c.Errorf(arg.Range(), "a percentile is from 0 to 100, not %s", text)
		for p > 100*OnePercent {
			p /= 10
		}
		if p > 90*OnePercent {
			c.Hint("did you mean %s?", PercentileText(p))
		}
	case p >= OnePercent/2 && p < OnePercent:
		c.Errorf(arg.Range(), "%s is less than 1 percent", text)
		c.Hint("percentiles are from 0 to 100: %s", PercentileText(p*100))
	case slices.Contains(before, p):
		c.Errorf(arg.Range(), "the percentile %s is there twice", text)
	default:
		return p, true
	}
	return 0, false
}

// Percentile returns what an argument is, in millionths of a percent.
func Percentile(arg lang.Expr, integer func(lang.Expr) (int64, bool)) (p int64, known bool) {
	decimal, ok := arg.(*lang.Decimal)
	if !ok {
		n, known := integer(arg)
		return max(min(n, maxWhole), -1) * OnePercent, known
	}
	whole, fraction, _ := strings.Cut(decimal.Text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	rest, wrong := strconv.ParseInt((fraction + "000000")[:6], 10, 64)
	exact := strings.TrimRight(fraction, "0")
	return min(n, maxWhole)*OnePercent + rest, err == nil && wrong == nil && len(exact) <= 6
}

// PercentileText writes a percentile as a script does: 99.9.
func PercentileText(p int64) string {
	text := strconv.FormatInt(p/OnePercent, 10)
	if rest := p % OnePercent; rest > 0 {
		digits := strconv.FormatInt(OnePercent+rest, 10)[1:]
		text += "." + strings.TrimRight(digits, "0")
	}
	return text
}

func percentileTexts(t *types.Type) []string {
	texts := make([]string, len(t.Shape))
	for i, p := range t.Shape {
		texts[i] = PercentileText(p)
	}
	return texts
}

// quantileBucket computes the bucket of a value: that of its magnitude as hist() has it,
// from 0 on, or after all of those if it is less than 0.
//
// Of a map whose values are signed all values are, as with sum() and max().
func quantileBucket(l Lowering, call *lang.Call, t *types.Type, n *ir.Value) *ir.Value {
	number := l.Type(call.Args[0])
	signed := t.Signed && (number.Signed || number.Size == 8)
	of := strconv.Itoa(number.Size) + strconv.FormatBool(signed)
	before := l.IR().Because(ir.SplitBucket)
	defer func() { l.IR().Why = before }()
	return l.Outlined("quantiles", of, n, func(n *ir.Value) *ir.Value {
		b := l.IR()
		first := b.Const(-1) // hist() has the bucket 0 for what is less than 0
		if signed {
			n, first = magnitude(b, n)
		}
		natural := types.NewInt(number.Size, false)
		bucket := histBucket(l, natural, &types.Type{Bits: quantileBits}, n)
		return b.Binary(ir.Add, bucket, first)
	})
}

// magnitude returns the distance from 0, and what is added to its bucket.
func magnitude(b *ir.Builder, n *ir.Value) (distance, first *ir.Value) {
	positive, offset := b.NewCell("magnitude"), b.NewCell("first")
	below, join := b.NewBlock(), b.NewBlock()
	b.CellSet(positive, n)
	b.CellSet(offset, b.Const(-1))
	b.If(ir.SignedLess, n, b.Const(0), below, join)
	b.Enter(below)
	b.CellSet(positive, b.Unary(ir.Neg, n))
	b.CellSet(offset, b.Const(quantileBuckets-1))
	b.Jump(join)
	b.Enter(join)
	return b.CellGet(positive), b.CellGet(offset)
}

func updateQuantiles(l Lowering, call *lang.Call, t *types.Type, n *ir.Value, row Place) {
	addBucket(l, row, quantileBucket(l, call, t, n), storedQuantiles(t).Row.Words())
}

func splitQuantiles(
	l Lowering, call *lang.Call, t *types.Type, n *ir.Value,
) (part *ir.Value, update func(row Place)) {
	b := l.IR()
	bucket := quantileBucket(l, call, t, n)
	part = b.Binary(ir.ShiftRight, bucket, b.Const(quantileBits))
	return part, func(row Place) {
		const buckets = 1 << quantileBits
		addBucket(l, row, b.Binary(ir.And, bucket, b.Const(buckets-1)), buckets)
	}
}

// summarizeQuantiles walks the buckets from the least value to the largest, once for each
// percentile.
func summarizeQuantiles(t *types.Type, into, stored types.Row) {
	into.SetWord(0, stored.Total())
	for i, p := range t.Shape {
		into.SetWord(1+i, valueOfRank(stored, rankOf(p, into.Word(0))))
	}
}

// rankOf is p percent of n, rounded up, and at least 1.
func rankOf(p int64, n uint64) uint64 {
	high, low := bits.Mul64(uint64(p), n)
	low, carry := bits.Add64(low, 100*OnePercent-1, 0)
	rank, _ := bits.Div64(high+carry, low, 100*OnePercent)
	return max(rank, 1)
}

// valueOfRank is 0 where there are not so many values.
func valueOfRank(stored types.Row, rank uint64) uint64 {
	for bucket := stored.Len() - 1; bucket >= quantileBuckets; bucket-- {
		n := stored.Word(bucket)
		if n >= rank {
			return -min(middle(bucket-quantileBuckets), 1<<63) // the least is -1<<63
		}
		rank -= n
	}
	for bucket := range quantileBuckets {
		n := stored.Word(bucket)
		if n >= rank {
			return middle(bucket)
		}
		rank -= n
	}
	return 0
}

// middle is the value that stands for those of a bucket.
func middle(bucket int) uint64 {
	low := types.HistLow(bucket+1, quantileBits)
	return low + (types.HistLow(bucket+2, quantileBits)-low-1)/2
}

// lastQuantile is that of the percentile that is written last, which is the one that
// people look for.
func lastQuantile(_ *types.Type, row types.Row) uint64 { return row.Word(row.Len() - 1) }
