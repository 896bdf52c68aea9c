package builtin

import (
	"errors"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

var goVariables = []*Function{
	{
		Info: Info{Name: "goid", Signature: "uint64 goid",
			Doc:     "The number of the goroutine that runs the traced function of a Go program, as its stack traces show it; 0 while the Go runtime works for itself.",
			Example: `uprobe:/bin/server:main.total { @start[goid] = nsecs }`},
		Check: checkGoroutine, Lower: lowerGoroutine, Bare: true,
	},
	{
		Info: Info{Name: "gotype", Signature: "gotype gotype(interface i) or gotype(uint64 type)",
			Doc:     "The type of what an interface of a Go program holds, printed as its %T does: *os.PathError, or nil for nothing. A number or pointer is the address of a type's description, which is the first word of an interface without methods. Types that the program made while it ran print as that address.",
			Example: `uprobe:/bin/server:main.show { @[gotype(args.value)] = count() }`},
		MinArgs: 1, MaxArgs: 1, Check: checkGoType, Into: lowerGoType, Fills: true,
	},
}

var errNoThreadPointer = errors.New("it is in a variable of the thread, which only the kernel's types lead to, " +
	"and this kernel does not describe them (CONFIG_DEBUG_INFO_BTF)")

func checkGoroutine(c Checker, name *lang.Call) *types.Type {
	scope := c.Scope()
	if scope.Goroutine == nil {
		c.Errorf(name.Span, "goid exists only in probes on functions of a Go program, not in %s", scope.Probe.Name)
		c.Hint("such as uprobe:./server:main.load { @[goid] = count() }")
		return nil
	}
	g, err := scope.Goroutine()
	if _, known := threadPointer(c.Target()); err == nil && g.Register < 0 && !known {
		err = errNoThreadPointer
	}
	if err != nil {
		c.Errorf(name.Span, "goid is not known here: %v", err)
		return nil
	}
	return types.Uint64
}

// threadPointer is where in struct task_struct the thread's pointer to its variables is.
func threadPointer(t *target.Target) (at int, known bool) {
	task, ok := t.Struct("struct", taskStruct)
	if !ok {
		return 0, false
	}
	at, word := memberAt(t, task, "thread.fsbase")
	return at, word != nil
}

func lowerGoroutine(l Lowering, _ *lang.Call) *ir.Value {
	b := l.IR()
	g, _ := l.Scope().Goroutine()
	if g.Register >= 0 {
		return b.ReadUser(loadRegister(l, g.Register), g.ID, 8, false)
	}
	at, _ := threadPointer(l.Target())
	thread := b.ReadKernel(helper(l, asm.FnGetCurrentTask, ir.Invariant), at, 8, false)
	return b.ReadUser(b.ReadUser(thread, g.Thread, 8, false), g.ID, 8, false)
}
