package lower

import (
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/lang"
)

// The parts of a large clause are global functions: the verifier walks each by itself. It
// knows nothing of what such a function is handed, but that numbers are numbers and that
// the context is the context.
//
// Linux 6.8 and later take the context of every kind of program as an argument
// (contextTag of package bpf). Before, a part gets its address as a number, in the shared
// row, and all that it reaches from there is read as memory that may fault. So parts that
// hand the context to a helper stay in the clause there.
//
// What all parts do again and again is in functions of its own, one for each map or kind
// of event: code that is not there need not be compiled, walked or patched. The last
// counts most: the kernel puts the lookup of a hash in line and moves the rest of the
// program for each (bpf_patch_insn_data), so that ten thousand lookups take seconds.

// takesContext reports whether global functions can be handed the context.
func (f *function) takesContext() bool { return f.unit.Target.Version.AtLeast(6, 8) }

// separable reports whether a part of a clause can be a function.
func (f *function) separable(list []lang.Statement) bool {
	body := &lang.Block{Statements: list}
	if f.frames+1+f.deepest(body) > ir.MaxFrames {
		return false
	}
	return f.takesContext() || !f.mentions(body, handsContext)
}

// handsContext reports whether a node stands for a function that hands the context, or
// what the verifier knows of it, to a helper.
func handsContext(node any) bool {
	name := ""
	switch node := node.(type) {
	case *lang.Name:
		name = node.Name
	case *lang.Call:
		name = node.Name
	}
	known := builtin.FunctionNamed(name)
	return known != nil && known.HandsContext
}

// part makes a function of some statements, and calls it.
func (f *function) part(list []lang.Statement) {
	args := f.context()
	outer := *f
	inner := f.enterPart(len(args) > 0)
	var end, again *destination
	f.loop = innermost{
		end:   func() { f.leave(f.destinationIn(outer.b, &end)) },
		again: func() { f.leave(f.destinationIn(outer.b, &again)) },
	}
	f.parts++
	f.sequence(list)
	f.parts--
	f.b.Return(f.b.Const(0))
	escapes := f.escapes
	f.leaveFunction(&outer)
	f.nest = outer.nest
	if len(escapes) > 0 {
		f.setShared(f.leavingWord(), f.b.Const(0))
	}
	f.b.Invoke(inner, args...)
	f.dispatchEscapes(escapes)
	f.continueAt(end, f.loop.end)
	f.continueAt(again, f.loop.again)
}

// enterPart starts the function of a part, which finds the context in its argument or in
// the shared row.
func (f *function) enterPart(withContext bool) *ir.Func {
	inner := f.b.NewCallback("part")
	f.enterFunction(inner)
	f.nest = nil
	inner.Func.Global, inner.Func.WithContext = true, withContext
	if withContext {
		inner.Func.Params = 1
		inner.UseContext(inner.Parameter(0))
	} else {
		inner.Blind = true
		inner.UseContext(f.shared(f.contextWord))
	}
	f.prepareRows()
	return inner.Func
}

// prepareRows computes where the rows of this CPU lie once for all statements of a part:
// what branches compute is not known behind them, and the kernel puts each question for
// the CPU in line. A row that is not used costs nothing.
func (f *function) prepareRows() {
	if f.unit.Layout.PerCPU > 0 {
		f.rowOfCPU = f.cpuRow()
	}
	if f.sharedMemory.size > 0 {
		f.row = f.rowAddress()
	}
}

// unlinked are operands that are equal where x and y are. Of `if (pid == 7)` the verifier
// remembers that pid is 7 in all that follows, decides the next comparison by that, and
// so walks the rest of the part once more for each `if`.
func (f *function) unlinked(x, y *ir.Value) (*ir.Value, *ir.Value) {
	if x.Op != ir.Const && y.Op != ir.Const {
		return x, y
	}
	return f.b.Binary(ir.Xor, x, y), f.b.Const(0)
}

// context is what a part gets as arguments. Where that is nothing, the context's address
// is in the shared row.
func (f *function) context() []*ir.Value {
	if f.takesContext() {
		return []*ir.Value{f.b.Context()}
	}
	if f.contextWord == 0 {
		f.contextWord = f.share(8)
	}
	if !f.b.Blind {
		f.setShared(f.contextWord, f.b.Context())
	}
	return nil
}

// destinationIn makes a destination of the function that calls the part, once something
// leads there.
func (f *function) destinationIn(caller *ir.Builder, to **destination) *destination {
	if *to == nil {
		f.destinations++
		*to = &destination{number: int64(f.destinations), of: caller.Func, block: caller.NewBlock()}
	}
	return *to
}

// continueAt does what a destination of a part stands for, which is nil where nothing
// leads there.
func (f *function) continueAt(to *destination, act func()) {
	if to == nil {
		return
	}
	on := f.b.NewBlock()
	f.b.Jump(on)
	f.b.Enter(to.block)
	act()
	f.b.Enter(on)
}

// task is what a common function does, and for which map or with which numbers.
type task struct{ name, of string }

// commonFunction returns the function for a task, which is made at the first call. It
// uses nothing of the code around.
func (f *function) commonFunction(
	t task, params int, global bool, body func(params []*ir.Value) *ir.Value,
) *ir.Func {
	if known := f.common[t]; known != nil {
		return known
	}
	outer, unused := *f, f.unused
	f.unused = nil
	inner := f.b.NewCallback(t.name)
	f.enterFunction(inner)
	f.nest = nil
	if global {
		inner.Func.Global, inner.Func.Params = true, params
	}
	list := make([]*ir.Value, params)
	for i := range list {
		list[i] = inner.Parameter(i)
	}
	f.b.Return(body(list))
	f.leaveFunction(&outer)
	f.nest, f.unused = outer.nest, unused
	f.common[t] = inner.Func
	return inner.Func
}

// cut reports whether the clause at hand has parts.
func (f *function) cut() bool { return len(f.instance.Parts) > 0 }

// Parts is how many parts are active where the code runs.
func (f *function) Parts() int { return f.parts }

// Outlined computes a number from another.
func (f *function) Outlined(
	name, of string, x *ir.Value, compute func(x *ir.Value) *ir.Value,
) *ir.Value {
	if !f.cut() {
		return compute(x)
	}
	computing := f.commonFunction(task{name, of}, 1, true, func(params []*ir.Value) *ir.Value {
		return compute(params[0])
	})
	return f.b.Invoke(computing, x)
}
