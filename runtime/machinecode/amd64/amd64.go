// Package amd64 reads machine code of x86_64 as the kernel's JIT compiler makes it.
//
// https://elixir.bootlin.com/linux/v6.12/source/arch/x86/net/bpf_jit_comp.c
package amd64

import (
	"bytes"
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
