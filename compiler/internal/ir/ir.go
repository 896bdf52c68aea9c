// Package ir is the compiler's intermediate representation: what a clause computes,
// before anybody thinks of registers or of the 512 bytes of stack.
//
// # The machine
//
// A Func is a list of Blocks; the first is the entry. A Block holds Values in order and
// ends in one terminator. A Value is computed once, is 64 bits wide and is named by its
// address; a use must be dominated by the definition. There are no phi nodes: what is
// assigned more than once (a `$x`, the result of `&&` or `?:`) is a Cell, read with
// CellGet and written with CellSet.
//
// Memory has spaces, because the verifier tracks each differently:
//
//	Context   the argument of the program: pt_regs, tracepoint record, u64 array
//	Frame     a Slot of this function; whoever allocates the frame decides whether it lies in the
//	          512 bytes or in the per-CPU scratch map
//	MapValue  what a lookup returned, or the address of global data
//	Record    ring buffer memory between reserve and submit
//	Kernel    kernel memory reached through a pointer whose BTF type the verifier knows (direct load)
//
// Everything else is read by ReadKernel and ReadUser, which never fault and give 0 where
// the memory cannot be read.
//
// A program may have Callbacks: functions that a helper calls (bpf_loop,
// bpf_for_each_map_elem: their address is a FuncAddress among the operands of the Call)
// or that Invoke calls. Each has slots and cells of its own. What a callback needs of its
// caller, the caller stores into a slot whose address it passes on. The verifier keeps
// the types of pointers that lie in the frame, so `Load Frame (Parameter n)+8` may read a
// context, map value or frame address back and use it as what it is.
//
// # Invariants, held by Check
//
// Every block ends in exactly one terminator; every use is dominated by its definition;
// operands have the number that the op table says; a Bound survives every pass; calls
// have at most five arguments; nothing jumps to the entry; functions do not recurse, and
// their calls go at most MaxFrames deep; a block or callback that cannot be reached does
// not exist after opt (the verifier refuses it).
//
// Source: the op table below; helper numbers are those of include/uapi/linux/bpf.h
// (v6.12).
package ir

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Op is an operation. The table Ops describes each.
type Op uint8

const (
	Invalid Op = iota
	Const      // Int
	Context    // the address of the program's context
	SlotAddress
	MapPointer // the map named Map, as a helper argument
	DataAddress
	Parameter   // the argument number Int, from 0, of a callback
	FuncAddress // the function Callee, as a helper argument
	Add
	Sub
	Mul
	UDiv // division by zero gives 0, as the machine does
	SDiv
	UMod // x % 0 gives x, as the machine does; lower makes it 0
	SMod
	And
	Or
	Xor
	ShiftLeft
	ShiftRight      // fills with zeroes
	ShiftRightArith // fills with the sign
	Neg
	Not        // all bits inverted
	SignExtend // from Size bytes
	ZeroExtend // from Size bytes
	Equal      // the comparisons give 0 or 1
	NotEqual
	Less
	LessEqual
	SignedLess
	SignedLessEqual
	Bound    // its operand, which is within [0, Int]: the verifier must be able to see it. Int+1 is a power of two
	ByteSwap // the low Size bytes in the opposite order, the others zero
	Load
	Store
	AtomicAdd // [address] += value
	// The results of these are what was there before. They need Linux 5.12.
	FetchAdd        // [address] += value
	Exchange        // [address] = value
	CompareExchange // [address] = args[2] where args[1] was there
	ReadKernel      // Size bytes of kernel memory at address+Offset, zero- or sign-extended
	ReadUser
	CellGet
	CellSet
	Call   // helper Helper
	Invoke // function Callee of this program
	Kfunc  // the kernel's function Kernel
	// Terminators.
	Jump
	If // args[0] Compare args[1] ? Then : Else
	Return
)

// Space is what an address points into.
type Space uint8

const (
	NoSpace Space = iota
	ContextSpace
	Frame
	MapValue
	Record
	Kernel
)

// Effect says which calls may be joined, moved or dropped.
type Effect uint8

const (
	// Writes: must happen, in order.
	Writes Effect = iota
	// Reads: may be dropped when unused; two are not joined across a write.
	Reads
	// Pure: depends on its arguments only; may be joined and dropped.
	Pure
	// Invariant: the same result all through one run of the program (pid, comm, cpu); may
	// be joined and dropped.
	Invariant
)

// Value is one operation and its result.
type Value struct {
	ID         int
	Op         Op
	Compare    Op     // If
	Space      Space  // Load, Store, atomics; of the address
	Effect     Effect // Call
	Signed     bool   // Load, Read*: sign-extend
	Pass       uint8  // that made the value: see Func.Pass
	Why        Why
	Helper     asm.BuiltinFunc
	Args       []*Value
	Block      *Block
	Span       diag.Span
	Int        int64 // Const: the value; Bound: the upper bound; DataAddress: offset; Parameter: number
	Size       int   // Load, Store, atomics, Read*, *Extend: bytes
	Offset     int   // Load, Store, atomics, Read*: added to the address
	Map        string
	Kernel     string // Kfunc: the name
	Slot       *Slot
	Cell       *Cell
	Callee     *Func // FuncAddress, Invoke
	Then, Else *Block
}

// Slot is a piece of frame memory, 8-byte aligned.
type Slot struct {
	ID   int
	Size int
	Name string // for the printed form
}

// Cell is a mutable 64-bit variable.
type Cell struct {
	ID   int
	Name string
}

// Block is a straight run of values. Cold blocks (lookup misses, full buffers) are placed
// out of line.
type Block struct {
	ID     int
	Values []*Value // the last one is the terminator
	Cold   bool
	Func   *Func
}

// MaxFrames is how many functions may be active at once: MAX_CALL_FRAMES of
// include/linux/bpf_verifier.h.
const MaxFrames = 8

// Func is a program or one of its callbacks.
type Func struct {
	Name   string
	Blocks []*Block
	// Program is the function that Callbacks belong to, nil for the program itself.
	Program *Func
	// Callbacks are all other functions of a program, those that callbacks name included.
	Callbacks []*Func
	// Global: the verifier walks the function by itself, once, with any numbers for
	// arguments, and takes any number for its result where it is called. All that it gets
	// is numbers, but for the context where WithContext.
	Global      bool
	Params      int  // of a Global function
	WithContext bool // the first parameter of a Global function is the program's context
	Slots       []*Slot
	Cells       []*Cell
	values      int
	room        []Value // for the next ones
	// Pass is the pass that runs, of package opt, which new values take for their own; 0
	// for lowering.
	Pass uint8
	// Span is the place of the clause.
	Span diag.Span
}
