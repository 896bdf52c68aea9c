package lower

import (
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/sema"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// A function of the script that is large and called more than once becomes a function of
// the program, which the calls share. All others are copied to where they are called: the
// verifier walks a function once for each call anyway, and a copy knows more of its
// arguments.

const (
	// largeBody is from how many nodes on a body is worth a function of its own: some
	// hundred instructions.
	largeBody = 60
	// maxInvokeParams leaves a register for the context.
	maxInvokeParams = ir.MaxCallArgs - 1
)

// textFrames is how many functions of the program a search in a long text has active at
// once.
const textFrames = 2

// subprogram is a function of the program, and where exit() inside of it leads.
type subprogram struct {
	code    *ir.Func
	escapes []*destination
}

// invokes reports whether a call is one of a subprogram. Where the verifier walks every
// round of a loop, the loop's limit counts what is copied into it, and a function that is
// shared would not be counted.
func (f *function) invokes(inline *sema.Inline) bool {
	switch {
	case f.b.Blind, len(inline.Params) > maxInvokeParams,
		inline.Result.Kind != types.None && !inline.Result.Scalar(),
		!f.callbacks() && (f.nest != nil || f.mentions(inline.Body, isLoop)):
		return false
	}
	for _, v := range inline.Params {
		if !v.Type.Scalar() {
			return false
		}
	}
	return f.calls[inline.Function] > 1 && nodes(inline.Body) >= largeBody && f.frames+1+f.deepest(inline.Body) <= ir.MaxFrames
}

// countCalls counts the calls of each function in the clause.
func countCalls(instance *sema.Instance) map[*lang.Function]int {
	calls := map[*lang.Function]int{}
	for _, inline := range instance.Inlines {
		calls[inline.Function]++
	}
	return calls
}

func nodes(body *lang.Block) (n int) {
	lang.Walk(body, func(any) bool {
		n++
		return true
	})
	return n
}

// deepest is how many functions may be active at once in what a body does, itself left
// out: each loop may be one, each function that it calls, and those that go through a map
// or a text.
func (f *function) deepest(body any) int {
	deep := textFrames
	lang.Walk(body, func(node any) bool {
		switch node := node.(type) {
		case *lang.For:
			deep = max(deep, 1+f.deepest(node.Body))
			return false
		case *lang.While:
			deep = max(deep, 1+f.deepest(node.Body), 1+f.deepest(node.Cond))
			return false
		}
		switch body := f.calleeBody(node).(type) {
		case nil:
		case *lang.Block:
			deep = max(deep, 1+f.deepest(body))
		default:
			deep = max(deep, f.deepest(body))
		}
		return true
	})
	return deep
}

// invoke calls a subprogram, which is made at the first call.
func (f *function) invoke(e *lang.Call, inline *sema.Inline) *ir.Value {
	args := []*ir.Value{f.b.Context()}
	for i, v := range inline.Params {
		args = append(args, f.converted(e.Args[i], v.Type))
	}
	sub := f.subprograms[inline.Function]
	if sub == nil {
		sub = f.subprogram(e.Name, inline)
		f.subprograms[inline.Function] = sub
	}
	if len(sub.escapes) > 0 {
		f.setShared(f.leavingWord(), f.b.Const(0))
	}
	result := f.b.Invoke(sub.code, args...)
	f.dispatchEscapes(sub.escapes)
	return result
}

func (f *function) subprogram(name string, inline *sema.Inline) *subprogram {
	outer, unused := *f, f.unused
	f.unused = nil // what it borrows stays its own: any call may come while the caller has borrowed the rest
	inner := f.b.NewCallback(name)
	f.enterFunction(inner)
	inner.UseContext(inner.Parameter(0))
	for i, v := range inline.Params {
		f.setVariable(v, inner.Parameter(i+1))
	}
	to := f.newDestination(f.b.NewBlock())
	to.result, to.cell = *inline.Result, f.b.NewCell(name)
	f.b.CellSet(to.cell, f.b.Const(0))
	f.returning = append(f.returning, to)
	f.block(inline.Body)
	f.returning = f.returning[:len(f.returning)-1]
	f.b.Jump(to.block)
	f.b.Enter(to.block)
	f.b.Return(f.b.CellGet(to.cell))
	sub := &subprogram{code: inner.Func, escapes: f.escapes}
	f.leaveFunction(&outer)
	f.unused = unused
	return sub
}
