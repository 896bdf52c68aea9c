package bpf

import (
	"slices"

	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// selector walks the values of a function and appends instructions to a current block.
type selector struct {
	*function
	demands    *demands
	entries    []*block // by the ID of the block of the representation
	block      *block
	code       []instruction            // of the blocks so far
	begun      int                      // where the current block's code begins
	value      *ir.Value                // being selected
	index      int                      // its index in its block
	parameters [ir.MaxCallArgs]register // the arguments of the function
	saves      int                      // instructions at the start that save arguments
	scratch    register
	local      []cachedConst
	reason     ir.Reason // given to the instructions that are selected
}

// cachedConst says that a register of the current block still holds a material.
type cachedConst struct {
	material material
	name     register
}

func (p *program) selectInstructions(f *ir.Func, d *demands, frame *frame) *function {
	s := &selector{
		function: &function{program: p, ir: f, frame: frame, values: make([]register, f.Size()+1)},
		demands:  d,
		entries:  make([]*block, f.BlockIDs()),
	}
	for range f.Cells {
		s.cells = append(s.cells, s.newVirtual().name)
	}
	order := f.ReversePostorder()
	isCold := coldBlocks(f, order)
	values := 0
	for _, b := range order {
		s.entries[b.ID] = &block{cold: isCold[b.ID]}
		values += len(b.Values)
	}
	s.code = make([]instruction, 0, values+values/4)
	for i, b := range order {
		s.enter(s.entries[b.ID])
		if i == 0 {
			s.prologue()
		}
		s.selectBlock(b)
	}
	s.leave()
	slices.SortStableFunc(s.blocks[1:], func(x, y *block) int { return rank(x.cold) - rank(y.cold) })
	s.clearCells()
	return s.function
}

// coldBlocks adds to the blocks that are marked cold those to which only cold ones lead.
// The result goes by the block's ID.
func coldBlocks(f *ir.Func, order []*ir.Block) (isCold []bool) {
	isCold, preds := make([]bool, f.BlockIDs()), f.Predecessors()
	for i, b := range order {
		hot := func(p *ir.Block) bool { return !isCold[p.ID] }
		isCold[b.ID] = b.Cold || i > 0 && !slices.ContainsFunc(preds.Of(b), hot)
	}
	return isCold
}

func rank(last bool) int {
	if last {
		return 1
	}
	return 0
}

// leave gives the current block its code. The blocks share memory until they grow.
func (s *selector) leave() {
	if s.block != nil {
		s.block.instructions = s.code[s.begun:len(s.code):len(s.code)]
	}
	s.begun = len(s.code)
}

func (s *selector) enter(b *block) {
	s.leave()
	b.place = len(s.blocks)
	s.blocks = append(s.blocks, b)
	s.block = b
	s.local = s.local[:0]
}

// prologue saves the arguments that a value needs: a program's context is its only one.
func (s *selector) prologue() {
	s.reason = ir.ArgumentSave
	for i := range s.parameters {
		s.parameters[i] = s.newVirtual().name
		if s.demands.parameters[i] {
			s.move(s.parameters[i], argument+register(i))
			s.saves++
		}
	}
	s.reason = ir.Written
}

// clearCells writes 0 to the cells that are read before they are set on some path.
func (s *selector) clearCells() {
	s.number()
	live := s.liveness()
	var clear []instruction
	for _, cell := range s.cells {
		if live.liveIn(s.blocks[0], cell) {
			clear = append(clear, instruction{op: asm.Mov.Op(asm.ImmSource), dst: cell, span: s.ir.Span, reason: ir.CellClear})
		}
	}
	entry := s.blocks[0]
	entry.instructions = slices.Insert(entry.instructions, s.saves, clear...)
}

func (s *selector) selectBlock(b *ir.Block) {
	for i, v := range b.Values {
		s.value, s.index = v, i
		if s.frame.scratchAt == v {
			s.scratchBase()
		}
		if s.demands.needed(v) {
			s.selectValue(v)
		}
	}
}

func (s *selector) selectValue(v *ir.Value) {
	switch v.Op {
	case ir.Context:
		s.values[v.ID] = s.parameters[0]
	case ir.Parameter:
		s.values[v.ID] = s.parameters[v.Int]
	case ir.SDiv, ir.SMod:
		s.signedDivision(v)
	case ir.Neg:
		t := s.define(v)
		s.into(t, v.Args[0])
		s.emit(instruction{op: asm.Neg.Op(asm.ImmSource), dst: t})
	case ir.Not:
		t := s.define(v)
		s.into(t, v.Args[0])
		s.immediate(asm.Xor, t, -1)
	case ir.SignExtend:
		t := s.define(v)
		s.into(t, v.Args[0])
		s.signExtend(t, v.Size)
	case ir.ZeroExtend:
		s.zeroExtend(v)
	case ir.ByteSwap:
		t := s.define(v)
		s.into(t, v.Args[0])
		s.emit(instruction{op: asm.HostTo(asm.BE, 0, memorySizes[v.Size]).OpCode, dst: t, constant: int64(8 * v.Size)})
	case ir.Bound:
		s.bound(v)
	case ir.Load:
		s.load(v)
	case ir.Store:
		s.store(v)
	case ir.AtomicAdd:
		base, offset, slot := s.base(v)
		s.emit(instruction{op: asm.StoreXAddOp(asm.DWord), dst: base, src: s.register(v.Args[1]), offset: offset, slot: slot})
	case ir.FetchAdd, ir.Exchange, ir.CompareExchange:
		s.fetch(v)
	case ir.ReadKernel, ir.ReadUser:
		s.read(v)
	case ir.CellGet:
		s.move(s.define(v), s.cells[v.Cell.ID])
	case ir.CellSet:
		s.into(s.cells[v.Cell.ID], v.Args[0])
	case ir.Call, ir.Invoke, ir.Kfunc:
		s.call(v)
	case ir.Jump:
		s.block.next = []*block{s.entries[v.Then.ID]}
	case ir.If:
		s.branch(v.Compare, v.Args[0], v.Args[1])
		s.block.next = []*block{s.entries[v.Then.ID], s.entries[v.Else.ID]}
	case ir.Return:
		s.into(result, v.Args[0])
		s.emit(instruction{op: asm.Return().OpCode})
	default:
		s.binary(v)
	}
}

var aluOps = map[ir.Op]asm.ALUOp{
	ir.Add: asm.Add, ir.Sub: asm.Sub, ir.Mul: asm.Mul, ir.UDiv: asm.Div, ir.UMod: asm.Mod,
	ir.And: asm.And, ir.Or: asm.Or, ir.Xor: asm.Xor,
	ir.ShiftLeft: asm.LSh, ir.ShiftRight: asm.RSh, ir.ShiftRightArith: asm.ArSh,
}

// binary selects two-operand arithmetic. Of exchangeable operands the one that is
// not needed afterwards comes first: the result takes over its register.
func (s *selector) binary(v *ir.Value) {
	if v.Op.Comparison() {
		s.truth(v)
		return
	}
	x, y := v.Args[0], v.Args[1]
	if ir.Ops[v.Op].Commutes && (x.Op == ir.Const || s.demands.isLastUse(y, v, s.index) && !s.demands.isLastUse(x, v, s.index)) && y.Op != ir.Const {
		x, y = y, x
	}
	s.arithmetic(v, x, y)
}

func (s *selector) arithmetic(v, x, y *ir.Value) {
	constant, isConstant := y.Constant()
	switch {
	case !isConstant || !s.fitsImmediate(v.Op, constant):
		right := s.register(y)
		t := s.define(v)
		s.into(t, x)
		s.operate(aluOps[v.Op], t, right)
	case v.Op == ir.And && constant == 0xffffffff:
		s.emit(instruction{op: asm.Mov.Op32(asm.RegSource), src: s.register(x), dst: s.define(v)})
	default:
		t := s.define(v)
		s.into(t, x)
		s.immediate(aluOps[v.Op], t, constant)
	}
}

// fitsImmediate reports whether the constant can be the right operand itself. The
// verifier refuses a literal zero divisor and shift counts beyond 63.
func (s *selector) fitsImmediate(op ir.Op, constant int64) bool {
	switch op {
	case ir.UDiv, ir.UMod:
		return constant != 0 && fits32(constant)
	case ir.ShiftLeft, ir.ShiftRight, ir.ShiftRightArith:
		return constant >= 0 && constant < 64
	case ir.And:
		return fits32(constant) || constant == 0xffffffff
	}
	return fits32(constant)
}

// truth selects a comparison whose result is wanted as a number.
func (s *selector) truth(v *ir.Value) {
	t := s.define(v)
	no, after := &block{cold: s.block.cold}, &block{cold: s.block.cold}
	s.set(t, 1)
	s.branch(v.Op, v.Args[0], v.Args[1])
	s.block.next = []*block{after, no}
	s.enter(no)
	s.set(t, 0)
	no.next = []*block{after}
	s.enter(after)
}

func (s *selector) zeroExtend(v *ir.Value) {
	if v.Size == 4 {
		s.emit(instruction{op: asm.Mov.Op32(asm.RegSource), src: s.register(v.Args[0]), dst: s.define(v)})
		return
	}
	t := s.define(v)
	s.into(t, v.Args[0])
	s.immediate(asm.And, t, 1<<(8*v.Size)-1)
}

func (s *selector) signExtend(t register, size int) {
	s.immediate(asm.LSh, t, int64(64-8*size))
	s.immediate(asm.ArSh, t, int64(64-8*size))
}

// bound masks its operand unless the verifier sees the limit anyway. What the mask goes
// over is not yet the result: a reload of that would mask twice.
func (s *selector) bound(v *ir.Value) {
	if !fits32(v.Int) {
		s.ir.Fail(v.Span, "a bound of %d", v.Int)
	}
	masked := s.newVirtual().name
	s.into(masked, v.Args[0])
	if !seenWithin(v.Args[0], v.Int) {
		s.immediate(asm.And, masked, v.Int)
	}
	t := s.define(v)
	s.lookup(t).bound = v.Int
	s.move(t, masked)
}

// seenWithin reports whether the instructions of v themselves show the verifier that it
// is in [0, limit].
func seenWithin(v *ir.Value, limit int64) bool {
	switch v.Op {
	case ir.Load:
		return !v.Signed && v.Size < 8 && 1<<(8*v.Size)-1 <= limit
	case ir.And:
		mask, ok := v.Args[1].Constant()
		return ok && mask >= 0 && mask <= limit
	case ir.ShiftRight:
		count, ok := v.Args[1].Constant()
		return ok && count > 0 && count < 64 && int64(^uint64(0)>>count) <= limit
	}
	return false
}

var memorySizes = map[int]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word, 8: asm.DWord}

