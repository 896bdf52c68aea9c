package emu

import (
	"math/bits"

	"github.com/cilium/ebpf/asm"
)

// arithmetic executes an ALU instruction; a 32-bit one works on the low halves and clears
// the high one.
func (m *machine) arithmetic(i *asm.Instruction, narrow bool) {
	y := uint64(i.Constant)
	if i.OpCode.ALUOp() == asm.Swap {
		m.require(narrow && i.OpCode.Endianness() == asm.BE)
		m.set(i.Dst, bits.ReverseBytes64(m.get(i.Dst))>>(64-i.Constant))
		return
	}
	if i.OpCode.Source() == asm.RegSource {
		y = m.get(i.Src)
	}
	if i.OpCode.ALUOp() == asm.Mov {
		m.set(i.Dst, truncate(y, narrow))
		return
	}
	x := m.get(i.Dst)
	m.set(i.Dst, truncate(m.compute(i.OpCode.ALUOp(), truncate(x, narrow), truncate(y, narrow), narrow), narrow))
}

func truncate(n uint64, narrow bool) uint64 {
	if narrow {
		return uint64(uint32(n))
	}
	return n
}

func (m *machine) compute(op asm.ALUOp, x, y uint64, narrow bool) uint64 {
	mask := uint64(63)
	if narrow {
		mask = 31
	}
	switch op {
	case asm.Add:
		return x + y
	case asm.Sub:
		return x - y
	case asm.Mul:
		return x * y
	case asm.Div:
		if y == 0 {
			return 0
		}
		return x / y
	case asm.Mod:
		if y == 0 {
			return x
		}
		return x % y
	case asm.Or:
		return x | y
	case asm.And:
		return x & y
	case asm.Xor:
		return x ^ y
	case asm.LSh:
		return x << (y & mask)
	case asm.RSh:
		return x >> (y & mask)
	case asm.ArSh:
		return uint64(signed(x, narrow) >> (y & mask))
	case asm.Neg:
		return -x
	}
	m.require(false)
	return 0
}

func signed(n uint64, narrow bool) int64 {
	if narrow {
		return int64(int32(n))
	}
	return int64(n)
}

// taken reports whether a jump is.
func (m *machine) taken(i *asm.Instruction, narrow bool) bool {
	op := i.OpCode.JumpOp()
	if op == asm.Ja {
		m.require(!narrow)
		return true
	}
	y := uint64(i.Constant)
	if i.OpCode.Source() == asm.RegSource {
		y = m.get(i.Src)
	}
	x, y := truncate(m.get(i.Dst), narrow), truncate(y, narrow)
	switch op {
	case asm.JEq:
		return x == y
	case asm.JNE:
		return x != y
	case asm.JGT:
		return x > y
	case asm.JGE:
		return x >= y
	case asm.JLT:
		return x < y
	case asm.JLE:
		return x <= y
	case asm.JSet:
		return x&y != 0
	}
	return m.takenSigned(op, signed(x, narrow), signed(y, narrow))
}

func (m *machine) takenSigned(op asm.JumpOp, x, y int64) bool {
	switch op {
	case asm.JSGT:
		return x > y
	case asm.JSGE:
		return x >= y
	case asm.JSLT:
		return x < y
	case asm.JSLE:
		return x <= y
	}
	m.require(false)
	return false
}
