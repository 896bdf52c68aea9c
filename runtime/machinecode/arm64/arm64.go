// Package arm64 reads machine code of 64-bit ARM as the kernel's JIT compiler makes it.
//
// https://elixir.bootlin.com/linux/v6.12/source/arch/arm64/net/bpf_jit_comp.c
package arm64

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/arch/arm64/arm64asm"
)

// Decoder decodes the instructions of a function, one after the other. An address that is
// called is put together from parts of 16 bits, in instructions before the call.
type Decoder struct {
	name      func(address uint64) string
	addresses [32]uint64 // in registers
}

// New makes a decoder. It asks for the names of the places where calls and jumps lead;
// they are empty for what has none.
func New(name func(address uint64) string) *Decoder { return &Decoder{name: name} }

const wordSize = 4

// Decode returns the first instruction, which lies at an address, and how long it is.
// Length 0 is none.
func (d *Decoder) Decode(code []byte, address uint64) (text string, length int) {
	if len(code) < wordSize {
		return "", 0
	}
	word := binary.LittleEndian.Uint32(code)
	if text := atomic(word); text != "" {
		return text, wordSize
	}
	inst, err := arm64asm.Decode(code)
	if err != nil {
		return "", 0
	}
	d.follow(word)
	text = strings.TrimSpace(arm64asm.GNUSyntax(inst))
	if name, known := names[word]; known {
		text = name
	}
	for number, name := range registers {
		text = strings.Replace(text, number, name, 1)
	}
	if distance, relative := relativeOf(inst); relative {
		return d.relative(text, address+uint64(distance)), wordSize
	}
	if register, calls := calledRegister(word); calls {
		if name := d.name(d.addresses[register]); name != "" {
			text += " (" + name + ")"
		}
	}
	return text, wordSize
}

// names of instructions that arm64asm writes as numbers: they sign and check the address
// of the return, and mark where calls and jumps may lead.
var names = map[uint32]string{
	0xd503_233f: "paciasp", 0xd503_23bf: "autiasp",
	0xd503_245f: "bti c", 0xd503_249f: "bti j", 0xd503_24df: "bti jc",
}

// registers that arm64asm writes as numbers: the offset of the CPU's own memory, and the
// address of the current task.
var registers = map[string]string{"s3_0_c13_c0_4": "tpidr_el1", "s3_0_c4_c1_0": "sp_el0"}

// The atomic instructions of ARMv8.1, which arm64asm does not know.
const (
	atomicMask = 0xbf20_0c00 // all of one size, of 32 or 64 bits
	atomicBits = 0xb820_0000
	casMask    = 0xbfa0_7c00
	casBits    = 0x88a0_7c00
)

// atomic writes an atomic instruction: "stadd x4, [x7]".
func atomic(word uint32) string {
	letter := "w"
	if word>>30&1 == 1 {
		letter = "x"
	}
	from, at, to := word>>16&31, word>>5&31, word&31
	operand := letter + strconv.Itoa(int(from))
	memory := fmt.Sprintf("[x%d]", at)
	switch {
	case word&casMask == casBits:
		order := [...]string{"", "l", "a", "al"}[word>>22&1<<1|word>>15&1]
		return fmt.Sprintf("cas%s %s, %s%d, %s", order, operand, letter, to, memory)
	case word&atomicMask != atomicBits || word>>12&15 > 8 || word>>12&15 > 3 && word>>12&15 < 8:
		return ""
	}
	name := map[uint32]string{0: "add", 1: "clr", 2: "eor", 3: "set", 8: "swp"}[word>>12&15]
	order := [...]string{"", "l", "a", "al"}[word>>22&3]
	if name == "swp" {
		return fmt.Sprintf("swp%s %s, %s%d, %s", order, operand, letter, to, memory)
	}
	if to == 31 && word>>23&1 == 0 {
		return fmt.Sprintf("st%s%s %s, %s", name, order, operand, memory)
	}
	return fmt.Sprintf("ld%s%s %s, %s%d, %s", name, order, operand, letter, to, memory)
}

func relativeOf(inst arm64asm.Inst) (distance int64, relative bool) {
	for _, arg := range inst.Args {
		if rel, is := arg.(arm64asm.PCRel); is {
			return int64(rel), true
		}
	}
	return 0, false
}

// relative puts the place where a jump leads for the distance, which comes last.
func (d *Decoder) relative(text string, to uint64) string {
	place := d.name(to)
	if place == "" {
		place = "0x" + strconv.FormatUint(to, 16)
	}
	before, _, found := cutLast(text, ".")
	if !found {
		return text
	}
	return before + place
}

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}

// The instructions that put numbers together: movn, movz and movk of 64 bits, with 16
// bits and the place where they go.
const (
	moveMask = 0xff80_0000
	moveNot  = 0x9280_0000
	moveZero = 0xd280_0000
	moveKeep = 0xf280_0000
)

// follow keeps the addresses that are put together in registers.
func (d *Decoder) follow(word uint32) {
	register, part, shift := word&31, uint64(word>>5&0xffff), word>>21&3*16
	switch word & moveMask {
	case moveNot:
		d.addresses[register] = ^(part << shift)
	case moveZero:
		d.addresses[register] = part << shift
	case moveKeep:
		d.addresses[register] = d.addresses[register]&^(0xffff<<shift) | part<<shift
	}
}

// calledRegister is that of "blr x10".
func calledRegister(word uint32) (register uint32, calls bool) {
	return word >> 5 & 31, word&0xffff_fc1f == 0xd63f_0000
}

// Prologue is how long the part of a function is that no instruction of eBPF became: the
// frame is made, and registers are saved.
func Prologue(code []byte) (length int) {
	for at := 0; at+wordSize <= len(code); at += wordSize {
		if frames(binary.LittleEndian.Uint32(code[at:])) {
			length = at + wordSize
		}
	}
	return length
}

// frames reports whether an instruction makes the frame. The compiler makes none of those
// of an instruction of eBPF.
func frames(word uint32) bool {
	const (
		storePair     = 0xa980_03e0 // stp x., x., [sp, #-n]!
		storePairMask = 0xffc0_03e0
		subtractSP    = 0xd100_03ff // sub sp, sp, #n
		subtractMask  = 0xffc0_03ff
		framePointer  = 0x9100_03fd // mov x29, sp
		eBPFFrame     = 0x9100_03f9 // mov x25, sp
	)
	return word&storePairMask == storePair || word&subtractMask == subtractSP ||
		word == framePointer || word == eBPFFrame
}

// Epilogue is where the part of a function begins that takes the frame away, which comes
// after the last instruction: exits jump to it. It is the length of the code where there
// is none.
func Epilogue(code []byte) (start int) {
	const (
		addSP        = 0x9100_03ff // add sp, sp, #n
		addMask      = 0xffc0_03ff
		loadPair     = 0xa8c0_03e0 // ldp x., x., [sp], #n
		loadPairMask = 0xffc0_03e0
	)
	for ; start+wordSize <= len(code); start += wordSize {
		word := binary.LittleEndian.Uint32(code[start:])
		if word&addMask == addSP || word&loadPairMask == loadPair {
			return start
		}
	}
	return len(code)
}
