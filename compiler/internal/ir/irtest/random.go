package irtest

import (
	"math/rand/v2"

	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// The maps that a random function uses.
const (
	DataMap  = "data" // an array with one value of DataSize bytes
	HashMap  = "hash" // keys and values of 8 bytes
	DataSize = 64
	// ContextSize is that of twelve arguments of a raw tracepoint.
	ContextSize = 96
)

// Random returns a program made from the seed, in some cases with functions that it
// calls. The verifier accepts it, and it ends: loops count.
func Random(seed uint64) *ir.Func { return random{}.program(seed) }

// RandomCallbacks is Random with atomic exchanges and with helpers that call back, which
// need Linux 5.17.
func RandomCallbacks(seed uint64) *ir.Func { return random{callsBack: true}.program(seed) }

func (r random) program(seed uint64) *ir.Func {
	r.Rand, r.Builder = rand.New(rand.NewPCG(seed, 2)), ir.NewBuilder("random", diag.Span{})
	r.context = r.Context()
	for range 3 {
		r.known = append(r.known, r.Load(ir.ContextSpace, r.context, 8*r.IntN(12), 8, false))
	}
	r.Return(r.body(12 + r.IntN(40)))
	return r.Func
}

// body computes something from all that its statements leave behind.
func (r *random) body(statements int) *ir.Value {
	for range 1 + r.IntN(4-r.frames) {
		r.cells = append(r.cells, r.NewCell("x"))
	}
	for range 1 + r.IntN(4-r.frames) {
		r.slots = append(r.slots, r.clearedSlot())
	}
	r.statements(statements, 3)
	sum := r.known[0]
	for _, cell := range r.cells {
		sum = r.Binary(ir.Xor, r.Binary(ir.Mul, sum, r.Const(31)), r.CellGet(cell))
	}
	for _, slot := range r.slots {
		sum = r.Binary(ir.Add, sum, r.Load(ir.Frame, r.SlotAddress(slot), 0, 8, false))
	}
	return r.Binary(ir.Xor, sum, r.Binary(ir.ShiftRight, sum, r.Const(32)))
}

type random struct {
	*rand.Rand
	*ir.Builder
	callsBack bool
	// isolated functions see no memory but their own: they run in an order that only the
	// kernel knows.
	isolated bool
	frames   int         // functions active above this one
	context  *ir.Value   // its address
	known    []*ir.Value // numbers that dominate the current place
	cells    []*ir.Cell
	slots    []*ir.Slot
	callees  []*ir.Func // functions to invoke
}

func (r *random) clearedSlot() *ir.Slot {
	size := 8 * (1 + r.IntN(12))
	if r.IntN(8) == 0 {
		size += 240
	}
	slot := r.NewSlot("buffer", size)
	address := r.SlotAddress(slot)
	for offset := 0; offset < slot.Size; offset += 8 {
		r.Store(ir.Frame, address, offset, 8, r.Const(0))
	}
	return slot
}

func (r *random) pick() *ir.Value {
	if r.IntN(4) == 0 {
		return r.Const(r.number())
	}
	return r.known[r.IntN(len(r.known))]
}

// number is near an edge more often than chance has it.
func (r *random) number() int64 {
	switch r.IntN(5) {
	case 0:
		return int64(r.IntN(7)) - 3
	case 1:
		return 1<<r.IntN(64) - int64(r.IntN(2))
	case 2:
		return int64(r.Uint32())
	case 3:
		return -int64(r.Uint32())
	}
	return int64(r.Uint64())
}

func (r *random) statements(count, depth int) {
	for range count {
		r.statement(depth)
	}
}

func (r *random) statement(depth int) {
	switch n := r.IntN(21); {
	case n < 8:
		r.known = append(r.known, r.arithmetic())
	case n < 10:
		r.CellSet(r.cells[r.IntN(len(r.cells))], r.pick())
	case n < 12:
		r.known = append(r.known, r.CellGet(r.cells[r.IntN(len(r.cells))]))
	case n < 14:
		r.frame()
	case n < 16 && !r.isolated:
		r.data()
	case n < 17 && !r.isolated:
		r.hash()
	case n < 18:
		r.known = append(r.known, r.ReadKernel(r.Const(int64(8*r.IntN(8))), r.IntN(64), r.size(), r.IntN(2) == 0))
	case depth > 0 && n < 19:
		r.conditional(depth - 1)
	case depth > 0 && n < 20:
		r.loop(min(depth-1, 1))
	case r.frames < 2 && !r.isolated:
		r.function()
	}
}

func (r *random) size() int { return 1 << r.IntN(4) }

func (r *random) arithmetic() *ir.Value {
	x, y := r.pick(), r.pick()
	switch op := ir.Add + ir.Op(r.IntN(int(ir.Bound-ir.Add)+1)); op {
	case ir.Neg, ir.Not:
		return r.Unary(op, x)
	case ir.SignExtend, ir.ZeroExtend:
		return r.Extend(x, 1<<r.IntN(3), op == ir.SignExtend)
	case ir.Bound:
		limit := int64(1)<<r.IntN(8) - 1
		return r.Bound(r.Binary(ir.And, x, r.Const(limit)), limit)
	case ir.ShiftLeft, ir.ShiftRight, ir.ShiftRightArith:
		if r.IntN(2) == 0 {
			y = r.Const(int64(r.IntN(64)))
		}
		return r.Binary(op, x, y)
	default:
		return r.Binary(op, x, y)
	}
}

func (r *random) frame() {
	slot := r.slots[r.IntN(len(r.slots))]
	size := r.size()
	address, offset := r.SlotAddress(slot), size*r.IntN(slot.Size/size)
	if r.IntN(2) == 0 {
		address, offset = r.Binary(ir.Add, address, r.Const(int64(offset))), 0
	}
	if r.IntN(2) == 0 {
		r.Store(ir.Frame, address, offset, size, r.pick())
		return
	}
	r.known = append(r.known, r.Load(ir.Frame, address, offset, size, r.IntN(2) == 0))
}

func (r *random) data() {
	size := r.size()
	address, offset := r.DataAddress(DataMap, 0), size*r.IntN(DataSize/size)
	switch r.IntN(6) {
	case 0:
		r.Store(ir.MapValue, address, offset, size, r.pick())
	case 1:
		r.AtomicAdd(ir.MapValue, address, offset/8*8, r.pick())
	case 3:
		r.known = append(r.known, r.FetchAdd(ir.MapValue, address, offset/8*8, r.pick()))
	case 4:
		if r.callsBack {
			r.known = append(r.known, r.exchange(address, offset/8*8))
		}
	case 2:
		index := r.Bound(r.pick(), 7)
		address = r.Binary(ir.Add, address, r.Binary(ir.ShiftLeft, index, r.Const(3)))
		r.AtomicAdd(ir.MapValue, address, 0, r.pick())
	default:
		r.known = append(r.known, r.Load(ir.MapValue, address, offset, size, r.IntN(2) == 0))
	}
}

// exchange may find what it expects.
func (r *random) exchange(address *ir.Value, offset int) *ir.Value {
	expected := r.pick()
	if r.IntN(2) == 0 {
		return r.Exchange(ir.MapValue, address, offset, expected)
	}
	if r.IntN(2) == 0 {
		expected = r.Load(ir.MapValue, address, offset, 8, false)
	}
	return r.CompareExchange(ir.MapValue, address, offset, expected, r.pick())
}

// hash looks a key up, adds to what is there, and else inserts it.
func (r *random) hash() {
	key, value := r.NewSlot("key", 8), r.NewSlot("value", 8)
	r.Store(ir.Frame, r.SlotAddress(key), 0, 8, r.Binary(ir.And, r.pick(), r.Const(3)))
	found := r.Call(asm.FnMapLookupElem, ir.Reads, r.MapPointer(HashMap), r.SlotAddress(key))
	hit, miss, after := r.NewBlock(), r.NewColdBlock(), r.NewBlock()
	r.If(ir.NotEqual, found, r.Const(0), hit, miss)
	r.Enter(hit)
	r.AtomicAdd(ir.MapValue, found, 0, r.pick())
	r.Jump(after)
	r.Enter(miss)
	r.Store(ir.Frame, r.SlotAddress(value), 0, 8, r.pick())
	r.Call(asm.FnMapUpdateElem, ir.Writes, r.MapPointer(HashMap), r.SlotAddress(key), r.SlotAddress(value), r.Const(0))
	r.Jump(after)
	r.Enter(after)
}

func (r *random) conditional(depth int) {
	then, otherwise, after := r.NewBlock(), r.NewBlock(), r.NewBlock()
	then.Cold = r.IntN(4) == 0
	compare := ir.Equal + ir.Op(r.IntN(int(ir.SignedLessEqual-ir.Equal)+1))
	r.If(compare, r.pick(), r.pick(), then, otherwise)
	outer := r.known
	for _, arm := range []*ir.Block{then, otherwise} {
		r.Enter(arm)
		r.statements(r.IntN(6), depth)
		r.known = outer[:len(outer):len(outer)]
		r.Jump(after)
	}
	r.Enter(after)
}

// loop runs its body up to three times, and ends early or begins its next round early
// where numbers meet by chance. It asks before the round or behind it.
func (r *random) loop(depth int) {
	counter := r.NewCell("i")
	head, body, latch, after := r.NewBlock(), r.NewBlock(), r.NewBlock(), r.NewBlock()
	limit := r.Const(int64(1 + r.IntN(3)))
	r.CellSet(counter, r.Const(0))
	r.Jump(head)
	r.Enter(head)
	outer := r.known
	r.known = append(outer[:len(outer):len(outer)], r.CellGet(counter))
	r.statements(r.IntN(3), depth)
	atEnd := r.IntN(3) == 0
	if atEnd {
		r.Jump(body)
	} else {
		r.If(ir.Less, r.CellGet(counter), limit, body, after)
	}
	r.Enter(body)
	r.statements(r.IntN(4), depth)
	r.leave(after)
	r.leave(latch)
	r.known = outer
	r.Jump(latch)
	r.Enter(latch)
	next := r.Binary(ir.Add, r.CellGet(counter), r.Const(1))
	r.CellSet(counter, next)
	if atEnd {
		r.If(ir.Less, next, limit, head, after)
	} else {
		r.Jump(head)
	}
	r.Enter(after)
}

// leave may jump out of the body of a loop.
func (r *random) leave(to *ir.Block) {
	if r.IntN(4) > 0 {
		return
	}
	stay := r.NewBlock()
	r.If(ir.Equal+ir.Op(r.IntN(6)), r.pick(), r.pick(), to, stay)
	r.Enter(stay)
	r.statements(r.IntN(3), 0)
}
