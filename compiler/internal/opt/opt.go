// Package opt improves the intermediate representation. Run reads as the list of the
// passes; each is one file, with a golden in testdata that shows a function before and
// after.
//
// # What may change
//
// A pass keeps what the function does, but for two liberties that tracing allows: values
// that Reads make are not made when nobody uses them, and two reads of the same kernel
// memory in one clause may become one (nobody can tell when between them the memory
// changed). Passes keep every Bound, whose mask the verifier wants to see, unless a
// constant takes its place; they never join two reads of other memory across a write.
//
// Clauses are short and nearly always free of loops, so each pass runs once or twice in a
// fixed order; there is no search for a fixpoint over all of them. Where blocks are
// walked, they are walked in reverse postorder: what a value uses was visited before it.
//
// Source: value numbering over the dominator tree follows Briggs, Cooper and Simpson,
// "Value Numbering" (Software: Practice and Experience, 1997).
package opt

import (
	"slices"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// Observer is called after each pass over a function, to see what it did.
type Observer func(pass string, function *ir.Func)

// Run applies all passes to the program f and its callbacks, which Check accepts, and
// leaves a program that Check accepts and in which every block and callback can be
// reached. The observer may be nil.
func Run(f *ir.Func, observe Observer) error { return apply(f, passes, observe) }

// RunLeast does only what code generation depends on. Tests compare what comes of it with
// what comes of Run.
func RunLeast(f *ir.Func, observe Observer) error { return apply(f, passes[:1], observe) }

func apply(f *ir.Func, passes []pass, observe Observer) (err error) {
	defer ir.Catch(&err)
	for _, function := range f.Functions() {
		for i, pass := range passes {
			function.Pass = uint8(i + 1)
			pass.run(function)
			if observe != nil {
				observe(pass.name, function)
			}
		}
	}
	dropCallbacks(f)
	return nil
}

// dropCallbacks drops those that no code left can call.
func dropCallbacks(f *ir.Func) {
	called := f.Calls().Order
	f.Callbacks = slices.DeleteFunc(f.Callbacks, func(callback *ir.Func) bool { return !slices.Contains(called, callback) })
}

// Twice where one pass's work is the other's material: a cell that is gone bares
// constants, a branch that is decided leaves cells with one value, joined values make
// operands equal.
var passes = []pass{
	straightening,
	promoting, folding, {"thread", thread}, straightening,
	promoting, folding, straightening,
	{"number", number}, {"unsign", unsign}, folding, straightening,
	{"dead", dead},
	{"sink", sink},
	{"early", early},
}

type pass struct {
	name string
	run  func(*ir.Func)
}

var straightening, promoting, folding = pass{"straighten", straighten}, pass{"promote", promote}, pass{"fold", fold}

// PassName names the pass that made a value; empty for lowering and for code generation.
func PassName(v *ir.Value) string {
	if v.Pass == 0 {
		return ""
	}
	return passes[v.Pass-1].name
}
