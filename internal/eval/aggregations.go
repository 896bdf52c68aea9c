package eval

import (
	"math"
	"slices"
	"strconv"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// aggregation is how an aggregation is evaluated, apart from what the compiler does.
type aggregation struct {
	// shape is the type of a call that has more arguments than the number.
	shape func(constant func(lang.Expr) int64, arguments []lang.Expr, isSigned bool) *types.Type
	// observe updates the words of a row; the record in package builtin says what they
	// are.
	observe func(words []uint64, t *types.Type, n Value)
	// summarize computes the words from all values that were observed; it is there in the
	// place of observe.
	summarize func(words []uint64, t *types.Type, seen []uint64)
	// summary is the number that a row stands for in an expression; nil: the first word.
	summary func(words []uint64, t *types.Type) uint64
}

var aggregations = map[string]aggregation{
	"count": {observe: func(words []uint64, _ *types.Type, _ Value) { words[0]++ }},
	"sum": {observe: func(words []uint64, _ *types.Type, n Value) {
		words[0], words[1] = words[0]+n.Number, 1
	}},
	"avg":   {observe: observeTotal, summary: mean},
	"stats": {observe: observeTotal, summary: mean},
	"min":   {observe: observeExtreme("<")},
	"max":   {observe: observeExtreme(">")},
	"hist": {shape: histShape, observe: func(words []uint64, t *types.Type, n Value) {
		words[powerBucket(n, t.Bits)]++
	}},
	"lhist": {shape: linearShape, observe: func(words []uint64, t *types.Type, n Value) {
		words[linearBucket(int64(n.Number), t)]++
	}},
	"quantiles": {shape: quantilesShape, summarize: quantiles},
}

func observeTotal(words []uint64, _ *types.Type, n Value) {
	words[0], words[1] = words[0]+n.Number, words[1]+1
}

func observeExtreme(op lang.Operator) func([]uint64, *types.Type, Value) {
	return func(words []uint64, t *types.Type, n Value) {
		if words[1] == 0 || ordered(op, n.Number, words[0], t.Signed) {
			words[0], words[1] = n.Number, 1
		}
	}
}

func mean(words []uint64, t *types.Type) uint64 { return quotient(words[0], words[1], t.Signed) }

func histShape(constant func(lang.Expr) int64, arguments []lang.Expr, isSigned bool) *types.Type {
	bits := int64(0)
	if len(arguments) > 1 {
		bits = constant(arguments[1])
	}
	return builtin.NewHist(isSigned, int(bits))
}

func linearShape(constant func(lang.Expr) int64, arguments []lang.Expr, _ bool) *types.Type {
	low, high, step := constant(arguments[1]), constant(arguments[2]), constant(arguments[3])
	return builtin.NewLinearHist(low, high, step)
}

func quantilesShape(
	constant func(lang.Expr) int64, arguments []lang.Expr, isSigned bool,
) *types.Type {
	percentiles := []int64{50_000_000, 90_000_000, 99_000_000, 99_900_000}
	if len(arguments) > 1 {
		percentiles = nil
	}
	for _, argument := range arguments[1:] {
		p := int64(0)
		if decimal, ok := argument.(*lang.Decimal); ok {
			number, _ := strconv.ParseFloat(decimal.Text, 64)
			p = int64(math.Round(number * 1e6))
		} else {
			p = constant(argument) * 1e6
		}
		percentiles = append(percentiles, p)
	}
	return builtin.NewQuantiles(isSigned, percentiles)
}

// quantiles sorts what was observed. The value at a percentile is the first that so many
// percent are not greater than, with no more than its seven highest bits.
func quantiles(words []uint64, t *types.Type, seen []uint64) {
	slices.SortFunc(seen, func(a, b uint64) int {
		if ordered("<", a, b, t.Signed) {
			return -1
		}
		return 1
	})
	words[0] = uint64(len(seen))
	for i, p := range t.Shape {
		rank := 1
		for rank*100_000_000 < int(p)*len(seen) {
			rank++
		}
		words[1+i] = rounded(seen[rank-1], t.Signed)
	}
}

// rounded is the middle of the values that have the same seven highest bits.
func rounded(n uint64, isSigned bool) uint64 {
	if isSigned && int64(n) < 0 {
		return -min(rounded(-n, false), 1<<63)
	}
	width := uint64(1)
	for n/width >= 128 {
		width *= 2
	}
	return n/width*width + (width-1)/2
}

// add adds an observation to a row.
func (a aggregation) add(row *Value, t *types.Type, n Value) {
	if a.summarize == nil {
		a.observe(row.Words, t, n)
		return
	}
	row.Seen = append(row.Seen, n.Number)
	a.summarize(row.Words, t, row.Seen)
}

// summary is the number that an aggregation stands for in an expression.
func summary(v Value) uint64 {
	if rule := aggregations[v.Type.Record.Name]; rule.summary != nil {
		return rule.summary(v.Words, v.Type)
	}
	return v.Words[0]
}

// powerBucket is 0 below zero. Values below 1<<bits have a bucket each, and so has each
// of 1<<bits equal parts of every power of two from there on.
func powerBucket(n Value, bits int) int {
	if n.Type.Signed && int64(n.Number) < 0 {
		return 0
	}
	parts, shift := uint64(1)<<bits, 0
	for n.Number>>shift >= 2*parts {
		shift++
	}
	return 1 + shift*int(parts) + int(n.Number>>shift)
}

func linearBucket(n int64, t *types.Type) int {
	if n < t.Low {
		return 0
	}
	bucket := 1
	for low := t.Low; low < t.High; low += t.Step {
		if n >= low && n < min(low+t.Step, t.High) {
			return bucket
		}
		bucket++
	}
	return bucket
}
