package emu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"

	"github.com/ponytrace/ponytrace/internal/testkit"
)

// TestKernelAgrees runs random programs here and on the machine's kernel.
func TestKernelAgrees(t *testing.T) {
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	_ = rlimit.RemoveMemlock()
	for seed := range uint64(200) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
		code := g.program()
		arguments := make([]uint64, 12)
		for i := range arguments {
			arguments[i] = g.number()
		}
		var context bytes.Buffer
		_ = binary.Write(&context, binary.LittleEndian, arguments)
		got, err := Run(code, &Environment{Context: context.Bytes()})
		if err != nil {
			t.Fatalf("seed %d: %v\n%v", seed, err, code)
		}
		if want := onKernel(t, code, arguments); uint32(got.Return) != want {
			t.Fatalf("seed %d: %#x, the kernel says %#x\n%v", seed, uint32(got.Return), want, code)
		}
	}
}

func onKernel(t *testing.T, code asm.Instructions, arguments []uint64) uint32 {
	t.Helper()
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.RawTracepoint, License: "GPL", Instructions: code})
	if errors.Is(err, os.ErrPermission) {
		testkit.Lack(t, "CAP_BPF")
	}
	if err != nil {
		t.Fatalf("%+v\n%v", err, code)
	}
	defer program.Close()
	result, err := program.Run(&ebpf.RunOptions{Context: arguments})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// generator makes programs that the verifier accepts: arithmetic on r2 to r9, forward
// jumps, stack accesses.
type generator struct {
	*rand.Rand
	code asm.Instructions
}

// number returns a number that is near an edge more often than chance has it.
func (g *generator) number() uint64 {
	switch g.IntN(4) {
	case 0:
		return uint64(g.IntN(5)) - 2
	case 1:
		return 1<<63 + uint64(g.IntN(3)) - 1
	case 2:
		return uint64(g.Uint32())
	}
	return g.Uint64()
}

func (g *generator) register() asm.Register { return asm.R2 + asm.Register(g.IntN(8)) }

func (g *generator) program() asm.Instructions {
	for r := asm.R2; r <= asm.R9; r++ {
		g.code = append(g.code, asm.LoadMem(r, asm.R1, int16(r)*8, asm.DWord))
		g.code = append(g.code, asm.StoreMem(asm.R10, -int16(r)*8, r, asm.DWord))
	}
	const steps = 40
	for i := range steps {
		before := len(g.code)
		g.step(i, steps)
		g.code[before] = g.code[before].WithSymbol(fmt.Sprintf("l%d", i))
	}
	last := len(g.code)
	g.code = append(g.code, asm.Mov.Reg(asm.R0, asm.R2))
	g.code[last] = g.code[last].WithSymbol(fmt.Sprintf("l%d", steps))
	for r := asm.R3; r <= asm.R9; r++ {
		g.code = append(g.code, asm.Mul.Imm(asm.R0, 31), asm.Xor.Reg(asm.R0, r))
	}
	return append(g.code, asm.Mov.Reg(asm.R1, asm.R0), asm.RSh.Imm(asm.R1, 32), asm.Xor.Reg(asm.R0, asm.R1), asm.Return())
}

func (g *generator) step(i, steps int) {
	switch g.IntN(6) {
	case 0:
		g.code = append(g.code, g.jump(fmt.Sprintf("l%d", i+1+g.IntN(steps-i))))
	case 1:
		g.code = append(g.code, g.memory())
	case 2:
		g.code = append(g.code, asm.LoadImm(g.register(), int64(g.number()), asm.DWord))
	default:
		g.code = append(g.code, g.arithmetic())
	}
}

func (g *generator) jump(label string) asm.Instruction {
	ops := []asm.JumpOp{asm.JEq, asm.JNE, asm.JGT, asm.JGE, asm.JLT, asm.JLE, asm.JSet, asm.JSGT, asm.JSGE, asm.JSLT, asm.JSLE}
	op, x, y, n := ops[g.IntN(len(ops))], g.register(), g.register(), int32(g.number())
	switch g.IntN(4) {
	case 0:
		return op.Reg(x, y, label)
	case 1:
		return op.Reg32(x, y, label)
	case 2:
		return op.Imm32(x, n, label)
	}
	return op.Imm(x, n, label)
}

func (g *generator) memory() asm.Instruction {
	sizes := []asm.Size{asm.Byte, asm.Half, asm.Word, asm.DWord}
	size := sizes[g.IntN(4)]
	offset := -int16(2+g.IntN(8)) * 8
	switch g.IntN(3) {
	case 0:
		return asm.LoadMem(g.register(), asm.R10, offset, size)
	case 1:
		return asm.Instruction{OpCode: asm.StoreImmOp(size), Dst: asm.R10, Offset: offset, Constant: int64(int32(g.number()))}
	}
	if size == asm.DWord && g.IntN(2) == 0 {
		return asm.AddAtomic.Mem(asm.R10, g.register(), size, offset)
	}
	return asm.StoreMem(asm.R10, offset, g.register(), size)
}

func (g *generator) arithmetic() asm.Instruction {
	ops := []asm.ALUOp{asm.Add, asm.Sub, asm.Mul, asm.Div, asm.Mod, asm.And, asm.Or, asm.Xor, asm.LSh, asm.RSh, asm.ArSh, asm.Mov, asm.Neg}
	op, x, y, n := ops[g.IntN(len(ops))], g.register(), g.register(), int32(g.number())
	narrow := g.IntN(2) == 0
	switch op {
	case asm.Neg:
		return choose(narrow, asm.Neg.Imm32(x, 0), asm.Neg.Imm(x, 0))
	case asm.LSh, asm.RSh, asm.ArSh:
		n &= 31
	case asm.Div, asm.Mod:
		n |= 1
	}
	if g.IntN(2) == 0 {
		return choose(narrow, op.Imm32(x, n), op.Imm(x, n))
	}
	return choose(narrow, op.Reg32(x, y), op.Reg(x, y))
}

func choose[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}
