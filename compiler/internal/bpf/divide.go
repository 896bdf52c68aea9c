package bpf

import (
	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// signedDivision computes x / y or x % y on magnitudes and puts the sign back, without a
// jump. With m = x >> 63 (all ones for a negative x), (x ^ m) - m is the magnitude of x,
// and the same step gives a magnitude its sign. Division by zero keeps the machine's
// meaning: x/0 = 0, x%0 = x.
//
// The signed instructions came with Linux 6.6.
func (s *selector) signedDivision(v *ir.Value) {
	op := asm.Div
	if v.Op == ir.SMod {
		op = asm.Mod
	}
	x := s.register(v.Args[0])
	sign := s.signOf(x)
	t := s.define(v)
	s.move(t, x)
	s.withSign(t, sign)
	s.divideMagnitude(op, t, v, sign)
	s.withSign(t, sign)
}

// divideMagnitude divides t by the magnitude of v's divisor and makes sign, so far that
// of the dividend, the sign of a quotient. A remainder keeps it.
func (s *selector) divideMagnitude(op asm.ALUOp, t register, v *ir.Value, sign register) {
	if y, ok := v.Args[1].Constant(); ok && y != 0 && fits32(y) && fits32(-y) {
		s.immediate(op, t, max(y, -y))
		if y < 0 && v.Op == ir.SDiv {
			s.immediate(asm.Xor, sign, -1)
		}
		return
	}
	y := s.register(v.Args[1])
	other := s.signOf(y)
	magnitude := s.newVirtual().name
	s.move(magnitude, y)
	s.withSign(magnitude, other)
	s.operate(op, t, magnitude)
	if v.Op == ir.SDiv {
		s.operate(asm.Xor, sign, other)
	}
}

func (s *selector) signOf(x register) register {
	sign := s.newVirtual().name
	s.move(sign, x)
	s.immediate(asm.ArSh, sign, 63)
	return sign
}

// withSign negates t where sign is all ones.
func (s *selector) withSign(t, sign register) {
	s.operate(asm.Xor, t, sign)
	s.operate(asm.Sub, t, sign)
}
