package builtin

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

var stringFunctions = []*Function{
	{
		Info: Info{Name: "str", Signature: "string str(pointer p [, int size])",
			Doc:     "The string that p points at, up to the first zero byte, at most size bytes (default and limit: the setting max_strlen). Kernel and user addresses are told apart by themselves. str($1) is a positional parameter as text.",
			Example: `tracepoint:syscalls:sys_enter_openat { printf("%s\n", str(args.filename)) }`},
		MinArgs: 1, MaxArgs: 2, Check: checkStr, Into: lowerStr, ParameterText: true,
	},
}

func checkStr(c Checker, call *lang.Call) *types.Type {
	t, size := c.Type(call.Args[0]), stringSize(c, call)
	if text, ok := c.Text(call); ok {
		return types.NewString(len(text) + 1)
	}
	switch t.Kind {
	case types.None:
		return types.NoValue
	case types.String:
		return t
	case types.Int, types.Pointer, types.Enum:
	default:
		c.Errorf(call.Args[0].Range(), "str() wants a pointer to text, not %s", t)
		return types.NoValue
	}
	return types.NewString(size)
}

// stringSize is what the second argument allows, within the setting.
func stringSize(c Checker, call *lang.Call) int {
	limit := c.Settings().MaxStringSize
	if len(call.Args) < 2 {
		return limit
	}
	if t := c.Type(call.Args[1]); t.Kind != types.None && !t.Integer() {
		c.Errorf(call.Args[1].Range(), "the size in str() is a number, not %s", t)
	}
	if n, ok := c.Integer(call.Args[1]); ok && n >= 0 && n < int64(limit) {
		return int(n) + 1
	}
	return limit
}

func lowerStr(l Lowering, call *lang.Call, to Place) {
	if l.Type(call.Args[0]).Kind == types.String {
		l.Store(call.Args[0], to, false)
		return
	}
	b := l.IR()
	size := b.Const(int64(l.Type(call).Size))
	if len(call.Args) == 2 {
		size = boundedSize(l, call, size)
	}
	address := l.Value(call.Args[0])
	readString(l, l.Type(call.Args[0]), address, size, to)
}

// boundedSize is min(argument+1, limit) for an argument that is only known when the probe fires.
func boundedSize(l Lowering, call *lang.Call, limit *ir.Value) *ir.Value {
	if _, ok := l.Integer(call.Args[1]); ok {
		return limit
	}
	b := l.IR()
	cell := b.NewCell("size")
	b.CellSet(cell, limit)
	wanted := b.Binary(ir.Add, l.Value(call.Args[1]), b.Const(1))
	shorter, join := b.NewBlock(), b.NewBlock()
	b.If(ir.Less, wanted, limit, shorter, join)
	b.Enter(shorter)
	b.CellSet(cell, wanted)
	b.Jump(join)
	b.Enter(join)
	return b.CellGet(cell)
}

// readString reads a text from where the address lies.
func readString(l Lowering, t *types.Type, address, size *ir.Value, to Place) {
	atEither(l, t, address,
		func() { helper(l, asm.FnProbeReadKernelStr, ir.Writes, l.Pointer(to), size, address) },
		func() { helper(l, asm.FnProbeReadUserStr, ir.Writes, l.Pointer(to), size, address) })
}

// atEither reads by the one or the other way: user memory is the half below the sign bit, on x86_64 and arm64
// alike, so that one branch tells what no type says.
func atEither(l Lowering, t *types.Type, address *ir.Value, readKernel, readUser func()) {
	if t.User {
		readUser()
		return
	}
	b := l.IR()
	kernel, user, join := b.NewBlock(), b.NewBlock(), b.NewBlock()
	b.If(ir.SignedLess, address, b.Const(0), kernel, user)
	b.Enter(kernel)
	readKernel()
	b.Jump(join)
	b.Enter(user)
	readUser()
	b.Jump(join)
	b.Enter(join)
}
