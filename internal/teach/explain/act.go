package explain

import (
	"cmp"
	"fmt"
	"math/bits"
	"strings"
	"unicode"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// act tells in words what an instruction does, with the names of the script as far as the
// operation has them.
func (in instruction) act() string {
	switch class := in.raw.OpCode.Class(); {
	case class == asm.LdClass:
		return in.wide()
	case class.IsLoad():
		return in.load()
	case class.IsStore() && in.raw.OpCode.Mode() == asm.AtomicMode:
		return in.atomic()
	case class.IsStore():
		return in.store()
	case class.IsALU():
		return in.arithmetic()
	}
	switch in.raw.OpCode.JumpOp() {
	case asm.Exit:
		return in.exit()
	case asm.Call:
		return in.call()
	case asm.Ja:
		return fmt.Sprintf("on to %d", in.at.Target)
	}
	return in.branch()
}

// inMain reports whether an instruction is of the program itself, and not of a function
// that it calls.
func (in instruction) inMain() bool { return in.at.Function == in.code[0].Function }

func (in instruction) exit() string {
	if in.inMain() {
		return "end of the program"
	}
	return "end of the function, back to its caller"
}

// kernelCalls tell what functions of the kernel do that have no number as helpers have.
var kernelCalls = map[string]string{
	"bpf_preempt_disable": "no other task runs on this CPU from here on",
	"bpf_preempt_enable":  "other tasks may run on this CPU again",
}

func (in instruction) call() string {
	if in.raw.IsFunctionCall() {
		return "calls function " + in.raw.Reference()
	}
	if in.raw.IsKfuncCall() {
		return kernelCalls[in.raw.Reference()]
	}
	h, known := helperOf(asm.BuiltinFunc(in.raw.Constant))
	if !known {
		return "calls " + h.Name()
	}
	return h.short
}

// wide is a load of 64 bits: a map, memory of a map, a function or a large number.
func (in instruction) wide() string {
	switch in.raw.Src {
	case asm.PseudoMapFD:
		return "map " + in.raw.Reference()
	case asm.PseudoMapValue:
		return "address of " + in.data(in.raw.Reference(), int(uint64(in.raw.Constant)>>32))
	case asm.PseudoFunc:
		return "address of function " + in.raw.Reference()
	}
	return fmt.Sprintf("the number %#x, too large for an instruction of 8 "+
		"bytes", uint64(in.raw.Constant))
}

func (in instruction) load() string {
	offset, size := int(in.raw.Offset), in.raw.OpCode.Size().Sizeof()
	switch {
	case in.reads():
		return in.member() + "what the helper has read"
	case in.op.Op != "load":
		return fmt.Sprintf("%s at byte %d", bytesOf(size), offset)
	}
	switch in.op.Space {
	case "context":
		return cmp.Or(in.words.at(in.op.Offset), fmt.Sprintf("%s of the context, from byte "+
			"%d", bytesOf(size), in.op.Offset))
	case "kernel":
		return fmt.Sprintf("reads %s%s at byte %d of %s",
			in.member(), bytesOf(size), in.op.Offset, in.structure())
	case "frame":
		return fmt.Sprintf("reads %s, from byte %d", in.describe(in.operand(0)), in.op.Offset)
	}
	return "reads " + in.place(in.operand(0), in.op.Offset)
}

// reads reports whether an instruction is of a read by a helper, which the code generator
// makes of one operation.
func (in instruction) reads() bool { return in.op.Op == "readkernel" || in.op.Op == "readuser" }

// member is the name behind the last arrow or dot of the script's expression.
func (in instruction) member() string {
	if name := memberOf(in.op.Span); name != "" {
		return name + ": "
	}
	return ""
}

func memberOf(span diag.Span) string {
	text := span.Text()
	name := text[strings.LastIndexAny(text, ">.")+1:]
	if len(name) == len(text) || strings.ContainsFunc(name, isNoLetter) {
		return ""
	}
	return excerpt(name, 30)
}

func isNoLetter(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// structure is the type that the address of a load leads to.
func (in instruction) structure() string {
	base := in.operand(0)
	t, isPointer := strings.CutSuffix(in.types[base.Span], " *")
	switch {
	case in.registersOfCall(base):
		return "struct pt_regs, the registers of the process"
	case base.Op == "call" && base.Name == "bpf_get_current_task_btf":
		return "struct task_struct"
	case isPointer && (strings.HasPrefix(t, "struct ") || strings.HasPrefix(t, "union ")):
		return t
	}
	return "the structure"
}

// registersOfCall reports whether an address is that of the registers with which a
// process entered the kernel.
func (in instruction) registersOfCall(address *stage.Operation) bool {
	first := address.Op == "load" && address.Space == "context" && address.Offset == 0
	points := in.program.Points
	return first && len(points) > 0 && points[0].Mechanism.Context() == object.CallWords
}

func bytesOf(size int) string {
	if size == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", size)
}

// place names memory by its address and the offset from there.
func (in instruction) place(address *stage.Operation, offset int) string {
	name := in.describe(address)
	switch row := in.rowOf(address); {
	case address.Op == "data":
		return in.data(address.Name, int(address.Number)+offset)
	case row != "" && in.op.Space == "mapvalue":
		return in.ofCPU(row, offset)
	case in.op.Space == "record":
		name = "the record"
	case address.Op == "parameter":
		name = "what " + name + " points to"
	case in.op.Space == "mapvalue" && address.Op != "slot" && address.Op != "parameter":
		name = "the value in the map"
	}
	return atByte(name, offset)
}

// rowOf is the map whose memory an address is computed from; "" where it is none.
func (in instruction) rowOf(address *stage.Operation) string {
	for depth := 0; address != nil && address.Op == "add" && depth < 4; depth++ {
		var next *stage.Operation
		for _, id := range address.Args {
			switch part := in.operations[operationID{in.at.Function, id}]; {
			case part != nil && part.Op == "data":
				return part.Name
			case part != nil && part.Op == "add":
				next = part
			}
		}
		address = next
	}
	return ""
}

// ofCPU names what lies at an offset of a CPU's row.
func (in instruction) ofCPU(kernel string, offset int) string {
	if kernel == object.GuardMap {
		return "this CPU's mark"
	}
	for _, m := range in.object.Maps {
		at, size := offset-m.Offset, m.InKernel().Value.Size
		if kernel == object.PerCPUMap && m.Storage == object.CPUSlot && at >= 0 && at < size {
			return atByte("this CPU's @"+m.Name, at)
		}
	}
	return atByte("this CPU's row of map "+kernel, offset)
}

func atByte(name string, offset int) string {
	if offset == 0 {
		return name
	}
	return fmt.Sprintf("%s, byte %d", name, offset)
}

func (in instruction) store() string {
	value := named(in.describe(in.operand(1)), in.raw.Src)
	if in.raw.OpCode.Class() == asm.StClass {
		value = fmt.Sprint(in.raw.Constant)
	}
	if in.op.Op != "store" {
		return fmt.Sprintf("%s goes to memory, byte %d", value, in.raw.Offset)
	}
	return fmt.Sprintf("%s goes into %s", value, in.place(in.operand(0), in.op.Offset))
}

func (in instruction) atomic() string {
	place := in.place(in.operand(0), in.op.Offset)
	added := in.describe(in.operand(1))
	switch in.raw.OpCode.AtomicOp() {
	case asm.AddAtomic:
		return fmt.Sprintf("adds %s to %s in one step, so that no event is lost", added, place)
	case asm.FetchAdd:
		return fmt.Sprintf("adds %s to %s in one step, and keeps what was there", added, place)
	case asm.Xchg:
		return fmt.Sprintf("puts %s into %s in one step, and keeps what was there", added, place)
	}
	return fmt.Sprintf("replaces %s in one step, if it is still what was expected", place)
}

// comparisons are the jumps in words, with the constant or register to come.
var comparisons = map[asm.JumpOp]string{
	asm.JEq: "is %s", asm.JNE: "is not %s", asm.JSet: "has bits of %s",
	asm.JGT: "is above %s", asm.JGE: "is %s or more", asm.JLT: "is below %s", asm.JLE: "is %s or less",
	asm.JSGT: "is above %s", asm.JSGE: "is %s or more", asm.JSLT: "is below %s", asm.JSLE: "is %s or less",
}

func (in instruction) branch() string {
	left, right := in.operand(0), in.operand(1)
	if left.Op == "const" && right.Op != "const" {
		left, right = right, left
	}
	x, y := named(in.describe(left), in.raw.Dst), named(in.describe(right), in.raw.Src)
	if in.raw.OpCode.Source() == asm.ImmSource {
		y = fmt.Sprint(in.raw.Constant) + letters(left, in.raw.Constant)
	}
	switch {
	case y != "0":
	case strings.HasPrefix(in.at.Reason, "the lookup may fail"):
		x, y = "the address", "null"
	case x == "the address" || x == "the record":
		y = "null"
	}
	return fmt.Sprintf("on to %d if %s "+comparisons[in.raw.OpCode.JumpOp()], in.at.Target, x, y)
}

// named is the register of a value that has no name.
func named(value string, register asm.Register) string {
	if value == "the value" {
		return fmt.Sprintf("r%d", register)
	}
	return value
}

// letters shows a number as the text whose bytes it is, where it is compared with a part
// of one.
func letters(with *stage.Operation, n int64) string {
	text := make([]byte, with.Size)
	for i := range text {
		text[i] = byte(n >> (8 * i))
		if text[i] < ' ' || text[i] > '~' {
			return ""
		}
	}
	if with.Op != "load" || with.Space != "frame" || with.Size < 2 {
		return ""
	}
	return fmt.Sprintf(", the letters %q", text)
}

func (in instruction) arithmetic() string {
	op, immediate := in.raw.OpCode.ALUOp(), in.raw.OpCode.Source() == asm.ImmSource
	switch {
	case op == asm.Mov:
		return in.move(immediate)
	case op == asm.Swap:
		return "reverses the order of the bytes"
	case op == asm.Neg:
		return "the negative of it"
	case in.afterFrame():
		return fmt.Sprintf("address of %s, %d bytes below the end of the "+
			"stack", in.stackPlace(), -in.raw.Constant)
	case in.op.Op == "bound" && op == asm.And:
		return fmt.Sprintf("the verifier must see a number from 0 to %d", in.raw.Constant)
	case in.signs():
		return in.sign(op)
	case immediate:
		return in.constant(op, in.raw.Constant)
	}
	return in.registers(op)
}

// afterFrame reports whether an instruction subtracts from a copy of the frame pointer.
func (in instruction) afterFrame() bool {
	immediate := in.raw.OpCode.Source() == asm.ImmSource
	return immediate && isFrameAddress(in.reasoner.raw[:in.index], in.raw)
}

// stackPlace names the piece of the stack whose address is computed.
func (in instruction) stackPlace() string {
	calls := in.op.Op == "call" || in.op.Op == "invoke"
	for n := range in.op.Args {
		if slot := in.slotIn(in.operand(n), 0); slot != nil && (!calls || n == int(in.raw.Dst)-1) {
			return in.slot(slot)
		}
	}
	switch {
	case in.op.Op == "slot":
		return in.slot(in.op)
	case in.reads():
		return "memory for what is read"
	}
	return "memory"
}

// slotIn finds the piece of the stack that an address is computed from.
func (in instruction) slotIn(address *stage.Operation, depth int) *stage.Operation {
	switch {
	case address.Op == "slot":
		return address
	case address.Op != "add" || depth > 4:
		return nil
	}
	for _, id := range address.Args {
		if part := in.operations[operationID{in.at.Function, id}]; part != nil {
			if slot := in.slotIn(part, depth+1); slot != nil {
				return slot
			}
		}
	}
	return nil
}

// signs reports whether a shift is one of the two that copy the sign of a number upwards.
func (in instruction) signs() bool {
	return in.op.Op == "sext" || (in.op.Op == "load" || in.reads()) && in.op.Signed
}

func (in instruction) sign(op asm.ALUOp) string {
	if op == asm.LSh {
		return fmt.Sprintf("%s with a sign: first to the top", bytesOf(8-int(in.raw.Constant)/8))
	}
	return "and back, so that the sign fills the upper bits"
}

// copies reports whether an instruction copies a register other than the frame pointer.
func (in instruction) copies() bool { return in.movesRegister() && in.raw.Src != asm.R10 }

func (in instruction) moves() bool {
	return in.raw.OpCode.Class().IsALU() && in.raw.OpCode.ALUOp() == asm.Mov
}

func (in instruction) movesRegister() bool {
	return in.moves() && in.raw.OpCode.Source() == asm.RegSource
}

// move is a copy of a constant or of a register.
func (in instruction) move(immediate bool) string {
	value := fmt.Sprintf("a copy of r%d", in.raw.Src)
	if immediate {
		value = fmt.Sprintf("the number %d", in.raw.Constant)
	}
	switch {
	case !immediate && in.raw.Src == asm.R10:
		return "the end of the stack, for an address in it"
	case !immediate && in.raw.OpCode.Class() == asm.ALUClass:
		return "the lower 32 bits" + in.half("thread", "user")
	case in.op.Op == "set" && immediate:
		return fmt.Sprintf("%s becomes %d", cellName(in.op.Name), in.raw.Constant)
	case in.op.Op == "set":
		return fmt.Sprintf("%s becomes %s", cellName(in.op.Name), in.describe(in.operand(0)))
	case in.op.Op == "get":
		return cellName(in.op.Name)
	case in.op.Op == "return":
		return in.describe(in.operand(0)) + " is the result"
	case immediate:
		return value + ", in a register for what follows"
	}
	calls := in.op.Op == "call" || in.op.Op == "invoke"
	if name := in.describe(in.operand(0)); len(in.op.Args) > 0 && !calls && name != "the value" {
		return fmt.Sprintf("a copy of r%d (%s), to compute with", in.raw.Src, name)
	}
	return value + ", to compute with"
}

// constant is arithmetic with a number of the instruction.
func (in instruction) constant(op asm.ALUOp, n int64) string {
	switch op {
	case asm.Add:
		if n < 0 {
			return fmt.Sprintf("minus %d", -n)
		}
		if in.describe(in.operand(0)) == "the record" {
			return fmt.Sprintf("byte %d of the record", n)
		}
		return fmt.Sprintf("plus %d", n)
	case asm.Sub:
		return fmt.Sprintf("minus %d", n)
	case asm.LSh:
		if n < 32 {
			return fmt.Sprintf("times %d: %d bits to the left", uint64(1)<<n, n)
		}
		return fmt.Sprintf("%d bits to the left", n)
	case asm.RSh, asm.ArSh:
		return in.shiftRight(n)
	case asm.And:
		if k := bits.Len64(uint64(n)); n == 1 {
			return "keeps the lowest bit"
		} else if n > 0 && bits.OnesCount64(uint64(n)) == k {
			return fmt.Sprintf("keeps the lower %d bits", k)
		}
	case asm.Xor:
		if n == -1 {
			return "inverts all bits"
		}
	}
	return fmt.Sprintf(operators[op], fmt.Sprint(n))
}

func (in instruction) shiftRight(n int64) string {
	switch {
	case n == 32:
		return "the upper 32 bits" + in.half("process", "group")
	case n == 63 && in.raw.OpCode.ALUOp() == asm.ArSh:
		return "its sign alone: 0, or -1 below 0"
	case n == 63:
		return "its highest bit alone: 0 or 1"
	case n < 32:
		return fmt.Sprintf("divided by %d: %d bits to the right", uint64(1)<<n, n)
	}
	return fmt.Sprintf("%d bits to the right", n)
}

// half tells what one half of the number is that a helper returned.
func (in instruction) half(ofTask, ofUser string) string {
	switch in.operand(0).Name {
	case "bpf_get_current_pid_tgid":
		return ": the " + ofTask
	case "bpf_get_current_uid_gid":
		return ": the " + ofUser
	}
	return ""
}

// operators are arithmetic in words.
var operators = map[asm.ALUOp]string{
	asm.Add: "plus %s", asm.Sub: "minus %s", asm.Mul: "times %s", asm.Div: "divided by %s",
	asm.Mod: "the remainder of a division by %s",
	asm.And: "keeps the bits of %s", asm.Or: "sets the bits of %s", asm.Xor: "inverts the bits of %s",
	asm.LSh: "to the left by %s bits", asm.RSh: "to the right by %s bits", asm.ArSh: "to the right " +
		"by %s bits, with its sign",
}

// registers is arithmetic with another register.
func (in instruction) registers(op asm.ALUOp) string {
	right := in.operand(1)
	if in.operand(0).Op == "data" || in.operand(0).Op == "slot" {
		right = in.operand(0)
	}
	value := in.describe(right)
	if value == "the value" || value == "the result" {
		value = fmt.Sprintf("r%d", in.raw.Src)
	}
	return fmt.Sprintf(operators[op], value)
}
