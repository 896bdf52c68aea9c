package stage

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// Disassemble writes instructions as the kernel does, with their offsets and the targets
// of their jumps. It fills in Offset, Opcode, Text, Target and Symbol.
func Disassemble(code asm.Instructions) []Instruction {
	list := make([]Instruction, len(code))
	labels, offset := map[string]int{}, 0
	for i := range code {
		list[i].Offset = offset
		if symbol := code[i].Symbol(); symbol != "" {
			labels[symbol] = offset
			list[i].Symbol = symbol
		}
		offset += int(code[i].Width())
	}
	for i := range code {
		n := notation{Instruction: &code[i], target: -1}
		if to, isLabel := labels[code[i].Reference()]; isLabel {
			n.target, n.distance = to, to-list[i].Offset-1
		}
		list[i].Opcode, list[i].Target = byte(code[i].OpCode), n.target
		list[i].Text = n.String()
	}
	return list
}

// notation writes one instruction.
type notation struct {
	*asm.Instruction
	target   int // the offset of a jump, a call or a function's address; -1 for none
	distance int // from the next instruction to the target
}

func (n *notation) String() string {
	switch n.OpCode.Class() {
	case asm.ALUClass, asm.ALU64Class:
		return n.arithmetic()
	case asm.LdClass:
		return fmt.Sprintf("r%d = %s", n.Dst, n.wide())
	case asm.LdXClass:
		return fmt.Sprintf("r%d = %s", n.Dst, n.memory(n.Src))
	case asm.StClass:
		return fmt.Sprintf("%s = %d", n.memory(n.Dst), int32(n.Constant))
	case asm.StXClass:
		if n.OpCode.Mode() == asm.AtomicMode {
			return n.atomic()
		}
		return fmt.Sprintf("%s = r%d", n.memory(n.Dst), n.Src)
	}
	return n.jump()
}

// letter is that of the registers: w where an instruction goes over their lower halves.
func (n *notation) letter() string {
	if class := n.OpCode.Class(); class == asm.ALUClass || class == asm.Jump32Class {
		return "w"
	}
	return "r"
}

// right is the second operand.
func (n *notation) right() string {
	if n.OpCode.Source() == asm.RegSource {
		return fmt.Sprintf("%s%d", n.letter(), n.Src)
	}
	return fmt.Sprint(int32(n.Constant))
}

var assignments = map[asm.ALUOp]string{
	asm.Add: "+=", asm.Sub: "-=", asm.Mul: "*=", asm.Div: "/=", asm.Or: "|=", asm.And: "&=", asm.LSh: "<<=",
	asm.RSh: ">>=", asm.Mod: "%=", asm.Xor: "^=", asm.Mov: "=", asm.ArSh: "s>>=",
}

func (n *notation) arithmetic() string {
	letter := n.letter()
	switch op := n.OpCode.ALUOp(); op {
	case asm.Neg:
		return fmt.Sprintf("%s%d = -%s%d", letter, n.Dst, letter, n.Dst)
	case asm.Swap:
		order := "le"
		if n.OpCode.Endianness() == asm.BE {
			order = "be"
		}
		return fmt.Sprintf("r%d = %s%d r%d", n.Dst, order, n.Constant, n.Dst)
	default:
		return fmt.Sprintf("%s%d %s %s", letter, n.Dst, assignments[op], n.right())
	}
}

var widths = map[asm.Size]string{asm.Byte: "u8", asm.Half: "u16", asm.Word: "u32", asm.DWord: "u64"}

// memory is an access of memory.
func (n *notation) memory(base asm.Register) string { return "*" + n.pointer(base) }

func (n *notation) pointer(base asm.Register) string {
	return fmt.Sprintf("(%s *)(r%d %+d)", widths[n.OpCode.Size()], base, n.Offset)
}

// atomic is an atomic instruction: one that brings what was there before has the form of
// a call.
func (n *notation) atomic() string {
	bits := ""
	if n.OpCode.Size() == asm.DWord {
		bits = "64"
	}
	at := n.pointer(n.Dst)
	switch n.OpCode.AtomicOp() {
	case asm.FetchAdd:
		return fmt.Sprintf("r%d = atomic%s_fetch_add(%s, r%d)", n.Src, bits, at, n.Src)
	case asm.Xchg:
		return fmt.Sprintf("r%d = atomic%s_xchg(%s, r%d)", n.Src, bits, at, n.Src)
	case asm.CmpXchg:
		return fmt.Sprintf("r0 = atomic%s_cmpxchg(%s, r0, r%d)", bits, at, n.Src)
	}
	return fmt.Sprintf("lock *%s += r%d", at, n.Src)
}

// wide is the operand of a load of 64 bits. Maps have no numbers yet, so their names
// stand for them.
func (n *notation) wide() string {
	switch n.Src {
	case asm.PseudoMapFD:
		return fmt.Sprintf("map[%s]", n.Reference())
	case asm.PseudoMapValue:
		return fmt.Sprintf("map[%s][0]+%d", n.Reference(), uint64(n.Constant)>>32)
	case asm.PseudoFunc:
		return fmt.Sprintf("subprog[%+d]", n.distance)
	}
	return fmt.Sprintf("%#x", uint64(n.Constant))
}

var conditions = map[asm.JumpOp]string{
	asm.JEq: "==", asm.JGT: ">", asm.JGE: ">=", asm.JSet: "&", asm.JNE: "!=", asm.JSGT: "s>", asm.JSGE: "s>=",
	asm.JLT: "<", asm.JLE: "<=", asm.JSLT: "s<", asm.JSLE: "s<=",
}

func (n *notation) jump() string {
	switch op := n.OpCode.JumpOp(); op {
	case asm.Exit:
		return "exit"
	case asm.Ja:
		return fmt.Sprintf("goto %+d", n.distance)
	case asm.Call:
		if n.Src == asm.PseudoCall {
			return fmt.Sprintf("call %+d", n.distance)
		}
		if n.Src == asm.PseudoKfuncCall {
			return "call " + n.Reference()
		}
		return fmt.Sprintf("call %s#%d", target.HelperName(asm.BuiltinFunc(n.Constant)), int32(n.Constant))
	default:
		return fmt.Sprintf("if %s%d %s %s goto %+d", n.letter(), n.Dst, conditions[op], n.right(), n.distance)
	}
}
