// Package machinecode cuts the machine code that the kernel's JIT compiler made of a
// program into the instructions of eBPF that it came from, and writes it as assembly.
//
// The kernel tells for each line of a program's line information where the code of that
// line begins. A program that is loaded with a line for each instruction has the code of
// each by that:
//
//	the frame           55 48 89 e5 ...   push rbp, mov rbp, rsp: of no instruction
//	instruction 4       48 89 c3          mov rbx, rax
//	instruction 5       48 89 ef          mov rdi, rbp
//
// What takes the frame away is part of the first exit on x86_64, and comes last on ARM. An
// instruction without code is one that the verifier has removed: nothing leads to it, or
// it is a jump that is never taken.
//
// Jumps lead to instructions of eBPF, and calls to functions of the kernel, which have
// names: the verifier replaces the call of a helper by the function itself, and some
// helpers by instructions that do the same.
//
// Only the decoder of the machine that this runs on is linked into the program.
package machinecode

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/ponytrace/ponytrace/lang/order"
)

// Function is a function of a program in machine code.
type Function struct {
	Address uint64 // where it lies in the kernel; 0 where that is not known
	// Base is the offset that its instructions count from: functions of a program lie one
	// after the other.
	Base int
	Code []byte
	// Marks tell where the code of instructions of eBPF begins, by offset.
	Marks []Mark
}

// Mark says that the code from Offset on is that of an instruction.
type Mark struct{ Offset, Instruction int }

// Piece is the code of one instruction of eBPF.
type Piece struct {
	Instruction int // by the number that it was loaded with; Frame for none
	Code        []Instruction
}

// Frame is the number of the code that makes a function's frame or takes it away.
const Frame = -1

// Instruction is one of the processor.
type Instruction struct {
	Offset int // in bytes
	Bytes  []byte
	// Text is the assembly; empty where the bytes are none that are known.
	Text string
}

// Known reports whether there is a decoder for this machine.
func Known() bool { return newDecoder != nil }

// decoder decodes one instruction after the other.
type decoder interface {
	Decode(code []byte, address uint64) (text string, length int)
}

// Names returns the name of what lies at an address in the kernel, empty for nothing.
type Names func(address uint64) string

// Pieces cuts a function into the code of each instruction.
func (f *Function) Pieces(names Names) (list []Piece) {
	marks := f.marks()
	decode := f.decoder(marks, names)
	for i, mark := range marks {
		list = append(list, Piece{mark.Instruction, f.decode(decode, mark.Offset, f.end(marks, i))})
	}
	return list
}

// marks are those within the code, with those of the frame: the kernel counts what makes
// it to the first instruction, and what takes it away to the last one.
func (f *Function) marks() []Mark {
	marks := slices.DeleteFunc(slices.Clone(f.Marks), func(m Mark) bool {
		return m.Offset < 0 || m.Offset >= len(f.Code)
	})
	order.Stable(marks, func(a, b Mark) int { return cmp.Compare(a.Offset, b.Offset) })
	if len(marks) == 0 {
		return []Mark{{0, Frame}}
	}
	last := marks[len(marks)-1].Offset
	if end := last + epilogue(f.Code[last:]); end < len(f.Code) {
		marks = append(marks, Mark{end, Frame})
	}
	first := marks[0].Offset
	marks[0].Offset += prologue(f.Code[first:f.end(marks, 0)])
	if marks[0].Offset > 0 {
		marks = append([]Mark{{0, Frame}}, marks...)
	}
	return marks
}

// end is where the code of a mark ends.
func (f *Function) end(marks []Mark, i int) int {
	if i+1 < len(marks) {
		return marks[i+1].Offset
	}
	return len(f.Code)
}

func (f *Function) decoder(marks []Mark, names Names) decoder {
	if newDecoder == nil {
		return nil
	}
	targets := map[uint64]string{}
	for i := len(marks) - 1; i >= 0; i-- {
		name := "insn " + strconv.Itoa(marks[i].Instruction)
		if marks[i].Instruction == Frame {
			name = "the end"
		}
		targets[f.Address+uint64(marks[i].Offset)] = name
	}
	return newDecoder(func(address uint64) string {
		if name, known := targets[address]; known {
			return name
		}
		if offset := address - f.Address; offset <= uint64(len(f.Code)) {
			return fmt.Sprintf("%x", uint64(f.Base)+offset)
		}
		if names == nil {
			return ""
		}
		return names(address)
	})
}

// decode returns the instructions of a part of the code. What is not understood is the
// rest of the part.
func (f *Function) decode(decode decoder, start, end int) (list []Instruction) {
	for at := start; at < end; {
		text, length := "", 0
		if decode != nil {
			text, length = decode.Decode(f.Code[at:end], f.Address+uint64(at))
		}
		if length <= 0 || at+length > end {
			length = end - at
		}
		list = append(list, Instruction{f.Base + at, f.Code[at : at+length], text})
		at += length
	}
	return list
}
