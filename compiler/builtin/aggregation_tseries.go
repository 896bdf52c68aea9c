package builtin

import (
	"time"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// TimeSeries is the record of tseries(): Count intervals of Step nanoseconds. For each,
// its words are its number since the epoch of nsecs plus 1 (0: never used), then the
// words of Elem, or (value, nsecs of the value) when Elem is an Int. Interval n lies at
// place n % Count.
var TimeSeries = &types.Aggregation{
	Name: "tseries", Composite: true,
	Words:    func(t *types.Type) int { return t.Count * (1 + max(t.Elem.Words(), 2)) },
	Merge:    mergeSeries,
	Subtract: subtractSeries,
	Draws:    types.DrawSeries,
	Parameters: func(t *types.Type) []types.Parameter {
		return []types.Parameter{{Name: "the interval", Value: time.Duration(t.Step)},
			{Name: "the number of intervals", Value: t.Count},
			{Name: "what is kept", Value: t.Elem.String()}}
	},
}

var timeSeries = &Aggregation{
	Record: TimeSeries,
	Info: Info{Name: "tseries", Signature: "tseries(int n, int interval, int intervals [, string aggregation])",
		Doc:     "The value of n over time: the last one of each interval, a number of nanoseconds, or its avg, max, min or sum. The newest intervals are kept.",
		Example: `kprobe:vfs_read { @ = tseries(args.count, 100ms, 20, "max") }`},
	MinArgs: 3, MaxArgs: 4, Check: checkTimeSeries, Update: updateTimeSeries,
}

// maxIntervals keeps a row below what one per-CPU allocation holds, as maxLinearBuckets
// does.
const maxIntervals = 1000

// seriesAggregations are those that an interval can be made of.
var seriesAggregations = []string{"avg", "max", "min", "sum"}

func checkTimeSeries(c Checker, call *lang.Call) *types.Type {
	t := c.Type(call.Args[0])
	if !checkNumber(c, call, t) {
		return types.NoValue
	}
	step, known := c.Integer(call.Args[1])
	if !known || step <= 0 {
		c.Errorf(call.Args[1].Range(), "the interval of tseries() is a time known before tracing starts, such as 100ms")
		return types.NoValue
	}
	count, known := c.Integer(call.Args[2])
	if !known || count < 1 || count > maxIntervals {
		c.Errorf(call.Args[2].Range(), "tseries() keeps from 1 to %d intervals, a number known before tracing starts", maxIntervals)
		return types.NoValue
	}
	elem := seriesElement(c, call, t)
	if elem == nil {
		return types.NoValue
	}
	return NewTimeSeries(elem, step, int(count))
}

func seriesElement(c Checker, call *lang.Call, t *types.Type) *types.Type {
	signed := t.Signed || t.Size < 8
	if len(call.Args) < 4 {
		return types.NewInt(8, signed)
	}
	name, _ := c.Text(call.Args[3])
	for _, known := range seriesAggregations {
		if name == known {
			return aggregations[name].Check(c, call)
		}
	}
	c.Errorf(call.Args[3].Range(), "the fourth argument of tseries() is one of %s, in quotes", listed(seriesAggregations))
	return nil
}

// updateTimeSeries finds the place of the interval that nsecs lies in. A place that an
// earlier interval left is used again from zero.
func updateTimeSeries(l Lowering, call *lang.Call, t *types.Type, n *ir.Value, row Place) {
	b := l.IR()
	before := b.Because(ir.Interval)
	now := helper(l, asm.FnKtimeGetNs, ir.Reads)
	interval := b.Binary(ir.UDiv, now, b.Const(t.Step))
	words := t.Words() / t.Count
	inside, join := b.NewBlock(), b.NewBlock()
	number := b.Binary(ir.UMod, interval, b.Const(int64(t.Count)))
	b.Because(ir.VerifierBound)
	b.If(ir.Less, number, b.Const(int64(t.Count)), inside, join)
	b.Enter(inside)
	b.Because(ir.Interval)
	offset := b.Binary(ir.Mul, number, b.Const(int64(8*words)))
	place := Place{Space: row.Space, Address: b.Binary(ir.Add, row.Address, offset), Offset: row.Offset}
	startInterval(l, place, b.Binary(ir.Add, interval, b.Const(1)), words)
	b.Why = before
	place.Offset += 8
	if t.Elem.Aggregation() {
		name, _ := l.Text(call.Args[3])
		aggregations[name].Update(l, call, t.Elem, n, place)
	} else {
		setWord(l, place, 0, n)
		setWord(l, place, 1, now)
	}
	b.Jump(join)
	b.Enter(join)
}

// startInterval clears a place that holds another interval than the given one.
func startInterval(l Lowering, place Place, interval *ir.Value, words int) {
	b := l.IR()
	stale, current := b.NewColdBlock(), b.NewBlock()
	before := b.Because(ir.IntervalStart)
	b.If(ir.NotEqual, b.Load(place.Space, place.Address, place.Offset, 8, false), interval, stale, current)
	b.Enter(stale)
	setWord(l, place, 0, interval)
	for i := 1; i < words; i++ {
		setWord(l, place, i, b.Const(0))
	}
	b.Jump(current)
	b.Why = before
	b.Enter(current)
}

// NewTimeSeries returns the type of tseries(v, step, count) over intervals of step
// nanoseconds: elem is an aggregation, or an integer of 64 bits for the last value of
// each.
func NewTimeSeries(elem *types.Type, step int64, count int) *types.Type {
	return types.SizedAggregation(types.Type{
		Record: TimeSeries, Signed: elem.Signed, Elem: elem, Step: step, Count: count,
	})
}

// intervalOf returns the words of a place.
func intervalOf(t *types.Type, row types.Row, place int) types.Row {
	width := len(row) / t.Count
	return row[place*width : (place+1)*width]
}

// Interval returns a place of a time series: the number of an interval since the epoch of
// nsecs, and the bytes of its value, of type Elem. Places are in no order; used is false
// where no event fell.
func Interval(t *types.Type, row types.Row, place int) (number uint64, value []byte, used bool) {
	words := intervalOf(t, row, place)
	return words.Word(0) - 1, words[8:], words.Word(0) != 0
}

// mergeSeries takes the later interval of each place; what belongs to the same one is
// merged.
func mergeSeries(t *types.Type, into, from types.Row) {
	for i := range t.Count {
		row, other := intervalOf(t, into, i), intervalOf(t, from, i)
		number, otherNumber := row.Word(0), other.Word(0)
		switch {
		case otherNumber > number:
			copy(row, other)
		case otherNumber < number || number == 0:
		case t.Elem.Aggregation():
			size := t.Elem.Size
			t.Elem.Record.Merge(t.Elem, row[8:8+size], other[8:8+size])
		case other.Word(2) > row.Word(2): // the later value
			copy(row, other)
		}
	}
}

// subtractSeries empties the intervals that are as they were shown.
func subtractSeries(t *types.Type, row, shown types.Row) {
	for i := range t.Count {
		types.SubtractSame(t, intervalOf(t, row, i), intervalOf(t, shown, i))
	}
}
