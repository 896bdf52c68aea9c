package target

import "strings"

// Registers says where struct pt_regs, the context of a kprobe, keeps what a function was
// given. All are byte offsets of 8-byte words.
type Registers struct {
	Args               []int // by the calling convention of kernel functions
	Return             int
	ReturnHigh         int // the second word of a struct
	InstructionPointer int
	StackPointer       int
	// Link holds the return address, where a call does not put that on the stack.
	Link int
	// SyscallNumber, and SyscallArgs by the calling convention of system calls, which
	// differs in places.
	SyscallNumber int
	SyscallArgs   []int
	// Named holds all of them by the names that the kernel's sources give them.
	Named map[string]int
}

var registers = map[string]Registers{
	// rdi rsi rdx rcx r8 r9, rax, rdx, rip, rsp
	"x86_64": {Args: []int{112, 104, 96, 88, 72, 64}, Return: 80, ReturnHigh: 96, InstructionPointer: 128, StackPointer: 152,
		// orig_ax, rdi rsi rdx r10 r8 r9
		SyscallNumber: 120, SyscallArgs: []int{112, 104, 96, 56, 72, 64}, Named: wordOffsets(
			"r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss")},
	// x0..x7, x0, x1, pc, sp
	"arm64": {Args: []int{0, 8, 16, 24, 32, 40, 48, 56}, Return: 0, ReturnHigh: 8, InstructionPointer: 256, StackPointer: 248, Link: 240,
		// syscallno, orig_x0 x1..x5, behind the registers that user space sees
		SyscallNumber: 280, SyscallArgs: []int{272, 8, 16, 24, 32, 40}, Named: wordOffsets(
			"r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 r13 r14 r15 r16 r17 r18 r19 r20 r21 r22 r23 r24 r25 r26 r27 r28 r29 r30 sp pc pstate")},
}

// wordOffsets gives each name the place of its word.
func wordOffsets(names string) map[string]int {
	offsets := map[string]int{}
	for i, name := range strings.Fields(names) {
		offsets[name] = 8 * i
	}
	return offsets
}

// Registers returns the layout of struct pt_regs.
func (t *Target) Registers() Registers { return registers[t.Arch] }

// RegistersOf returns that of an architecture.
func RegistersOf(arch string) Registers { return registers[arch] }
