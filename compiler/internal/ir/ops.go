package ir

import (
	"math/bits"
	"slices"
)

// Info describes an operation: what the passes need to know of it.
type Info struct {
	Name   string
	Args   int // the number of operands; Variadic for calls
	Result bool
	Effect Effect // a Call has its own
	// Commutes: the operands may be exchanged.
	Commutes bool
	// Compute is the operation on constants; nil where it is not a function of its
	// operands alone. A unary operation ignores y.
	Compute func(x, y uint64) uint64
}

// Variadic is the operand count of an operation that takes as many as it is given.
const Variadic = -1

// MaxCallArgs is the number of registers that pass arguments to a helper or function.
const MaxCallArgs = 5

// Ops describes every operation. The arithmetic is the machine's own: 64 bits, shift
// counts taken modulo 64, x/0 = 0, x%0 = x.
var Ops = [...]Info{
	Invalid:         {Name: "invalid", Effect: Writes},
	Const:           {Name: "const", Result: true, Effect: Pure},
	Context:         {Name: "context", Result: true, Effect: Pure},
	SlotAddress:     {Name: "slot", Result: true, Effect: Pure},
	MapPointer:      {Name: "map", Result: true, Effect: Pure},
	DataAddress:     {Name: "data", Result: true, Effect: Pure},
	Parameter:       {Name: "parameter", Result: true, Effect: Pure},
	FuncAddress:     {Name: "func", Result: true, Effect: Pure},
	Add:             binary("add", true, func(x, y uint64) uint64 { return x + y }),
	Sub:             binary("sub", false, func(x, y uint64) uint64 { return x - y }),
	Mul:             binary("mul", true, func(x, y uint64) uint64 { return x * y }),
	UDiv:            binary("udiv", false, udiv),
	SDiv:            binary("sdiv", false, sdiv),
	UMod:            binary("umod", false, umod),
	SMod:            binary("smod", false, smod),
	And:             binary("and", true, func(x, y uint64) uint64 { return x & y }),
	Or:              binary("or", true, func(x, y uint64) uint64 { return x | y }),
	Xor:             binary("xor", true, func(x, y uint64) uint64 { return x ^ y }),
	ShiftLeft:       binary("shl", false, func(x, y uint64) uint64 { return x << (y & 63) }),
	ShiftRight:      binary("shr", false, func(x, y uint64) uint64 { return x >> (y & 63) }),
	ShiftRightArith: binary("sar", false, func(x, y uint64) uint64 { return uint64(int64(x) >> (y & 63)) }),
	Neg:             unary("neg", func(x, _ uint64) uint64 { return -x }),
	Not:             unary("not", func(x, _ uint64) uint64 { return ^x }),
	SignExtend:      unary("sext", nil),
	ZeroExtend:      unary("zext", nil),
	ByteSwap:        unary("bswap", nil),
	Equal:           binary("eq", true, func(x, y uint64) uint64 { return truth(x == y) }),
	NotEqual:        binary("ne", true, func(x, y uint64) uint64 { return truth(x != y) }),
	Less:            binary("lt", false, func(x, y uint64) uint64 { return truth(x < y) }),
	LessEqual:       binary("le", false, func(x, y uint64) uint64 { return truth(x <= y) }),
	SignedLess:      binary("slt", false, func(x, y uint64) uint64 { return truth(int64(x) < int64(y)) }),
	SignedLessEqual: binary("sle", false, func(x, y uint64) uint64 { return truth(int64(x) <= int64(y)) }),
	Bound:           unary("bound", nil),
	Load:            {Name: "load", Args: 1, Result: true, Effect: Reads},
	Store:           {Name: "store", Args: 2, Effect: Writes},
	AtomicAdd:       {Name: "atomicadd", Args: 2, Effect: Writes},
	FetchAdd:        {Name: "fetchadd", Args: 2, Result: true, Effect: Writes},
	Exchange:        {Name: "exchange", Args: 2, Result: true, Effect: Writes},
	CompareExchange: {Name: "compareexchange", Args: 3, Result: true, Effect: Writes},
	ReadKernel:      {Name: "readkernel", Args: 1, Result: true, Effect: Reads},
	ReadUser:        {Name: "readuser", Args: 1, Result: true, Effect: Reads},
	CellGet:         {Name: "get", Result: true, Effect: Reads},
	CellSet:         {Name: "set", Args: 1, Effect: Writes},
	Call:            {Name: "call", Args: Variadic, Result: true},
	Invoke:          {Name: "invoke", Args: Variadic, Result: true, Effect: Writes},
	Kfunc:           {Name: "kfunc", Args: Variadic, Result: true, Effect: Writes},
	Jump:            {Name: "jump", Effect: Writes},
	If:              {Name: "if", Args: 2, Effect: Writes},
	Return:          {Name: "return", Args: 1, Effect: Writes},
}

