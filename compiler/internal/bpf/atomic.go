package bpf

import (
	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

var atomicOps = map[ir.Op]asm.AtomicOp{
	ir.FetchAdd: asm.FetchAdd, ir.Exchange: asm.Xchg, ir.CompareExchange: asm.CmpXchg,
}

// fetch selects an atomic operation that brings what was there before: in the register of
// its operand, or, where it compares, in r0, in which it finds what to compare with.
func (s *selector) fetch(v *ir.Value) {
	if !s.options.FetchAtomics {
		s.addAndRead(v)
		return
	}
	base, offset, slot := s.base(v)
	if v.Op == ir.CompareExchange {
		value := s.register(v.Args[2])
		s.into(result, v.Args[1])
		s.atomic(v.Op, base, value, offset, slot)
		s.move(s.define(v), result)
		return
	}
	t := s.newVirtual().name
	s.into(t, v.Args[1])
	s.atomic(v.Op, base, t, offset, slot)
	s.move(s.define(v), t)
}

// atomic emits an atomic instruction. The kernel finds the operation in the constant,
// which package asm leaves alone for those that fetch.
func (s *selector) atomic(op ir.Op, base, value register, offset int, at *slot) {
	operation := atomicOps[op]
	s.emit(instruction{
		op: operation.OpCode(asm.DWord), dst: base, src: value, offset: offset, slot: at, constant: int64(operation >> 8),
	})
}

// addAndRead is the nearest that Linux before 5.12 has to FetchAdd: others may add in
// between.
func (s *selector) addAndRead(v *ir.Value) {
	if v.Op != ir.FetchAdd {
		s.ir.Fail(v.Span, "%s needs Linux 5.12", v.Op)
	}
	base, offset, slot := s.base(v)
	added := s.register(v.Args[1])
	s.emit(instruction{op: asm.LoadMemOp(asm.DWord), dst: s.define(v), src: base, offset: offset, slot: slot})
	s.emit(instruction{op: asm.StoreXAddOp(asm.DWord), dst: base, src: added, offset: offset, slot: slot})
}

// fetches reports whether the instruction is an atomic one that brings a result.
func (i *instruction) fetches() bool {
	return i.op.Class() == asm.StXClass && i.op.Mode() == asm.AtomicMode && i.op.AtomicOp() != asm.AddAtomic
}

// compares reports whether the instruction is an atomic one that uses r0.
func (i *instruction) compares() bool { return i.fetches() && i.op.AtomicOp() == asm.CmpXchg }

// writesSrc reports whether the result of an atomic instruction comes in the register of
// its operand.
func (i *instruction) writesSrc() bool { return i.fetches() && !i.compares() }
