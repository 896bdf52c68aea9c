package builtin

import (
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

var actionFunctions = []*Function{
	{
		Info: Info{Name: "warnf", Signature: "void warnf(string format, ...)",
			Doc:     "Prints as printf() does, but to standard error, as a warning with its place in the script.",
			Example: `kretprobe:vfs_read /retval < -512/ { warnf("%s got %d", comm, retval) }`},
		MinArgs: 1, MaxArgs: -1, Check: checkPrintf, Lower: lowerFormatted(object.Warn),
	},
	{
		Info: Info{Name: "errorf", Signature: "void errorf(string format, ...)",
			Doc:     "Prints as warnf() does, as an error. Tracing goes on; exit() ends it.",
			Example: `BEGIN { if ($# == 0) { errorf("which process? give its ID"); exit(1) } }`},
		MinArgs: 1, MaxArgs: -1, Check: checkPrintf, Lower: lowerFormatted(object.Fail),
	},
	{
		Info: Info{Name: "cat", Signature: "void cat(string format, ...)",
			Doc:     "Prints the file that the format, with its arguments as in printf(), names. It is read when the event reaches ponytrace, at most max_cat_bytes of it.",
			Example: `BEGIN { cat("/proc/%d/stat", pid) }`},
		MinArgs: 1, MaxArgs: -1, Check: checkPrintf, Lower: lowerFormatted(object.Cat),
	},
	{
		Info: Info{Name: "system", Signature: "void system(string format, ...)",
			Doc:     "Runs a shell command, which the format makes with its arguments as in printf(), when the event reaches ponytrace. Texts from traced processes become part of the command: quote with care. Wants --unsafe.",
			Example: `BEGIN { system("uptime; echo %d", pid) }`},
		MinArgs: 1, MaxArgs: -1, Check: checkPrintf, Lower: lowerFormatted(object.System), Unsafe: true,
	},
	{
		Info: Info{Name: "signal", Signature: "void signal(int number) or signal(string name)",
			Doc:     `Sends a signal to the process that the probe interrupts: signal(9), signal("KILL") or signal(SIGKILL). A number that is none sends nothing. Wants --unsafe.`,
			Example: `tracepoint:syscalls:sys_enter_unlinkat /comm == "rm"/ { signal("STOP") }`},
		MinArgs: 1, MaxArgs: 1, Check: checkSignal, Lower: lowerSignal(asm.FnSendSignal), Unsafe: true,
	},
	{
		Info: Info{Name: "signal_thread", Signature: "void signal_thread(int number) or signal_thread(string name)",
			Doc:     `Sends a signal to the thread that the probe interrupts, as signal() does to its process. Wants --unsafe.`,
			Example: `tracepoint:syscalls:sys_enter_unlinkat /comm == "rm"/ { signal_thread("STOP") }`},
		MinArgs: 1, MaxArgs: 1, Check: checkSignal, Lower: lowerSignal(asm.FnSendSignalThread), Unsafe: true,
	},
	{
		Info: Info{Name: "override", Signature: "void override(int value)",
			Doc:     "Lets the traced function return the value without running: at the entry of the functions that the kernel's authors allow it for (ALLOW_ERROR_INJECTION), where the kernel has CONFIG_BPF_KPROBE_OVERRIDE. Wants --unsafe.",
			Example: `kprobe:vfs_read /comm == "cat"/ { override(-5) }`},
		MinArgs: 1, MaxArgs: 1, Check: checkOverride, Unsafe: true, Registers: true, HandsContext: true,
		Lower: func(l Lowering, call *lang.Call) *ir.Value {
			helper(l, asm.FnOverrideReturn, ir.Writes, l.IR().Context(), l.Value(call.Args[0]))
			return nil
		},
	},
	{
		Info: Info{Name: "join", Signature: "void join(char **texts [, string separator])",
			Doc:     "Prints the texts of an array of pointers that a null pointer ends, at most 16 of them, with the separator (a blank) between them, on a line of its own. Each is cut at 1024 bytes, or at max_strlen if that is less.",
			Example: `tracepoint:syscalls:sys_enter_execve { join(args.argv) }`},
		MinArgs: 1, MaxArgs: 2, Check: checkJoin, Lower: lowerJoin,
	},
}

// lowerFormatted sends an event whose first argument is a format and whose others are its
// values.
func lowerFormatted(action object.Action) func(Lowering, *lang.Call) *ir.Value {
	return func(l Lowering, call *lang.Call) *ir.Value {
		format, _ := l.Text(call.Args[0])
		l.Emit(&object.Event{Action: action, Format: format, Source: call.Span}, call.Args[1:]...)
		return nil
	}
}

// highestSignal is _NSIG of include/uapi/asm-generic/signal.h.
const highestSignal = 64

// signalNamed is the number of a name, with SIG before it or without, in either case.
func signalNamed(machine *target.Target, name string) (int64, bool) {
	number, _, ok := machine.Constant("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG"))
	return number, ok
}

