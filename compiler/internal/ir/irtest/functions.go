package irtest

import (
	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// Where a caller puts what its callee needs.
const (
	passedContext = 8 * iota
	passedData
	passedNumber
	passedSlot
	passedSize
)

// function calls a function of the program, directly or through a helper.
func (r *random) function() {
	passed := r.NewSlot("passed", passedSize)
	address := r.SlotAddress(passed)
	r.Store(ir.Frame, address, passedContext, 8, r.context)
	r.Store(ir.Frame, address, passedData, 8, r.DataAddress(DataMap, 0))
	r.Store(ir.Frame, address, passedNumber, 8, r.pick())
	r.Store(ir.Frame, address, passedSlot, 8, r.SlotAddress(r.slots[r.IntN(len(r.slots))]))
	switch n := r.IntN(3); {
	case !r.callsBack || n == 0:
		r.invoke(address)
	case n == 1:
		callback := r.callback(1)
		count := r.Const(int64(1 + r.IntN(3)))
		r.Call(asm.FnLoop, ir.Writes, count, r.FuncAddress(callback), address, r.Const(0))
	default:
		callback := r.each()
		r.Call(asm.FnForEachMapElem, ir.Writes, r.MapPointer(HashMap), r.FuncAddress(callback), address, r.Const(0))
	}
	r.known = append(r.known, r.Load(ir.Frame, address, passedNumber, 8, false))
}

// invoke calls a new function or one that was called before.
func (r *random) invoke(address *ir.Value) {
	if len(r.callees) == 0 || r.IntN(2) == 0 {
		r.callees = append(r.callees, r.callback(1))
	}
	callee := r.callees[r.IntN(len(r.callees))]
	r.known = append(r.known, r.Invoke(callee, r.pick(), address))
}

// callback makes a function whose first argument is a number, and another that of what is
// passed.
func (r *random) callback(passed int) *ir.Func {
	c := r.within("call", passed)
	number := c.Bound(c.body(4+c.IntN(12)), 1)
	c.Store(ir.Frame, c.Parameter(passed), passedNumber, 8, c.pick())
	c.Return(number)
	return c.Func
}

// each makes a function that counts elements of the hash map.
func (r *random) each() *ir.Func {
	c := r.within("each", 3)
	c.isolated = true
	c.known = append(c.known, c.Load(ir.MapValue, c.Parameter(1), 0, 8, false), c.Load(ir.MapValue, c.Parameter(2), 0, 8, false))
	data := c.Load(ir.Frame, c.Parameter(3), passedData, 8, false)
	c.AtomicAdd(ir.MapValue, data, 8*c.IntN(DataSize/8), c.body(4+c.IntN(8)))
	c.Return(c.Const(0))
	return c.Func
}

// within starts a function that reads what it is passed.
func (r *random) within(name string, passed int) *random {
	c := &random{Rand: r.Rand, Builder: r.NewCallback(name), callsBack: r.callsBack, frames: r.frames + 1}
	address := c.Parameter(passed)
	c.context = c.Load(ir.Frame, address, passedContext, 8, false)
	slot := c.Load(ir.Frame, address, passedSlot, 8, false)
	c.known = append(c.known,
		c.Load(ir.Frame, address, passedNumber, 8, false),
		c.Load(ir.ContextSpace, c.context, 8*c.IntN(12), 8, false),
		c.Load(ir.Frame, slot, 0, 8, false))
	if passed == 1 {
		c.known = append(c.known, c.Parameter(0))
	}
	return c
}