func unary(name string, compute func(x, y uint64) uint64) Info {
	return Info{Name: name, Args: 1, Result: true, Effect: Pure, Compute: compute}
}

func binary(name string, commutes bool, compute func(x, y uint64) uint64) Info {
	return Info{Name: name, Args: 2, Result: true, Effect: Pure, Commutes: commutes, Compute: compute}
}

// String names the op as the printer does.
func (o Op) String() string { return Ops[o].Name }

// Comparison reports whether the op compares, so that an If may carry it.
func (o Op) Comparison() bool { return o >= Equal && o <= SignedLessEqual }

// Atomic reports whether the op changes 8 bytes of memory as one.
func (o Op) Atomic() bool { return o >= AtomicAdd && o <= CompareExchange }

// ValueEffect returns the effect of v: that of its op, or the call's own. What a callback
// does is not looked at: a call that has one Writes.
func (v *Value) ValueEffect() Effect {
	if v.Op != Call {
		return Ops[v.Op].Effect
	}
	if v.CallsBack() {
		return Writes
	}
	return v.Effect
}

// CallsBack reports whether v calls a helper that calls a function of the program.
func (v *Value) CallsBack() bool {
	return v.Op == Call && slices.ContainsFunc(v.Args, func(arg *Value) bool { return arg.Op == FuncAddress })
}

// Constant returns the value of a Const.
func (v *Value) Constant() (int64, bool) { return v.Int, v.Op == Const }

// Compute returns the result of v for the given operands; ok is false where it is not a
// function of them alone.
func (v *Value) Compute(x, y uint64) (result uint64, ok bool) {
	switch v.Op {
	case SignExtend:
		return Extend(x, v.Size, true), true
	case ZeroExtend:
		return Extend(x, v.Size, false), true
	case ByteSwap:
		return Swap(x, v.Size), true
	case Bound:
		return x & uint64(v.Int), true
	}
	if compute := Ops[v.Op].Compute; compute != nil {
		return compute(x, y), true
	}
	return 0, false
}

// Extend returns the low size bytes of x, extended to 64 bits.
func Extend(x uint64, size int, signed bool) uint64 {
	shift := uint(64 - 8*size)
	if signed {
		return uint64(int64(x<<shift) >> shift)
	}
	return x << shift >> shift
}

// Swap returns the low size bytes of x in the opposite order.
func Swap(x uint64, size int) uint64 { return bits.ReverseBytes64(x) >> (64 - 8*size) }

// PowerOfTwo returns k where n is 1<<k.
func PowerOfTwo(n int64) (k int, ok bool) {
	u := uint64(n)
	return bits.TrailingZeros64(u), bits.OnesCount64(u) == 1
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func udiv(x, y uint64) uint64 {
	if y == 0 {
		return 0
	}
	return x / y
}

func umod(x, y uint64) uint64 {
	if y == 0 {
		return x
	}
	return x % y
}

func sdiv(x, y uint64) uint64 {
	if y == 0 {
		return 0
	}
	return uint64(int64(x) / int64(y))
}

func smod(x, y uint64) uint64 {
	if y == 0 {
		return x
	}
	return uint64(int64(x) % int64(y))
}
