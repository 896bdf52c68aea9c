package builtin

import (
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// aggregationList are all aggregations. Each has a file of its own, which holds all there
// is to one: what the script may write, the code that updates a row, and the record of
// what is done with rows. Only a sink that draws one in a way of its own has another file
// for it.
//
// Rows belong to one CPU, yet a probe may interrupt another on the same CPU, so words
// that count are added to atomically: no increment is lost. min and max compare and
// store; an interrupt between the two may win or lose the tie, which kernels before 5.12
// (no compare-and-exchange in BPF) cannot avoid.
var aggregationList = []*Aggregation{
	count, sum, avg, stats, least, largest, hist, linearHist, timeSeries, quantiles,
}

// aggregates checks a call without other arguments than the number.
func aggregates(record *types.Aggregation) func(Checker, *lang.Call) *types.Type {
	return func(c Checker, call *lang.Call) *types.Type {
		signed := false
		if len(call.Args) > 0 {
			t := c.Type(call.Args[0])
			if !checkNumber(c, call, t) {
				return types.NoValue
			}
			signed = t.Signed || t.Size < 8
		}
		return types.NewAggregation(record, signed)
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

func addWord(l Lowering, row Place, word int, n *ir.Value) {
	l.IR().AtomicAdd(row.Space, row.Address, row.Offset+8*word, n)
}

func setWord(l Lowering, row Place, word int, n *ir.Value) {
	l.IR().Store(row.Space, row.Address, row.Offset+8*word, 8, n)
}

func loadWord(b *ir.Builder, row Place, word int) *ir.Value {
	return b.Load(row.Space, row.Address, row.Offset+8*word, 8, false)
}

func firstWord(_ *types.Type, row types.Row) uint64 { return row.Word(0) }

// notSet is the Empty of rows whose second word is 0 before the first event.
func notSet(row types.Row) bool { return row.Word(1) == 0 }

// weightOf is the Weight of rows that are ordered by a number.
func weightOf(number func(*types.Type, types.Row) uint64) func(*types.Type, types.Row) uint64 {
	return func(t *types.Type, row types.Row) uint64 { return t.Order(number(t, row)) }
}

// addBucket increments the word that bucket selects. The verifier must know that it is in
// the row: the check that proves it is never taken.
func addBucket(l Lowering, row Place, bucket *ir.Value, buckets int) {
	b := l.IR()
	inside, join := b.NewBlock(), b.NewBlock()
	before := b.Because(ir.VerifierBound)
	b.If(ir.Less, bucket, b.Const(int64(buckets)), inside, join)
	b.Because(ir.BucketPlace)
	b.Enter(inside)
	offset := b.Binary(ir.ShiftLeft, bucket, b.Const(3))
	address := b.Binary(ir.Add, row.Address, offset)
	b.Why = before
	b.AtomicAdd(row.Space, address, row.Offset, b.Const(1))
	b.Jump(join)
	b.Enter(join)
}
