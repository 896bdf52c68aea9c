// Package amd64 reads machine code of x86_64 as the kernel's JIT compiler makes it.
//
// https://elixir.bootlin.com/linux/v6.12/source/arch/x86/net/bpf_jit_comp.c
package amd64

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// Decoder decodes the instructions of a function, one after the other.
type Decoder struct{ name func(address uint64) string }

// New makes a decoder. It asks for the names of the places where calls and jumps lead;
// they are empty for what has none.
func New(name func(address uint64) string) *Decoder { return &Decoder{name} }

// endbr64 is where an indirect call or jump may lead.
var endbr64 = []byte{0xf3, 0x0f, 0x1e, 0xfa}

// Decode returns the first instruction, which lies at an address, in Intel's syntax, and
// how long it is. Length 0 is none.
func (d *Decoder) Decode(code []byte, address uint64) (text string, length int) {
	if bytes.HasPrefix(code, endbr64) {
		return "endbr64", len(endbr64)
	}
	if text := shift(code); text != "" {
		return text, shiftLength
	}
	inst, length := decode(code)
	if length == 0 {
		return "", 0
	}
	if inst.Op == x86asm.NOP {
		return "nop", inst.Len
	}
	symbol := func(address uint64) (string, uint64) { return d.name(address), address }
	return strings.ReplaceAll(x86asm.IntelSyntax(inst, address, symbol), " ptr ", " "), inst.Len
}

// shiftLength is that of the shifts of BMI2.
const shiftLength = 5

// shift writes the shifts of BMI2, by which the compiler shifts by a register, and the
// only instructions with a VEX prefix that it makes.
func shift(code []byte) string {
	const vex, map0F38, operation, registers = 0xc4, 2, 0xf7, 0xc0
	if len(code) < shiftLength || code[0] != vex || code[1]&0x1f != map0F38 ||
		code[3] != operation || code[4] < registers {
		return ""
	}
	name := [...]string{"", "shlx", "sarx", "shrx"}[code[2]&3]
	if name == "" {
		return ""
	}
	wide := code[2]>>7 == 1
	to := code[4]>>3&7 | ^code[1]>>7&1<<3
	from := code[4]&7 | ^code[1]>>5&1<<3
	by := ^code[2] >> 3 & 15
	return fmt.Sprintf("%s %s, %s, %s", name, register(to, wide), register(from, wide), register(by, wide))
}

// register is the name of a general register.
func register(n byte, wide bool) string {
	first := x86asm.EAX
	if wide {
		first = x86asm.RAX
	}
	name := strings.ToLower((first + x86asm.Reg(n)).String())
	return strings.Replace(name, "l", "d", 1) // x86asm calls r8d R8L
}

// Prologue is how long the part of a function is that no instruction of eBPF became: the
// frame is made, registers are saved, and calls by the tail are counted. The first
// instruction may look like a part of it, but pushes nothing.
func Prologue(code []byte) (length int) {
	for at := 0; at < len(code); {
		inst, size := decode(code[at:])
		if size == 0 || !prepares(inst) {
			break
		}
		at += size
		if frames(inst) || inst.Op == x86asm.NOP && at-size == length {
			length = at
		}
	}
	return length
}

// decode decodes one instruction. x86asm does not know endbr64, which does nothing either.
func decode(code []byte) (x86asm.Inst, int) {
	if bytes.HasPrefix(code, endbr64) {
		return x86asm.Inst{Op: x86asm.NOP}, len(endbr64)
	}
	inst, err := x86asm.Decode(code, 64)
	if err != nil || inst.Len > len(code) {
		return inst, 0
	}
	return inst, inst.Len
}

// prepares reports whether an instruction may be in a prologue.
func prepares(inst x86asm.Inst) bool {
	switch inst.Op {
	case x86asm.NOP, x86asm.XOR, x86asm.CMP, x86asm.JA, x86asm.JMP:
		return true
	case x86asm.MOV:
		return inst.Args[1] == x86asm.RSP
	}
	return frames(inst)
}

// frames reports whether an instruction makes the frame.
func frames(inst x86asm.Inst) bool {
	switch inst.Op {
	case x86asm.PUSH:
		return true
	case x86asm.MOV:
		return inst.Args[0] == x86asm.RBP && inst.Args[1] == x86asm.RSP
	case x86asm.SUB:
		return inst.Args[0] == x86asm.RSP
	}
	return false
}
