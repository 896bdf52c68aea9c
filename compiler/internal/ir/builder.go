package ir

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Builder appends values to a current block.
//
// Its methods are called from 1,500 places, and a Value has 240 bytes: inlined, they made
// the command 0.22 MB larger and compiled scripts no faster.
type Builder struct {
	Func *Func
	// Span is given to every value appended.
	Span diag.Span
	// Why is given to every value appended, too.
	Why     Why
	block   *Block
	context *Value
	// Blind: the verifier does not know the types of the addresses that the function was
	// handed, so that loads through them are reads that may fault.
	Blind bool
}

// NewBuilder starts a function with an empty entry block.
func NewBuilder(name string, span diag.Span) *Builder {
	b := &Builder{Func: &Func{Name: name, Span: span}, Span: span}
	b.block = b.NewBlock()
	return b
}

// NewCallback starts another function of the same program, with an empty entry block. The
// name needs to tell people what it is for; a number makes it unique.
//
//go:noinline
func (b *Builder) NewCallback(name string) *Builder {
	program := b.Func.Root()
	callback := NewBuilder(fmt.Sprintf("%s_%s%d", program.Name, name, len(program.Callbacks)+1), b.Span)
	callback.Func.Program = program
	program.Callbacks = append(program.Callbacks, callback.Func)
	return callback
}

// NewBlock adds an empty block to the function without entering it.
//
//go:noinline
func (b *Builder) NewBlock() *Block {
	block := &Block{ID: len(b.Func.Blocks), Func: b.Func}
	b.Func.Blocks = append(b.Func.Blocks, block)
	return block
}

// NewColdBlock is NewBlock for a path that is rarely taken.
//
//go:noinline
func (b *Builder) NewColdBlock() *Block {
	block := b.NewBlock()
	block.Cold = true
	return block
}

// Enter makes block the one that values are appended to.
func (b *Builder) Enter(block *Block) { b.block = block }

// Ended reports whether the current block has its terminator, so that what follows cannot
// be reached.
func (b *Builder) Ended() bool {
	n := len(b.block.Values)
	return n > 0 && b.block.Values[n-1].Op.Terminator()
}

// NewSlot reserves size bytes of frame memory.
//
//go:noinline
func (b *Builder) NewSlot(name string, size int) *Slot { return b.Func.NewSlot(name, size) }

// NewCell declares a mutable variable.
//
//go:noinline
func (b *Builder) NewCell(name string) *Cell {
	cell := &Cell{ID: len(b.Func.Cells), Name: name}
	b.Func.Cells = append(b.Func.Cells, cell)
	return cell
}

// Append adds a value to the current block. Code after a terminator goes into a fresh
// block that nothing reaches; opt removes it.
//
//go:noinline
func (b *Builder) Append(v Value) *Value {
	if b.Ended() {
		b.Enter(b.NewBlock())
	}
	v.Block, v.Span, v.Why = b.block, b.Span, b.Why
	value := b.Func.NewValue(v)
	b.block.Values = append(b.block.Values, value)
	return value
}

// Const returns a constant.
//
//go:noinline
func (b *Builder) Const(n int64) *Value { return b.Append(Value{Op: Const, Int: n}) }

// Context returns the address of the program's context: in a callback what UseContext
// said.
//
//go:noinline
func (b *Builder) Context() *Value {
	if b.context != nil {
		return b.context
	}
	return b.Append(Value{Op: Context})
}

// UseContext says where a callback has the program's context, which it was handed through
// memory.
func (b *Builder) UseContext(context *Value) { b.context = context }

// Binary returns `x op y`.
//
//go:noinline
func (b *Builder) Binary(op Op, x, y *Value) *Value {
	return b.Append(Value{Op: op, Args: []*Value{x, y}})
}

// Unary returns `op x`.
//
//go:noinline
func (b *Builder) Unary(op Op, x *Value) *Value { return b.Append(Value{Op: op, Args: []*Value{x}}) }

// Extend returns the low size bytes of x, sign- or zero-extended to 64 bits.
//
//go:noinline
func (b *Builder) Extend(x *Value, size int, signed bool) *Value {
	if size == 8 {
		return x
	}
	op := ZeroExtend
	if signed {
		op = SignExtend
	}
	return b.Append(Value{Op: op, Args: []*Value{x}, Size: size})
}

// ByteSwap returns the low size bytes of x (2, 4 or 8) in the opposite order,
// zero-extended.
//
//go:noinline
func (b *Builder) ByteSwap(x *Value, size int) *Value {
	return b.Append(Value{Op: ByteSwap, Args: []*Value{x}, Size: size})
}

// Bound returns x, known to be within [0, limit]; limit+1 is a power of two.
//
//go:noinline
func (b *Builder) Bound(x *Value, limit int64) *Value {
	return b.Append(Value{Op: Bound, Args: []*Value{x}, Int: limit})
}

// SlotAddress returns the address of a frame slot.
//
//go:noinline
func (b *Builder) SlotAddress(slot *Slot) *Value { return b.Append(Value{Op: SlotAddress, Slot: slot}) }

// MapPointer returns a kernel map as a helper's argument.
//
//go:noinline
func (b *Builder) MapPointer(name string) *Value { return b.Append(Value{Op: MapPointer, Map: name}) }