func (s *selector) load(v *ir.Value) {
	base, offset, slot := s.base(v)
	t := s.define(v)
	s.emit(instruction{op: asm.LoadMemOp(memorySizes[v.Size]), dst: t, src: base, offset: offset, slot: slot})
	if v.Signed && v.Size < 8 {
		s.signExtend(t, v.Size)
	}
}

func (s *selector) store(v *ir.Value) {
	if s.demands.copies(v) {
		s.copy(v)
		return
	}
	base, offset, slot := s.base(v)
	size := memorySizes[v.Size]
	if constant, ok := v.Args[1].Constant(); ok {
		stored := int64(ir.Extend(uint64(constant), min(v.Size, 4), true))
		if v.Size < 8 || stored == constant {
			s.emit(instruction{op: asm.StoreImmOp(size), dst: base, constant: stored, offset: offset, slot: slot})
			return
		}
	}
	s.emit(instruction{op: asm.StoreMemOp(size), dst: base, src: s.register(v.Args[1]), offset: offset, slot: slot})
}

var readHelpers = map[ir.Op]asm.BuiltinFunc{ir.ReadKernel: asm.FnProbeReadKernel, ir.ReadUser: asm.FnProbeReadUser}

// copy selects a read together with the store of what it brings.
func (s *selector) copy(store *ir.Value) {
	read := store.Args[1]
	s.reason = ir.CallArgument
	s.addressInto(argument+2, read)
	s.addressInto(argument, store)
	s.set(argument+1, int64(read.Size))
	s.reason = ir.Written
	s.callHelper(readHelpers[read.Op], 3)
}

