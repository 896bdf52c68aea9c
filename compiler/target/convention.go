package target

import (
	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// How C passes arguments and results, in words of 8 bytes, as far as the kernel uses it:
// no floating point.
//
//	                        x86_64                          arm64
//	registers               6                               8
//	struct up to 16 bytes   1 or 2 registers, or, where     the same; what does not fit ends the use of
//	                        they do not suffice, the stack  registers for all that follow
//	                        (later arguments may still be
//	                        in registers); packed: stack
//	larger struct           stack                           address of a copy, as a pointer is passed
//	128-bit integer         2 registers                     2 registers, the first an even one
//	empty struct            not at all                      not at all
//	stack, at the entry     above the return address        at the stack pointer
//	struct returned, 1-16   rax, rdx                        x0, x1
//	larger                  memory whose address is the     memory at x8
//	                        first argument
//
// Tracing programs (fentry, fexit) find the words of all arguments one after the other,
// wherever they were passed. The kernel takes structs for words of registers there, so it
// does not serve packed ones on x86_64.
//
// x86_64: https://gitlab.com/x86-psABIs/x86-64-ABI (section 3.2.3), arm64:
// https://github.com/ARM-software/abi-aa/blob/2024Q3/aapcs64/aapcs64.rst (sections 6.8.2
// and 6.9), tracing: https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/btf.c
// (btf_distill_func_proto),
// https://elixir.bootlin.com/linux/v6.12/source/arch/x86/net/bpf_jit_comp.c (save_args)
const (
	wordSize      = 8
	inRegisters   = 16 // bytes that a struct in registers has at most
	returnAddress = 8  // bytes on the stack of x86_64 below the arguments
)

// Param is a parameter of a Function or of a raw tracepoint.
type Param struct {
	Name string
	Type *types.Type // nil when values of the type cannot be computed with
	// Register is the index into Registers.Args of the first register that holds the
	// parameter at a kprobe, Words how many do; -1 when it is on the stack, Stack bytes
	// above the stack pointer, or nowhere.
	Register, Words int
	Stack           int
	// Indirect: what is passed is the address of the value.
	Indirect bool
	// User: a parameter of a program's function. The stack, and what Indirect is about, is
	// memory of its process.
	User bool
	// Pieces say where a value is that debug information has elsewhere, or in parts.
	// Register and Stack are -1 then.
	Pieces []Piece
	// Absent says why the value is in no place that a probe can read.
	Absent string
	// Slot is the index of the parameter's first word in the context of a tracing program
	// (fentry, fexit, tp_btf, raw_tp); -1 when it has none.
	Slot int
}

// Nowhere reports a parameter that is not passed: an empty struct, or one of which
// nothing is known.
func (p Param) Nowhere() bool { return p.Register < 0 && p.Stack < 0 && len(p.Pieces) == 0 }

// Piece is some bytes of a value in user space when a probe fires: Size bytes from At on.
// They are the lowest of a register, or lie in memory Offset bytes from the address that
// the register has.
type Piece struct {
	At, Size int
	Register int // the place of its word in struct pt_regs
	InMemory bool
	Offset   int
}

// placer hands out registers, places on the stack and slots to parameters in their order.
type placer struct {
	arm       bool
	registers int
	register  int // the next that is free
	stack     int // where the next is put, from the stack pointer
	slot      int
}

func (t *Target) placer() *placer {
	p := &placer{arm: t.Arch == "arm64", registers: len(t.Registers().Args)}
	if !p.arm {
		p.stack = returnAddress
	}
	return p
}

func (p *placer) next(from btf.FuncParam) Param {
	placed := Param{Name: from.Name, Type: convert(from.Type), Register: -1, Stack: -1, Slot: -1}
	size, align := wordSize, wordSize
	if placed.Type != nil {
		size, align = placed.Type.Size, alignment(from.Type, 0)
	}
	placed.Words = (size + wordSize - 1) / wordSize
	if _, float := bare(from.Type).(*btf.Float); float || placed.Words == 0 {
		return placed
	}
	scattered := !p.arm && unaligned(from.Type, 0, 0)
	if !scattered && (size <= wordSize || size <= inRegisters && isStruct(from.Type)) {
		placed.Slot = p.slot
	}
	p.slot += placed.Words
	if placed.Indirect = p.arm && size > inRegisters; placed.Indirect {
		placed.Words, align = 1, wordSize
	}
	if placed.Words > inRegisters/wordSize || scattered || !p.inRegisters(&placed, align) {
		p.onStack(&placed, align)
	}
	return placed
}

func (p *placer) inRegisters(placed *Param, align int) bool {
	if p.arm && align > wordSize {
		p.register += p.register & 1
	}
	if p.register+placed.Words > p.registers {
		if p.arm {
			p.register = p.registers
		}
		return false
	}
	placed.Register = p.register
	p.register += placed.Words
	return true
}

func (p *placer) onStack(placed *Param, align int) {
	if align > wordSize {
		p.stack = p.alignStack(align)
	}
	placed.Stack = p.stack
	p.stack += placed.Words * wordSize
}

// alignStack counts from the first argument, which lies at a multiple of 16.
func (p *placer) alignStack(to int) int {
	first := 0
	if !p.arm {
		first = returnAddress
	}
	return first + (p.stack-first+to-1)/to*to
}

func isStruct(t btf.Type) bool {
	switch bare(t).(type) {
	case *btf.Struct, *btf.Union:
		return true
	}
	return false
}

// returnedInMemory reports a result for which the caller has set memory aside.
func (t *Target) returnedInMemory(from btf.Type) bool {
	converted := convert(from)
	if converted == nil || converted.Scalar() {
		return false
	}
	return converted.Size > inRegisters || t.Arch != "arm64" && unaligned(from, 0, 0)
}

// alignment is that of a type in C, but for attributes, which BTF does not tell: 16 where
// it has an integer of 128 bits.
func alignment(from btf.Type, depth int) int {
	if depth > maxDepth {
		return wordSize
	}
	switch t := bare(from).(type) {
	case *btf.Int:
		return max(int(t.Size), 1)
	case *btf.Float:
		return max(int(t.Size), 1)
	case *btf.Enum:
		return max(int(t.Size), 1)
	case *btf.Array:
		return alignment(t.Type, depth+1)
	case *btf.Struct, *btf.Union:
		align := 1
		for _, m := range membersOf(t) {
			align = max(align, alignment(m.Type, depth+1))
		}
		return align
	}
	return wordSize
}

// unaligned reports a type with a member that lies at no multiple of its alignment, base
// bytes into the whole.
func unaligned(from btf.Type, base, depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch t := bare(from).(type) {
	case *btf.Array:
		return unaligned(t.Type, base, depth+1)
	case *btf.Struct, *btf.Union:
		for _, m := range membersOf(t) {
			at := base + int(m.Offset/8)
			if m.BitfieldSize == 0 && (at%alignment(m.Type, 0) != 0 || unaligned(m.Type, at, depth+1)) {
				return true
			}
		}
	}
	return false
}
