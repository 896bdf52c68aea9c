package refusal

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// Assemble makes instructions of the notation that package stage writes, but for jumps:
// their distance is a label that stands on a line of its own before the target.
//
//	if r0 == 0 goto out
//	r1 = *(u64 *)(r0 +0)
//	out:
//	exit
//
// "call NAME" calls a function of the program, "call bpf_NAME#7" one of the kernel.
func Assemble(lines []Line) (asm.Instructions, error) {
	var code asm.Instructions
	label := ""
	for _, line := range lines {
		if line.Label != "" {
			label = line.Label
			continue
		}
		instruction, err := assemble(line.Text)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line.Text, err)
		}
		if label != "" {
			instruction, label = instruction.WithSymbol(label), ""
		}
		code = append(code, instruction)
	}
	return code, nil
}

// Disassemble writes the lines with the distances of their jumps.
func Disassemble(lines []Line) ([]stage.Instruction, error) {
	code, err := Assemble(lines)
	if err != nil {
		return nil, err
	}
	return stage.Disassemble(code), nil
}

func assemble(text string) (asm.Instruction, error) {
	words := strings.Fields(text)
	a := &assembler{}
	var made asm.Instruction
	switch {
	case text == "exit":
		made = asm.Return()
	case len(words) == 2 && words[0] == "goto":
		made = asm.Ja.Label(words[1])
	case len(words) == 2 && words[0] == "call":
		made = a.call(words[1])
	case len(words) == 6 && words[0] == "if" && words[4] == "goto":
		made = a.branch(words[1], words[2], words[3], words[5])
	case len(words) == 6 && words[0] == "lock":
		made = a.add(words[1:4], words[5])
	case len(words) == 5 && strings.HasPrefix(words[0], "*("):
		made = a.store(words[:3], words[4])
	case len(words) == 5 && words[1] == "=":
		made = a.load(words[0], words[2:])
	case len(words) == 3:
		made = a.arithmetic(words[0], words[1], words[2])
	default:
		a.wrong = true
	}
	if a.wrong {
		return made, fmt.Errorf("no instruction has this form")
	}
	return made, nil
}

// assembler notes that a part of an instruction cannot be read.
type assembler struct{ wrong bool }

// register reads r3, or w3 for its lower half.
func (a *assembler) register(text string) (register asm.Register, narrow bool) {
	number, err := strconv.ParseUint(strings.TrimLeft(text, "rw"), 10, 4)
	a.wrong = a.wrong || err != nil || number > 10 || !strings.ContainsAny(text[:1], "rw")
	return asm.Register(number), text[0] == 'w'
}

func isRegister(text string) bool { return text[0] == 'r' || text[0] == 'w' }

func (a *assembler) number(text string) int64 {
	number, err := strconv.ParseInt(text, 0, 64)
	a.wrong = a.wrong || err != nil
	return number
}

// memory reads "*(u64 *)(r6 +32)".
func (a *assembler) memory(words []string) (size asm.Size, base asm.Register, offset int16) {
	size, known := sizes[strings.TrimPrefix(words[0], "*(")]
	name, isPointer := strings.CutPrefix(words[1], "*)(")
	text, closed := strings.CutSuffix(words[2], ")")
	a.wrong = a.wrong || !known || !isPointer || !closed || len(name) < 2
	if a.wrong {
		return size, base, offset
	}
	base, _ = a.register(name)
	return size, base, int16(a.number(text))
}

var sizes = map[string]asm.Size{"u8": asm.Byte, "u16": asm.Half, "u32": asm.Word, "u64": asm.DWord}

func (a *assembler) load(to string, words []string) asm.Instruction {
	register, _ := a.register(to)
	size, base, offset := a.memory(words)
	return asm.LoadMem(register, base, offset, size)
}

func (a *assembler) store(words []string, value string) asm.Instruction {
	size, base, offset := a.memory(words)
	if isRegister(value) {
		from, _ := a.register(value)
		return asm.StoreMem(base, offset, from, size)
	}
	// asm.StoreImm has no form of 64 bits, though the kernel has.
	store := asm.OpCode(asm.StClass).SetMode(asm.MemMode).SetSize(size)
	return asm.Instruction{OpCode: store, Dst: base, Offset: offset, Constant: a.number(value)}
}

func (a *assembler) add(words []string, value string) asm.Instruction {
	size, base, _ := a.memory(words)
	from, _ := a.register(value)
	return asm.StoreXAdd(base, from, size)
}

// call finds a function of the kernel by its number, and holds the name against it.
func (a *assembler) call(text string) asm.Instruction {
	name, number, isHelper := strings.Cut(text, "#")
	if !isHelper {
		return asm.Call.Label(text)
	}
	helper := asm.BuiltinFunc(a.number(number))
	a.wrong = a.wrong || target.HelperName(helper) != name
	return helper.Call()
}

var conditions = map[string]asm.JumpOp{
	"==": asm.JEq, "!=": asm.JNE, "&": asm.JSet,
	">": asm.JGT, ">=": asm.JGE, "<": asm.JLT, "<=": asm.JLE,
	"s>": asm.JSGT, "s>=": asm.JSGE, "s<": asm.JSLT, "s<=": asm.JSLE,
}

func (a *assembler) branch(left, condition, right, label string) asm.Instruction {
	op, known := conditions[condition]
	a.wrong = a.wrong || !known
	register, narrow := a.register(left)
	if isRegister(right) {
		other, _ := a.register(right)
		if narrow {
			return op.Reg32(register, other, label)
		}
		return op.Reg(register, other, label)
	}
	if narrow {
		return op.Imm32(register, int32(a.number(right)), label)
	}
	return op.Imm(register, int32(a.number(right)), label)
}

var assignments = map[string]asm.ALUOp{
	"=": asm.Mov, "+=": asm.Add, "-=": asm.Sub, "*=": asm.Mul, "/=": asm.Div, "%=": asm.Mod,
	"|=": asm.Or, "&=": asm.And, "^=": asm.Xor,
	"<<=": asm.LSh, ">>=": asm.RSh, "s>>=": asm.ArSh,
}

func (a *assembler) arithmetic(left, assignment, right string) asm.Instruction {
	op, known := assignments[assignment]
	a.wrong = a.wrong || !known
	register, narrow := a.register(left)
	switch {
	case strings.HasPrefix(right, "map["):
		return asm.LoadMapPtr(register, 0).WithReference(strings.TrimSuffix(right[len("map["):], "]"))
	case strings.HasPrefix(right, "0x"):
		return asm.LoadImm(register, a.number(right), asm.DWord)
	case isRegister(right):
		other, _ := a.register(right)
		if narrow {
			return op.Reg32(register, other)
		}
		return op.Reg(register, other)
	case narrow:
		return op.Imm32(register, int32(a.number(right)))
	}
	return op.Imm(register, int32(a.number(right)))
}
