package bpf

import (
	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// register is one of the machine's (r0 to r10) or, from firstVirtual on, one still to be
// allocated.
type register int32

const (
	result       register = 0
	argument     register = 1 // the first of five
	saved        register = 6 // the first of four that survive a call
	framePointer register = 10
	firstVirtual register = 11
)

// virtual reports whether the register is still to be allocated.
func (r register) virtual() bool { return r >= firstVirtual }

// instruction is one instruction over virtual registers.
type instruction struct {
	op        asm.OpCode
	args      uint8 // of a call
	rowShift  bool  // the constant is the logarithm of the scratch map's row
	dst, src  register
	offset    int
	constant  int64
	slot      *slot     // the offset, or the constant of an addition, counts from here
	reference string    // the map of a wide load, the function of a call
	from      *ir.Value // what it was selected for
	span      diag.Span
	reason    ir.Reason // why it is there, where that is not what from says
	position  int32     // among those of its function when registers were allocated
}

func (i *instruction) isCall() bool { return i.op.JumpOp() == asm.Call }

// isMove reports whether the instruction copies a whole register.
func (i *instruction) isMove() bool { return i.op == asm.Mov.Op(asm.RegSource) }

func (i *instruction) isBranch() bool {
	switch i.op.JumpOp() {
	case asm.InvalidJumpOp, asm.Call, asm.Exit, asm.Ja:
		return false
	}
	return true
}

// readsDst and its like tell which register fields the instruction uses and how.
func (i *instruction) readsDst() bool {
	switch i.op.Class() {
	case asm.StClass, asm.StXClass:
		return true
	case asm.ALUClass, asm.ALU64Class:
		return i.op.ALUOp() != asm.Mov
	}
	return i.isBranch()
}

func (i *instruction) writesDst() bool {
	switch i.op.Class() {
	case asm.LdClass, asm.LdXClass, asm.ALUClass, asm.ALU64Class:
		return true
	}
	return false
}

func (i *instruction) readsSrc() bool {
	switch i.op.Class() {
	case asm.LdXClass, asm.StXClass:
		return true
	case asm.ALUClass, asm.ALU64Class:
		return i.op.Source() == asm.RegSource && i.op.ALUOp() != asm.Swap
	}
	return i.isBranch() && i.op.Source() == asm.RegSource
}

// reads calls visit with every register whose value the instruction needs.
func (i *instruction) reads(visit func(register)) {
	if i.readsDst() {
		visit(i.dst)
	}
	if i.readsSrc() {
		visit(i.src)
	}
	for n := range i.args {
		visit(argument + register(n))
	}
	if i.op.JumpOp() == asm.Exit || i.compares() {
		visit(result)
	}
}

// writes calls visit with every register whose value is lost.
func (i *instruction) writes(visit func(register)) {
	if i.writesDst() {
		visit(i.dst)
	}
	if i.writesSrc() {
		visit(i.src)
	}
	if i.compares() {
		visit(result)
	}
	if i.isCall() {
		for r := result; r < saved; r++ {
			visit(r)
		}
	}
}

// block is a straight run of instructions. With two successors its last instruction is a
// branch: taken, it goes to the first.
type block struct {
	instructions []instruction
	next         []*block
	cold         bool
	reached      bool
	index        int // in the order of the function
	place        int // in the order in which the blocks were selected: but for loops each comes before its successors
	start        int // position of the first instruction in the order of the function; once emitted, its index
}

// positions are two to an instruction: it reads at the even one and writes at the odd
// one.
func (b *block) position(i int) int { return 2 * (b.start + i) }

func (b *block) end() int { return b.position(len(b.instructions)) }

// virtual is what the allocator knows of a virtual register.
type virtual struct {
	name      register
	bound     int64 // of a Bound value: the mask that a reload needs; else 0
	temporary bool  // made by spilling: it must get a register
	ranges    ranges
	partners  []partner
	wish      register // the machine register that moves lead to or come from; -1 for none
	weight    float64
	assigned  register
	spilled   *slot
	lost      float64 // its weight when it was spilled
	// Most have one range and few partners, which then lie here.
	ownRange    [1][2]int
	ownPartners [2]partner
}

// partner is the other end of a move.
type partner struct {
	name   register
	weight float64
}

// function is the code of one function between selection and emission.
type function struct {
	*program
	ir       *ir.Func
	frame    *frame
	blocks   []*block // in their final order
	virtuals []*virtual
	room     []virtual  // for the next ones
	values   []register // by the value's ID; 0 where it has none
	cells    []register
	into     []register // what a virtual register has become part of, which may be itself
}

//go:noinline
func (f *function) newVirtual() *virtual {
	const chunk = 32 // many are made: together they cost less
	if len(f.room) == 0 {
		f.room = make([]virtual, chunk)
	}
	v := &f.room[0]
	f.room = f.room[1:]
	v.name, v.wish, v.assigned = firstVirtual+register(len(f.virtuals)), -1, -1
	v.ranges, v.partners = v.ownRange[:0], v.ownPartners[:0]
	f.virtuals = append(f.virtuals, v)
	return v
}

func (f *function) lookup(r register) *virtual { return f.virtuals[r-firstVirtual] }

// number gives every block its index and every instruction its position.
func (f *function) number() {
	n := 0
	for i, b := range f.blocks {
		b.index, b.start = i, n
		n += len(b.instructions)
	}
}
