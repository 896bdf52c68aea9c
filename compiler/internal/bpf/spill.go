package bpf

import (
	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// spill moves virtual registers to slots of their own and puts a load before each use and
// a store after each write. The short registers in between are never spilled again.
func (f *function) spill(victims []*virtual) {
	for _, v := range victims {
		v.spilled, v.lost = f.frame.spillSlot(), v.weight
	}
	for _, b := range f.blocks {
		r := rewriter{function: f, code: make([]instruction, 0, len(b.instructions)+len(b.instructions)/4)}
		for _, i := range b.instructions {
			r.rewrite(i)
		}
		b.instructions = r.code
	}
}

type rewriter struct {
	*function
	code []instruction
}

func (r *rewriter) victim(name register) *virtual {
	if !name.virtual() || r.lookup(name).spilled == nil {
		return nil
	}
	return r.lookup(name)
}

func (r *rewriter) rewrite(i instruction) {
	if r.rewriteMove(i) {
		return
	}
	src := r.victim(i.src)
	if src != nil && i.readsSrc() {
		i.src = r.temporary()
		r.load(i, i.src, src)
	}
	if src != nil && i.writesSrc() {
		defer r.store(i, src, i.src)
	}
	dst := r.victim(i.dst)
	if dst == nil || !i.readsDst() && !i.writesDst() {
		r.code = append(r.code, i)
		return
	}
	i.dst = r.temporary()
	if i.readsDst() {
		r.load(i, i.dst, dst)
	}
	r.code = append(r.code, i)
	if i.writesDst() {
		r.store(i, dst, i.dst)
	}
}

// rewriteMove makes a move from or to a slot the load or store itself.
func (r *rewriter) rewriteMove(i instruction) bool {
	if !i.isMove() {
		return false
	}
	dst, src := r.victim(i.dst), r.victim(i.src)
	switch {
	case dst == nil && src != nil:
		r.load(i, i.dst, src)
	case dst != nil && src == nil:
		r.store(i, dst, i.src)
	default:
		return false
	}
	return true
}

func (r *rewriter) temporary() register {
	v := r.newVirtual()
	v.temporary = true
	return v.name
}

func (r *rewriter) load(at instruction, dst register, v *virtual) {
	at.op, at.dst, at.src, at.reason = asm.LoadMemOp(asm.DWord), dst, framePointer, ir.SpillLoad
	r.code = append(r.code, at.inSlot(v.spilled))
	if v.bound != 0 {
		at.op, at.src, at.constant = asm.And.Op(asm.ImmSource), 0, v.bound
		at.slot = nil
		r.code = append(r.code, at)
	}
}

func (r *rewriter) store(at instruction, v *virtual, src register) {
	at.op, at.dst, at.src, at.reason = asm.StoreMemOp(asm.DWord), framePointer, src, ir.SpillStore
	r.code = append(r.code, at.inSlot(v.spilled))
}

// inSlot makes the instruction a whole access of the slot.
func (i instruction) inSlot(s *slot) instruction {
	i.slot, i.offset, i.constant, i.reference, i.args = s, 0, 0, "", 0
	return i
}
