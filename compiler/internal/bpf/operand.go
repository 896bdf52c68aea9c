package bpf

import (
	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// emit appends an instruction for the current value.
//
//go:noinline
func (s *selector) emit(i instruction) {
	i.from, i.span, i.reason = s.value, s.ir.Span, s.reason
	if s.value != nil && s.value.Span.Source != nil {
		i.span = s.value.Span
	}
	s.code = append(s.code, i)
}

// define gives v a register.
func (s *selector) define(v *ir.Value) register {
	t := s.newVirtual().name
	s.values[v.ID] = t
	return t
}

func (s *selector) move(dst, src register) {
	s.emit(instruction{op: asm.Mov.Op(asm.RegSource), dst: dst, src: src})
}

func (s *selector) operate(op asm.ALUOp, dst, src register) {
	s.emit(instruction{op: op.Op(asm.RegSource), dst: dst, src: src})
}

func (s *selector) immediate(op asm.ALUOp, dst register, constant int64) {
	s.emit(instruction{op: op.Op(asm.ImmSource), dst: dst, constant: constant})
}

// set loads a constant.
func (s *selector) set(dst register, constant int64) {
	if fits32(constant) {
		s.immediate(asm.Mov, dst, constant)
		return
	}
	s.emit(instruction{op: asm.LoadImmOp(asm.DWord), dst: dst, constant: constant})
}

// into brings v into the given register.
func (s *selector) into(dst register, v *ir.Value) {
	if m, ok := rematerializable(v); ok {
		s.materialise(dst, m)
		return
	}
	s.move(dst, s.register(v))
}

func (s *selector) materialise(dst register, m material) {
	switch m.op {
	case ir.Const:
		s.set(dst, m.number)
	case ir.SlotAddress:
		s.slotAddress(dst, s.frame.slots[m.slot.ID], int(m.number))
	case ir.MapPointer:
		s.emit(mapLoad(dst, asm.LoadMapPtr(0, 0), m.name))
	case ir.DataAddress:
		s.emit(mapLoad(dst, asm.LoadMapValue(0, 0, uint32(m.number)), m.name))
	case ir.FuncAddress:
		s.emit(instruction{
			op: asm.LoadImmOp(asm.DWord), dst: dst, src: register(asm.PseudoFunc), constant: unresolved, reference: m.name,
		})
	}
}

// unresolved is the constant of a reference to a function, until it is linked.
const unresolved = -1

func mapLoad(dst register, wide asm.Instruction, name string) instruction {
	return instruction{op: wide.OpCode, dst: dst, src: register(wide.Src), constant: wide.Constant, reference: name}
}

// register returns the register that holds v.
func (s *selector) register(v *ir.Value) register {
	if m, ok := rematerializable(v); ok {
		return s.hold(m)
	}
	name := s.values[v.ID]
	if name == 0 {
		s.ir.Fail(v.Span, "%s has no register", v)
	}
	return name
}

// recent returns the materials of the current block that may still be in a register.
func (s *selector) recent() []cachedConst {
	const most = 32 // far more than there are registers
	return s.local[max(len(s.local)-most, 0):]
}

// hold returns a register with the material, made before in this block or now.
func (s *selector) hold(m material) register {
	for _, known := range s.recent() {
		if known.material == m {
			return known.name
		}
	}
	name := s.newVirtual().name
	s.materialise(name, m)
	s.local = append(s.local, cachedConst{m, name})
	return name
}

// base returns where a memory access finds its object. Slots need no register of their
// own, unless they may lie further than the 16 bits of an offset reach; two places of the
// same global data share one.
func (s *selector) base(v *ir.Value) (base register, offset int, at *slot) {
	root, offset := address(v)
	m, ok := rematerializable(root)
	switch {
	case ok && m.op == ir.SlotAddress:
		at = s.frame.slots[m.slot.ID]
		if at.scratch && s.frame.far {
			return s.moved(root, offset), 0, nil
		}
		return s.slotBase(at), offset + int(m.number), at
	case !fits16(int64(offset)):
		return s.moved(root, offset), 0, nil
	case !ok || m.op != ir.DataAddress:
		return s.register(root), offset, nil
	}
	for _, known := range s.recent() {
		away := m.number + int64(offset) - known.material.number
		if known.material.op == ir.DataAddress && known.material.name == m.name && fits16(away) {
			return known.name, int(away), nil
		}
	}
	return s.hold(m), offset, nil
}

// moved returns a register with the address some bytes further.
func (s *selector) moved(root *ir.Value, offset int) register {
	if m, ok := rematerializable(root); ok {
		m.number += int64(offset)
		return s.hold(m)
	}
	name := s.newVirtual().name
	s.move(name, s.register(root))
	s.immediate(asm.Add, name, int64(offset))
	return name
}

func (s *selector) slotBase(at *slot) register {
	if at.scratch {
		return s.scratch
	}
	return framePointer
}

// slotAddress computes an address in a slot; the frame fills in where the slot lies.
func (s *selector) slotAddress(dst register, at *slot, offset int) {
	s.move(dst, s.slotBase(at))
	s.emit(instruction{op: asm.Add.Op(asm.ImmSource), dst: dst, constant: int64(offset), slot: at})
}

// scratchBase computes the address of this CPU's row in the scratch map. The mask is for
// the verifier, which does not know how many CPUs there are.
func (s *selector) scratchBase() {
	s.reason = ir.ScratchRow
	defer func() { s.reason = ir.Written }()
	s.scratch = s.newVirtual().name
	row := s.newVirtual().name
	if s.options.CPUs > 1 {
		s.callHelper(asm.FnGetSmpProcessorId, 0)
		s.move(row, result)
		s.immediate(asm.And, row, int64(s.options.CPUs-1))
		s.emit(instruction{op: asm.LSh.Op(asm.ImmSource), dst: row, rowShift: true})
	}
	s.emit(mapLoad(s.scratch, asm.LoadMapValue(0, 0, 0), s.options.ScratchMap))
	if s.options.CPUs > 1 {
		s.operate(asm.Add, s.scratch, row)
	}
}
