package builtin

import (
	"slices"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

var stringFunctions = slices.Concat([]*Function{
	{
		Info: Info{Name: "str", Signature: "string str(pointer p [, int size]) or str(uint8[] text [, int size])",
			Doc:     "The string that p points at, up to the first zero byte, at most size bytes, the ending zero included (default and limit: the setting max_strlen). A size below zero, such as an error in the place of a length, reads nothing. What max_strlen cuts is marked when it is printed. Kernel and user addresses are told apart by themselves. An array of bytes is a text, too, and so are the strings of C++, Go and Rust. str($1) is a positional parameter as text, str($1 + 2) one that is no number without its first two bytes.",
			Example: `tracepoint:syscalls:sys_enter_openat { printf("%s\n", str(args.filename)) }`},
		MinArgs: 1, MaxArgs: 2, Check: checkStr, Into: lowerStr, ParameterText: true, Awaits: true,
	},
}, textFunctions)

func checkStr(c Checker, call *lang.Call) *types.Type {
	if text, ok := c.Text(call); ok {
		return types.NewString(len(text) + 1)
	}
	t, size := c.Type(call.Args[0]), stringSize(c, call)
	if _, ok := textIn(c.Target(), t); ok {
		return types.NewString(size)
	}
	switch t.Kind {
	case types.None:
		return types.NoValue
	case types.String:
		if len(call.Args) == 1 {
			return t
		}
		return types.NewString(min(t.Size, size))
	case types.Int, types.Pointer, types.Enum:
	case types.Array, types.Buffer:
		if t.ByteArray() {
			return types.NewString(min(size, textSize(t, c.Settings())+1))
		}
		fallthrough
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
	if n, known := wantSize(c, call, 1, 0); known {
		return int(min(max(n, 1), int64(limit)))
	}
	return limit
}

func lowerStr(l Lowering, call *lang.Call, to Place) {
	t, address := l.Type(call.Args[0]), l.Value
	if t.Kind == types.String {
		if len(call.Args) == 1 {
			l.Store(call.Args[0], to, false)
			return
		}
		address = l.Address
	}
	b := l.IR()
	limit := l.Type(call).Size
	size := b.Const(int64(limit))
	if len(call.Args) == 2 {
		if _, known := l.Integer(call.Args[1]); !known {
			size = sizeWithin(l, call.Args[1], 1, size)
		}
	}
	if text, ok := textIn(l.Target(), t); ok {
		readTextStruct(l, call.Args[0], text, size, limit, to)
		return
	}
	if _, _, varies := l.Extent(call.Args[0]); varies || t.ByteArray() {
		readArray(l, call.Args[0], size, limit, to)
		return
	}
	readString(l, t, address(call.Args[0]), size, limit, to)
}

// readArray reads the text in an array of bytes, which need not have an ending zero. The
// helper reads one byte beyond an array without one, and writes the zero there.
func readArray(l Lowering, e lang.Expr, size *ir.Value, limit int, to Place) {
	b := l.IR()
	id := asm.FnProbeReadKernelStr
	if l.Type(e).InUser(l.Scope().InUser()) && !l.Held(e) {
		id = asm.FnProbeReadUserStr
	}
	address, length, varies := l.Extent(e)
	if !varies {
		helper(l, id, ir.Writes, l.Pointer(to), size, arrayAddress(l, e))
		return
	}
	size = atMost(l, b.Binary(ir.Add, length, b.Const(1)), size)
	readAtMost(l, to, limit, size, func(to Place, size *ir.Value) { helper(l, id, ir.Writes, l.Pointer(to), size, address) })
}

// arrayAddress returns where an array lies that may be read one byte beyond its end.
func arrayAddress(l Lowering, e lang.Expr) *ir.Value {
	if !l.Held(e) {
		return l.Address(e)
	}
	size := l.Type(e).Size
	place := Place{Space: ir.Frame, Address: l.IR().SlotAddress(l.IR().NewSlot("text", size+1))}
	l.Zero(place, size+1)
	l.Store(e, place, false)
	return place.Address
}

// ReadBytes reads the text in an array of bytes whose length is known only when the probe
// fires, at most limit bytes.
func ReadBytes(l Lowering, e lang.Expr, limit int, to Place) {
	readArray(l, e, l.IR().Const(int64(limit)), limit, to)
}

// ReadString reads a text of at most size bytes from where the address lies.
func ReadString(l Lowering, t *types.Type, address *ir.Value, size int, to Place) {
	readString(l, t, address, l.IR().Const(int64(size)), size, to)
}

// readString reads a text of at most size bytes, the ending zero included. One that
// max_strlen cuts gets its next byte instead of the zero: a text without an ending zero
// is one that was cut.
func readString(l Lowering, t *types.Type, address, size *ir.Value, limit int, to Place) {
	read := func(text asm.BuiltinFunc, next func(*ir.Value, int, int, bool) *ir.Value) {
		n := helper(l, text, ir.Writes, l.Pointer(to), size, address)
		if limit == l.Settings().MaxStringSize {
			markCut(l, n, limit, to, func() *ir.Value { return next(address, limit-1, 1, false) })
		}
	}
	atEither(l, t, address,
		func() { read(asm.FnProbeReadKernelStr, l.IR().ReadKernel) },
		func() { read(asm.FnProbeReadUserStr, l.IR().ReadUser) })
}

func markCut(l Lowering, read *ir.Value, limit int, to Place, next func() *ir.Value) {
	b := l.IR()
	full, join := b.NewColdBlock(), b.NewBlock()
	before := b.Because(ir.TextCut)
	b.If(ir.Equal, read, b.Const(int64(limit)), full, join)
	b.Enter(full)
	b.Store(to.Space, to.Address, to.Offset+limit-1, 1, next())
	b.Jump(join)
	b.Why = before
	b.Enter(join)
}

// atEither reads by the one or the other way: user memory is the half below the sign bit,
// on x86_64 and arm64 alike, so that one branch tells what no type says.
func atEither(l Lowering, t *types.Type, address *ir.Value, readKernel, readUser func()) {
	if t.User && !t.Kernel {
		readUser()
		return
	}
	b := l.IR()
	kernel, user, join := b.NewBlock(), b.NewBlock(), b.NewBlock()
	before := b.Because(ir.KernelOrUser)
	b.If(ir.SignedLess, address, b.Const(0), kernel, user)
	b.Why = before
	b.Enter(kernel)
	readKernel()
	b.Jump(join)
	b.Enter(user)
	readUser()
	b.Jump(join)
	b.Enter(join)
}
