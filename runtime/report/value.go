package report

import (
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// Value is a value of the script.
type Value struct {
	events.Value
	divisor int64 // of its numbers, at least 1
	// last is the interval in which all time series of its table end, if later than its
	// own.
	last uint64
}

// Plain is a value that prints as it is.
func Plain(v events.Value) Value { return Value{Value: v, divisor: 1} }

// Divided is a value whose numbers are divided, unless the divisor is 0.
func Divided(v events.Value, divisor int64) Value {
	return Value{Value: v, divisor: max(divisor, 1)}
}

// Divisor is what the numbers of the value are divided by.
func (v Value) Divisor() int64 { return v.divisor }

// Part returns a part of a tuple, record, struct or array.
func (v Value) Part(i int) Value { return Plain(v.Value.Part(i)) }

// Textual reports whether the value stands for text: a string, or a number that has a
// name.
func (v Value) Textual() bool { return v.Type.Kind == types.String || Named(v.Type) }

// Named reports whether values of the type print as what they stand for.
func Named(t *types.Type) bool { return t.Kind >= types.KernelSymbol && t.Kind <= types.MACAddress }

// Number is the one number that stands for a value, scaled: an aggregation's result, else
// the value itself. Type.Signed says how to read it.
func (v Value) Number() uint64 { return v.scale(v.Value.Number()) }

func (v Value) scale(n uint64) uint64 {
	if v.Type.Signed {
		return uint64(int64(n) / v.divisor)
	}
	return n / uint64(v.divisor)
}

// Stats is what stats() keeps.
type Stats struct{ Count, Average, Total uint64 }

// Stats returns what a value of stats() holds. Only the average is scaled.
func (v Value) Stats() Stats { return Stats{v.Word(1), v.Number(), v.Word(0)} }

// Counts returns the scaled counts of a histogram's buckets.
func (v Value) Counts() []uint64 {
	counts := make([]uint64, v.Words())
	for i := range counts {
		counts[i] = v.Word(i) / uint64(v.divisor)
	}
	return counts
}

// Filled returns the first and last bucket of a histogram that is not empty; last is -1
// when all are.
func (v Value) Filled() (first, last int) {
	last = v.Words() - 1
	for last >= 0 && v.Word(last) == 0 {
		last--
	}
	for first < last && v.Word(first) == 0 {
		first++
	}
	return first, last
}

// Bounds returns the smallest and largest value of a histogram's bucket. The first has no
// smallest, and the last of a linear one no largest: they are 0 then.
func Bounds(t *types.Type, i int) (low, high uint64) {
	linear := t.Draws() == types.DrawLinear
	switch {
	case linear && i == 0:
		return 0, uint64(t.Low - 1)
	case linear && i == t.Words()-1:
		return uint64(t.High), 0
	case linear:
		low, end := LinearBounds(t, i)
		return uint64(low), uint64(end - 1)
	case i == 0:
		return 0, ^uint64(0)
	}
	return types.HistLow(i, t.Bits), types.HistLow(i+1, t.Bits) - 1
}

// LinearBounds returns the smallest value of a bucket that is neither the first nor the
// last, and that of the next.
func LinearBounds(t *types.Type, i int) (low, high int64) {
	low = t.Low + int64(i-1)*t.Step
	return low, min(low+t.Step, t.High)
}
