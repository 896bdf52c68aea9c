package bpf

import (
	"math/bits"
	"slices"
	"strconv"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// emitter writes the blocks in order, with labels for the targets of jumps.
type emitter struct {
	*function
	code asm.Instructions
	// origins tells where each instruction of code comes from.
	origins []origin
	jumps   []jump
}

// jump is a jump of code that still needs its label.
type jump struct {
	index int
	block *block // nil where to is known already
	to    int    // index into code, once all of it is there
}

func (f *function) emit() *emitter {
	f.notePositions()
	f.assignRegisters()
	f.threadJumps()
	e := &emitter{function: f}
	f.number()
	size := last(f.blocks).end()/2 + len(f.blocks) // a block may add a jump
	e.code, e.origins = make(asm.Instructions, 0, size), make([]origin, 0, size)
	for i, b := range f.blocks {
		var following *block
		if i+1 < len(f.blocks) {
			following = f.blocks[i+1]
		}
		e.block(b, following)
	}
	for i := range e.jumps {
		if target := e.jumps[i].block; target != nil {
			e.jumps[i].to = target.start
		}
	}
	e.bridge()
	e.label()
	return e
}

// assignRegisters puts the machine's registers in and drops the moves that have become
// empty.
func (f *function) assignRegisters() {
	assign := func(r *register) {
		if r.virtual() {
			*r = f.lookup(*r).assigned
		}
	}
	for _, b := range f.blocks {
		for i := range b.instructions {
			assign(&b.instructions[i].dst)
			assign(&b.instructions[i].src)
		}
		b.instructions = slices.DeleteFunc(b.instructions, func(i instruction) bool { return i.isMove() && i.dst == i.src })
	}
}

// threadJumps leads jumps past empty blocks, then drops the blocks that nothing reaches.
func (f *function) threadJumps() {
	for _, b := range f.blocks {
		for i, next := range b.next {
			b.next[i] = f.destination(next)
		}
		if len(b.next) == 2 && b.next[0] == b.next[1] {
			b.next = b.next[:1]
			b.instructions = b.instructions[:len(b.instructions)-1]
		}
	}
	f.blocks[0].reached = true
	for work := []*block{f.blocks[0]}; len(work) > 0; {
		b := work[len(work)-1]
		work = work[:len(work)-1]
		for _, next := range b.next {
			if !next.reached {
				next.reached = true
				work = append(work, next)
			}
		}
	}
	f.blocks = slices.DeleteFunc(f.blocks, func(b *block) bool { return !b.reached })
}

// destination follows empty blocks; the count ends an empty loop.
func (f *function) destination(b *block) *block {
	for range f.blocks {
		if len(b.instructions) > 0 || len(b.next) != 1 {
			break
		}
		b = b.next[0]
	}
	return b
}

func (e *emitter) block(b, following *block) {
	b.start = len(e.code)
	branches := len(b.next) == 2
	for i := range b.instructions {
		if branches && i == len(b.instructions)-1 {
			break
		}
		if b.instructions[i].addsNothing() {
			continue
		}
		e.append(e.encode(&b.instructions[i]), b.instructions[i].origin())
		e.countFailure(&b.instructions[i])
	}
	switch {
	case branches:
		e.branch(b, following)
	case len(b.next) == 1 && b.next[0] != following:
		e.jump(asm.Ja.Label(""), b.next[0], e.lastOrigin().added(ir.NextBlock))
	}
}

// addsNothing recognises the address of a slot that starts the scratch row.
func (i *instruction) addsNothing() bool {
	return i.slot != nil && i.op == asm.Add.Op(asm.ImmSource) && i.constant+int64(i.slot.offset) == 0
}

// branch emits the conditional jump that lets one arm fall through where the order
// allows.
func (e *emitter) branch(b, following *block) {
	last := b.instructions[len(b.instructions)-1]
	taken, other := b.next[0], b.next[1]
	if taken == following {
		taken, other = other, taken
		last.op = last.op.SetJumpOp(inverted[last.op.JumpOp()])
	}
	e.jump(e.encode(&last), taken, last.origin())
	if other != following {
		e.jump(asm.Ja.Label(""), other, last.origin().added(ir.NextBlock))
	}
}

//go:noinline
func (e *emitter) jump(i asm.Instruction, to *block, from origin) {
	i.Offset = -1
	e.jumps = append(e.jumps, jump{index: len(e.code), block: to})
	e.append(i, from)
}

//go:noinline
func (e *emitter) append(i asm.Instruction, from origin) {
	e.code = append(e.code, i)
	e.origins = append(e.origins, from)
}

func (e *emitter) lastOrigin() origin {
	if len(e.origins) == 0 {
		return origin{span: e.ir.Span}
	}
	return e.origins[len(e.origins)-1]
}

// encode fills in what only the frame knows.
func (e *emitter) encode(i *instruction) asm.Instruction {
	offset, constant := i.offset, i.constant
	if i.slot != nil && i.op.Class().IsALU() {
		constant += int64(i.slot.offset)
	} else if i.slot != nil {
		offset += i.slot.offset
	}
	if i.rowShift {
		constant = int64(bits.TrailingZeros(uint(e.row)))
	}
	if !fits16(int64(offset)) {
		e.ir.Fail(i.span, "an offset of %d bytes", offset)
	}
	code := asm.Instruction{OpCode: i.op, Dst: asm.Register(i.dst), Offset: int16(offset), Constant: constant}
	if i.readsSrc() || i.reference != "" {
		code.Src = asm.Register(i.src)
	}
	if i.reference != "" {
		code = code.WithReference(i.reference)
	}
	return code
}

// label names the function and the targets of jumps. Blocks that start at the same
// instruction share a label.
func (e *emitter) label() {
	e.code[0] = e.code[0].WithSymbol(e.ir.Name)
	for _, j := range e.jumps {
		at := &e.code[j.to]
		if at.Symbol() == "" {
			*at = at.WithSymbol(e.ir.Name + "." + strconv.Itoa(j.to))
		}
		e.code[j.index] = e.code[j.index].WithReference(at.Symbol())
	}
}