// addressInto computes the address of a memory access.
func (s *selector) addressInto(dst register, v *ir.Value) {
	base, offset := address(v)
	if m, ok := rematerializable(base); ok && (m.op == ir.SlotAddress || m.op == ir.DataAddress) {
		m.number += int64(offset)
		s.materialise(dst, m)
		return
	}
	s.into(dst, base)
	if offset != 0 {
		s.immediate(asm.Add, dst, int64(offset))
	}
}

// read copies memory that may fault into the frame and loads it from there.
func (s *selector) read(v *ir.Value) {
	buffer := s.frame.buffer(v)
	s.reason = ir.CallArgument
	s.addressInto(argument+2, v)
	s.slotAddress(argument, buffer, 0)
	s.set(argument+1, int64(v.Size))
	s.reason = ir.Written
	s.callHelper(readHelpers[v.Op], 3)
	t := s.define(v)
	s.emit(instruction{op: asm.LoadMemOp(memorySizes[v.Size]), dst: t, src: s.slotBase(buffer), slot: buffer})
	if v.Signed && v.Size < 8 {
		s.signExtend(t, v.Size)
	}
}

func (s *selector) call(v *ir.Value) {
	s.reason = ir.CallArgument
	for i, arg := range v.Args {
		s.into(argument+register(i), arg)
	}
	s.reason = ir.Written
	switch v.Op {
	case ir.Invoke:
		s.invoke(v)
	case ir.Kfunc:
		s.callKernel(v)
	default:
		s.callHelper(v.Helper, len(v.Args))
	}
	if s.demands.needsRegister(v) {
		s.reason = ir.CallResult
		s.move(s.define(v), result)
		s.reason = ir.Written
	}
}