// DataAddress returns the address of a byte inside the only element of an array map.
//
//go:noinline
func (b *Builder) DataAddress(name string, offset int) *Value {
	return b.Append(Value{Op: DataAddress, Map: name, Int: int64(offset)})
}

// Parameter returns the argument number i, from 0, that a callback is called with.
//
//go:noinline
func (b *Builder) Parameter(i int) *Value { return b.Append(Value{Op: Parameter, Int: int64(i)}) }

// FuncAddress returns a callback as a helper's argument.
//
//go:noinline
func (b *Builder) FuncAddress(callee *Func) *Value {
	return b.Append(Value{Op: FuncAddress, Callee: callee})
}

// Load reads size bytes at address+offset.
//
//go:noinline
func (b *Builder) Load(space Space, address *Value, offset, size int, signed bool) *Value {
	if b.Blind && (space == ContextSpace || space == Kernel) {
		return b.ReadKernel(address, offset, size, signed)
	}
	return b.Append(Value{Op: Load, Args: []*Value{address}, Space: space, Offset: offset, Size: size, Signed: signed})
}

// Store writes the low size bytes of value at address+offset.
//
//go:noinline
func (b *Builder) Store(space Space, address *Value, offset, size int, value *Value) {
	b.Append(Value{Op: Store, Args: []*Value{address, value}, Space: space, Offset: offset, Size: size})
}

// AtomicAdd adds value to the 8 bytes at address+offset.
//
//go:noinline
func (b *Builder) AtomicAdd(space Space, address *Value, offset int, value *Value) {
	b.Append(Value{Op: AtomicAdd, Args: []*Value{address, value}, Space: space, Offset: offset, Size: 8})
}

// FetchAdd is AtomicAdd; it returns what the 8 bytes were before.
//
//go:noinline
func (b *Builder) FetchAdd(space Space, address *Value, offset int, value *Value) *Value {
	return b.Append(Value{Op: FetchAdd, Args: []*Value{address, value}, Space: space, Offset: offset, Size: 8})
}

// Exchange sets the 8 bytes at address+offset and returns what they were before.
//
//go:noinline
func (b *Builder) Exchange(space Space, address *Value, offset int, value *Value) *Value {
	return b.Append(Value{Op: Exchange, Args: []*Value{address, value}, Space: space, Offset: offset, Size: 8})
}

// CompareExchange sets the 8 bytes at address+offset to value if they were expected, and
// returns what they were.
//
//go:noinline
func (b *Builder) CompareExchange(space Space, address *Value, offset int, expected, value *Value) *Value {
	return b.Append(Value{Op: CompareExchange, Args: []*Value{address, expected, value}, Space: space, Offset: offset, Size: 8})
}

// ReadKernel reads kernel memory that may fault; what cannot be read is 0.
//
//go:noinline
func (b *Builder) ReadKernel(address *Value, offset, size int, signed bool) *Value {
	return b.Append(Value{Op: ReadKernel, Args: []*Value{address}, Offset: offset, Size: size, Signed: signed})
}

// ReadUser is ReadKernel for user memory.
//
//go:noinline
func (b *Builder) ReadUser(address *Value, offset, size int, signed bool) *Value {
	return b.Append(Value{Op: ReadUser, Args: []*Value{address}, Offset: offset, Size: size, Signed: signed})
}

// CellGet reads a variable.
//
//go:noinline
func (b *Builder) CellGet(cell *Cell) *Value { return b.Append(Value{Op: CellGet, Cell: cell}) }

// CellSet writes a variable.
//
//go:noinline
func (b *Builder) CellSet(cell *Cell, value *Value) {
	b.Append(Value{Op: CellSet, Cell: cell, Args: []*Value{value}})
}

// Call calls a helper.
//
//go:noinline
func (b *Builder) Call(helper asm.BuiltinFunc, effect Effect, args ...*Value) *Value {
	return b.Append(Value{Op: Call, Helper: helper, Effect: effect, Args: args})
}

// Invoke calls a function of the same program.
//
//go:noinline
func (b *Builder) Invoke(callee *Func, args ...*Value) *Value {
	return b.Append(Value{Op: Invoke, Callee: callee, Args: args})
}

// Kfunc calls a function of the kernel that is made to be called by programs.
//
//go:noinline
func (b *Builder) Kfunc(name string, args ...*Value) *Value {
	return b.Append(Value{Op: Kfunc, Kernel: name, Args: args})
}

// Jump ends the block.
//
//go:noinline
func (b *Builder) Jump(to *Block) {
	if !b.Ended() {
		b.Append(Value{Op: Jump, Then: to})
	}
}

// If ends the block: to then when `x compare y` holds, else to otherwise.
//
//go:noinline
func (b *Builder) If(compare Op, x, y *Value, then, otherwise *Block) {
	b.Append(Value{Op: If, Compare: compare, Args: []*Value{x, y}, Then: then, Else: otherwise})
}

// Return ends the function.
//
//go:noinline
func (b *Builder) Return(value *Value) {
	if !b.Ended() {
		b.Append(Value{Op: Return, Args: []*Value{value}})
	}
}

// Terminator reports whether the op ends a block.
func (o Op) Terminator() bool { return o >= Jump }
