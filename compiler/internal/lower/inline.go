package lower

import (
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/sema"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// callValue computes the scalar result of a call.
func (f *function) callValue(e *lang.Call) *ir.Value {
	if body := f.instance.Expansions[e]; body != nil {
		return f.value(body)
	}
	if inline := f.instance.Inlines[e]; inline != nil {
		if f.invokes(inline) {
			return f.invoke(e, inline)
		}
		to := f.inline(e, inline, nil)
		return f.b.CellGet(to.cell)
	}
	return builtin.FunctionNamed(e.Name).Lower(hooks{f}, e)
}

// storeCall writes the result of a function or macro of the script; it reports whether e
// calls one.
func (f *function) storeCall(e *lang.Call, to builtin.Place, t *types.Type, pad bool) bool {
	if body := f.instance.Expansions[e]; body != nil {
		f.store(body, to, t, pad)
		return true
	}
	inline := f.instance.Inlines[e]
	if inline == nil {
		return false
	}
	place := f.resultPlace(inline)
	f.inline(e, inline, place)
	f.copyPadded(to, place(), inline.Result.Size, t, pad)
	return true
}

// resultPlace is memory that `return` reaches from inside of the function's loops, too.
func (f *function) resultPlace(inline *sema.Inline) func() builtin.Place {
	if f.mentions(inline.Body, isLoop) {
		offset := f.share(inline.Result.Size)
		return func() builtin.Place { return f.sharedPlace(offset) }
	}
	slot := f.b.NewSlot("result", inline.Result.Size)
	return func() builtin.Place { return f.slotPlace(slot) }
}

func isLoop(node any) bool {
	switch node.(type) {
	case *lang.For, *lang.While:
		return true
	}
	return false
}

// inline runs the copy of a function. A scalar result is in the destination's cell
// afterwards, any other at place.
func (f *function) inline(e *lang.Call, inline *sema.Inline, place func() builtin.Place) *destination {
	for i, v := range inline.Params {
		f.assignVariable(v, e.Args[i])
	}
	to := f.newDestination(f.b.NewBlock())
	to.result, to.place = *inline.Result, place
	switch {
	case inline.Result.Scalar():
		to.cell = f.b.NewCell(e.Name)
		f.b.CellSet(to.cell, f.b.Const(0))
	case inline.Result.Kind != types.None:
		f.zero(place(), inline.Result.Size)
	}
	loop := f.loop
	f.returning = append(f.returning, to)
	f.block(inline.Body)
	f.returning = f.returning[:len(f.returning)-1]
	f.loop = loop
	f.b.Jump(to.block)
	f.b.Enter(to.block)
	return to
}
