package binary

import (
	"encoding/binary"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// pattern is instructions of arm64 that have certain bits.
type pattern struct{ mask, bits uint32 }

func (p pattern) has(word uint32) bool { return word&p.mask == p.bits }

// Instructions that kernels emulate, because they use the address that they are at, and
// that they refuse.
//
// https://elixir.bootlin.com/linux/v6.12/source/arch/arm64/kernel/probes/decode-insn.c,
// https://elixir.bootlin.com/linux/v6.12/source/arch/arm64/include/asm/insn.h
var (
	armAddress     = pattern{0x1f00_0000, 0x1000_0000} // adr, adrp
	armBranch      = pattern{0x7c00_0000, 0x1400_0000} // b, bl
	armCall        = pattern{0xfc00_0000, 0x9400_0000} // bl
	armConditional = pattern{0xff00_0010, 0x5400_0000}
	armCompare     = pattern{0x7e00_0000, 0x3400_0000} // cbz, cbnz
	armTest        = pattern{0x7e00_0000, 0x3600_0000} // tbz, tbnz
	armRegister    = pattern{0xff9f_fc1f, 0xd61f_0000} // br, blr
	armReturn      = pattern{0xffff_fc1f, 0xd65f_0000}
	armBranches    = pattern{0xfe00_0000, 0xd600_0000}
	armLiteral     = pattern{0x3b00_0000, 0x1800_0000}
	armExclusive   = pattern{0x3f80_0000, 0x0800_0000}
	armException   = pattern{0xff00_0000, 0xd400_0000} // svc, brk
	armBreak       = pattern{0xffe0_001f, 0xd420_0000}
	armSystemWrite = pattern{0xfff0_0000, 0xd510_0000} // msr
	armSystemBits  = pattern{0xfff8_f01f, 0xd500_401f}
	armHint        = pattern{0xffff_f01f, 0xd503_201f}
)

// armScratch is an instruction that puts a number or an address into r27. Go's assembler
// keeps there what the next instruction needs of a constant that fits into no single one.
// A goroutine that a signal interrupts between the two continues at the first, as others
// may have changed r27 meanwhile: a probe there would fire twice. And a signal that came
// while the kernel was busy with the probe is delivered just there.
//
// https://github.com/golang/go/blob/go1.26.0/src/cmd/internal/obj/arm64/asm7.go (isRestartable)
var armScratch = pattern{0x1c00_001f, 0x1000_001b}

const armSize = 4

// Operations of instructions that branch to an address in a register; a bit above tells
// whether it is signed.
const armJump, armJumpAndLink = 0, 1

// armHints are the hints that kernels step over, a bit for each: nop, bti and those that
// sign and check addresses.
const (
	armNop   = 1 << 0
	armBTI   = 1<<32 | 1<<34 | 1<<36 | 1<<38
	armHints = armNop | armBTI | 1<<7 | 1<<8 | 1<<10 | 1<<12 | 1<<14 | 0xff<<24
)

// decodeARM decodes an instruction of arm64.
func decodeARM(code []byte) instruction {
	if len(code) < armSize {
		return instruction{class: target.Undecodable}
	}
	word := binary.LittleEndian.Uint32(code)
	i := instruction{size: armSize, restarts: armScratch.has(word)}
	i.flow, i.to = armFlow(word)
	i.calls = armCall.has(word) || armBranches.has(word) && word>>21&7 == armJumpAndLink
	hint := uint64(1) << (word >> 5 & 63)
	switch {
	case armBreak.has(word):
		i.class = target.Trap
	case armAddress.has(word), armBranch.has(word), armConditional.has(word), armCompare.has(word),
		armTest.has(word), armRegister.has(word), armReturn.has(word):
		i.class = target.Emulated
	case armBranches.has(word), armLiteral.has(word), armExclusive.has(word), armException.has(word),
		armSystemWrite.has(word), armSystemBits.has(word):
		i.class = target.Refused
	case armHint.has(word) && (hint&armHints == 0 || word>>11&1 == 1):
		i.class = target.Refused
	case armHint.has(word):
		i.idle = hint&(armNop|armBTI) != 0
	}
	return i
}

// armFlow returns where control goes, and how far from the end of the instruction.
func armFlow(word uint32) (flow, int64) {
	// distance is a signed number of words, from a bit on.
	distance := func(bit, bits int) int64 {
		return (int64(int32(word<<(32-bit-bits))>>(32-bits)) - 1) * armSize
	}
	switch operation := word >> 21 & 15; {
	case armBranch.has(word) && word>>31 == 0:
		return jumps, distance(0, 26)
	case armConditional.has(word), armCompare.has(word):
		return branches, distance(5, 19)
	case armTest.has(word):
		return branches, distance(5, 14)
	case armBranches.has(word) && operation&7 == armJumpAndLink:
		return onward, 0
	case armBranches.has(word) && operation&7 == armJump:
		return computes, 0
	case armBranches.has(word): // ret
		return returns, 0
	case armBreak.has(word), word>>16 == 0: // udf
		return stops, 0
	}
	return onward, 0
}
