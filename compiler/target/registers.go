package target

// Registers says where struct pt_regs, the context of a kprobe, keeps what a function was given. All are
// byte offsets of 8-byte words.
type Registers struct {
	Args               []int // by the calling convention of kernel functions
	Return             int
	InstructionPointer int
	StackPointer       int
}

var registers = map[string]Registers{
	// rdi rsi rdx rcx r8 r9, rax, rip, rsp
	"x86_64": {Args: []int{112, 104, 96, 88, 72, 64}, Return: 80, InstructionPointer: 128, StackPointer: 152},
	// x0..x7, x0, pc, sp
	"arm64": {Args: []int{0, 8, 16, 24, 32, 40, 48, 56}, Return: 0, InstructionPointer: 256, StackPointer: 248},
}

// Registers returns the layout of struct pt_regs.
func (t *Target) Registers() Registers { return registers[t.Arch] }
