package binary

import (
	"debug/elf"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// instruction is what must be known of one to place a probe.
type instruction struct {
	size  uint64
	class target.InstructionClass
	// idle: it changes no register and no memory.
	idle bool
	// opens and lands are those of target.Instruction.
	opens, lands bool
	// quiet: it changes no memory, cannot fault, and of the registers at most writes and the
	// flags. writes is the number of the register, -1 for none.
	quiet  bool
	writes int
	// saves: it puts a register on the stack. calls: it calls a function.
	saves, calls bool
	// restarts: a Go program that was interrupted behind it may execute it again.
	restarts bool
	flow     flow
	// to is how far from the end of the instruction a direct jump leads.
	to int64
}

// at is what a probe must know of it.
func (i instruction) at(offset uint64) target.Instruction {
	return target.Instruction{Offset: offset, Class: i.class, Opens: i.opens, Lands: i.lands}
}

// flow is where control goes after an instruction.
type flow int

const (
	onward   flow = iota
	branches      // onward, or where the jump leads
	jumps         // where the jump leads
	computes      // where a register or a table leads
	returns
	stops // it traps
)

// mostBytes is how long an instruction may be.
const mostBytes = 15

// decoder decodes the first instruction of some code. Its size is 0 where that is none.
type decoder func(code []byte) instruction

// decoder returns that of the file's machine; nil for those of 32 bits.
func (f *File) decoder() decoder {
	switch f.elf.Machine {
	case elf.EM_X86_64:
		return decodeX86
	case elf.EM_AARCH64:
		return decodeARM
	}
	return nil
}