func (s *selector) callHelper(helper asm.BuiltinFunc, args int) {
	s.emit(instruction{op: helper.Call().OpCode, constant: int64(helper), args: uint8(args)})
	s.local = s.local[:0]
}

// callKernel leaves the number of the kernel's function, which differs from kernel to
// kernel, to whoever loads the program.
func (s *selector) callKernel(v *ir.Value) {
	s.emit(instruction{
		op: asm.Call.Label("").OpCode, src: register(asm.PseudoKfuncCall), constant: 0,
		reference: v.Kernel, args: uint8(len(v.Args)),
	})
	s.local = s.local[:0]
}

func (s *selector) invoke(v *ir.Value) {
	s.emit(instruction{
		op: asm.Call.Label("").OpCode, src: register(asm.PseudoCall), constant: unresolved,
		reference: v.Callee.Name, args: uint8(len(v.Args)),
	})
	s.local = s.local[:0]
}

var jumpOps = map[ir.Op]asm.JumpOp{
	ir.Equal: asm.JEq, ir.NotEqual: asm.JNE, ir.Less: asm.JLT, ir.LessEqual: asm.JLE,
	ir.SignedLess: asm.JSLT, ir.SignedLessEqual: asm.JSLE,
}

// mirrored has the operands exchanged, inverted the arms.
var (
	mirrored = map[asm.JumpOp]asm.JumpOp{
		asm.JEq: asm.JEq, asm.JNE: asm.JNE, asm.JLT: asm.JGT, asm.JLE: asm.JGE, asm.JSLT: asm.JSGT, asm.JSLE: asm.JSGE,
	}
	inverted = map[asm.JumpOp]asm.JumpOp{
		asm.JEq: asm.JNE, asm.JNE: asm.JEq, asm.JLT: asm.JGE, asm.JGE: asm.JLT, asm.JLE: asm.JGT, asm.JGT: asm.JLE,
		asm.JSLT: asm.JSGE, asm.JSGE: asm.JSLT, asm.JSLE: asm.JSGT, asm.JSGT: asm.JSLE,
	}
)

// branch ends the block with a jump taken when x compare y.
func (s *selector) branch(compare ir.Op, x, y *ir.Value) {
	op := jumpOps[compare]
	if x.Op == ir.Const && y.Op != ir.Const {
		x, y, op = y, x, mirrored[op]
	}
	left := s.register(x)
	if constant, ok := y.Constant(); ok && fits32(constant) {
		s.emit(instruction{op: op.Op(asm.ImmSource), dst: left, constant: constant})
		return
	}
	s.emit(instruction{op: op.Op(asm.RegSource), dst: left, src: s.register(y)})
}
