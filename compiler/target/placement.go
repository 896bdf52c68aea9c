package target

// Placement is what is known of a place in a program that a probe may be put on.
type Placement struct {
	// Instruction is the one at the offset that was asked for, or has it inside.
	Instruction
	// Entry: a function begins there.
	Entry bool
	// Unchecked: nothing in the file shows where the function begins that the offset lies
	// in, so that it may be inside of an instruction.
	Unchecked bool
	// Uncalled: by the tables for unwinding, the address to return to is not on top of the
	// stack there, as it is where a call leads.
	Uncalled bool
	// Next are those behind it that run exactly when it does, with the same arguments, stack
	// and memory, and no jump leads there: it does nothing, or it is where a function is
	// entered and only compares, or computes what is in a register without an argument.
	Next []Instruction
}

// Instruction is one of a program.
type Instruction struct {
	Offset uint64
	Class  InstructionClass
	// Opens: it is push %rbp, by which kernels tell that a function begins. Lands: it is
	// endbr64, by which some do.
	Opens, Lands bool
}

// InstructionClass is what a kernel does with a probe on an instruction. A probe is a
// breakpoint, so that the kernel has to execute what was there before.
type InstructionClass int

// The classes of instructions.
const (
	// SingleStepped: the process executes a copy of it, and traps behind it.
	SingleStepped InstructionClass = iota
	// Emulated: the kernel does what it does, which is several times faster.
	Emulated
	// Nop5 does nothing in 5 bytes. Kernels from 6.18 on put a call there.
	Nop5
	// Nop10 does nothing in 10 bytes, one of which is a prefix that kernels refuse. Some of
	// those after 6.18 put a call there.
	Nop10
	// Refused: no kernel takes a probe there.
	Refused
	// Trap is a breakpoint of the program's own.
	Trap
	// Within: no instruction begins at the offset.
	Within
	// Undecodable are bytes that are no known instruction.
	Undecodable
	// NoCode: the offset is in no part of the file that is executed.
	NoCode
)

var classNames = [...]string{
	"stepped", "emulated", "nop5", "nop10", "refused", "trap", "within", "undecodable", "nocode",
}

// String returns the name of the class.
func (c InstructionClass) String() string { return classNames[c] }