func checkSignal(c Checker, call *lang.Call) *types.Type {
	arg := call.Args[0]
	if name, named := c.Text(arg); named {
		if _, ok := signalNamed(c.Target(), name); !ok {
			c.Errorf(arg.Range(), "there is no signal %q", name)
		}
		return types.NoValue
	}
	if n, known := c.Integer(arg); wantNumber(c, call, 0) && known && (n < 1 || n > highestSignal) {
		c.Errorf(arg.Range(), "signals have numbers from 1 to %d", highestSignal)
	}
	return types.NoValue
}

func lowerSignal(id asm.BuiltinFunc) func(Lowering, *lang.Call) *ir.Value {
	return func(l Lowering, call *lang.Call) *ir.Value {
		helper(l, id, ir.Writes, signalNumber(l, call.Args[0]))
		return nil
	}
}

func signalNumber(l Lowering, signal lang.Expr) *ir.Value {
	if name, named := l.Text(signal); named {
		n, _ := signalNamed(l.Target(), name)
		return l.IR().Const(n)
	}
	return l.Value(signal)
}

func checkOverride(c Checker, call *lang.Call) *types.Type {
	if !c.Scope().Mechanism.Overrides() {
		c.Errorf(call.Span, "override() works where a kernel function is entered: in a kprobe, not in %s", c.Scope().Probe.Name)
		return types.NoValue
	}
	if !c.Target().Helper(asm.FnOverrideReturn) {
		c.Errorf(call.Span, "override() needs a kernel that was built for it (CONFIG_BPF_KPROBE_OVERRIDE)")
	}
	wantNumber(c, call, 0)
	return types.NoValue
}

// Bounds of join, which are bpftrace's: a record for it takes their product.
const (
	joinTexts    = 16
	joinTextSize = 1024
)

func checkJoin(c Checker, call *lang.Call) *types.Type {
	if len(call.Args) == 2 {
		wantText(c, call, 1, "the separator")
	}
	t := c.Type(call.Args[0])
	if t.Kind == types.None || t.Integer() || t.Kind == types.Pointer && (t.Elem == nil || t.Elem.Kind == types.Pointer || t.Elem.Integer()) {
		return types.NoValue
	}
	c.Errorf(call.Args[0].Range(), "join() wants an array of texts, such as args.argv of sys_enter_execve, not %s", t)
	return types.NoValue
}

func lowerJoin(l Lowering, call *lang.Call) *ir.Value {
	separator := " "
	if len(call.Args) == 2 {
		separator, _ = l.Text(call.Args[1])
	}
	size := min(l.Settings().MaxStringSize, joinTextSize)
	fields := make([]*types.Type, joinTexts)
	for i := range fields {
		fields[i] = types.NewString(size)
	}
	j := joined{l: l, t: l.Type(call.Args[0]), array: l.Value(call.Args[0]), pointer: l.IR().NewCell("text")}
	l.IR().CellSet(j.pointer, l.IR().Const(1))
	l.Send(&object.Event{Action: object.Join, Format: separator, Source: call.Span}, fields, func(i int, to Place) { j.read(i, size, to) })
	return nil
}

// joined is the array of a join on its way into the record.
type joined struct {
	l       Lowering
	t       *types.Type
	array   *ir.Value
	pointer *ir.Cell // the last one read; zero behind the end
}

// read reads text i, or an empty one behind the end.
func (j *joined) read(i, size int, to Place) {
	b := j.l.IR()
	more, text, join := b.NewBlock(), b.NewBlock(), b.NewBlock()
	b.Store(to.Space, to.Address, to.Offset, 1, b.Const(0))
	b.If(ir.NotEqual, b.CellGet(j.pointer), b.Const(0), more, join)
	b.Enter(more)
	atEither(j.l, j.t, j.array,
		func() { b.CellSet(j.pointer, b.ReadKernel(j.array, 8*i, 8, false)) },
		func() { b.CellSet(j.pointer, b.ReadUser(j.array, 8*i, 8, false)) })
	pointer := b.CellGet(j.pointer)
	b.If(ir.NotEqual, pointer, b.Const(0), text, join)
	b.Enter(text)
	readString(j.l, j.t, pointer, b.Const(int64(size)), 0, to)
	b.Jump(join)
	b.Enter(join)
}
