package builtin

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// maxIntervals keeps a row below what one per-CPU allocation holds, as maxLinearBuckets does.
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
	return types.NewTimeSeries(elem, step, int(count))
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

// updateTimeSeries finds the place of the interval that nsecs lies in. A place that an earlier interval left is used
// again from zero.
func updateTimeSeries(l Lowering, call *lang.Call, t *types.Type, n *ir.Value, row Place) {
	b := l.IR()
	now := helper(l, asm.FnKtimeGetNs, ir.Reads)
	interval := b.Binary(ir.UDiv, now, b.Const(t.Step))
	words := t.Words() / t.Count
	inside, join := b.NewBlock(), b.NewBlock()
	number := b.Binary(ir.UMod, interval, b.Const(int64(t.Count)))
	b.If(ir.Less, number, b.Const(int64(t.Count)), inside, join)
	b.Enter(inside)
	offset := b.Binary(ir.Mul, number, b.Const(int64(8*words)))
	place := Place{Space: row.Space, Address: b.Binary(ir.Add, row.Address, offset), Offset: row.Offset}
	startInterval(l, place, b.Binary(ir.Add, interval, b.Const(1)), words)
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
	b.If(ir.NotEqual, b.Load(place.Space, place.Address, place.Offset, 8, false), interval, stale, current)
	b.Enter(stale)
	setWord(l, place, 0, interval)
	for i := 1; i < words; i++ {
		setWord(l, place, i, b.Const(0))
	}
	b.Jump(current)
	b.Enter(current)
}
