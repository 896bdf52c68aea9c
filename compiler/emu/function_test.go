package emu

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

func functionAddress(to asm.Register, name string) asm.Instruction {
	return asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: to, Src: asm.PseudoFunc, Constant: -1}.WithReference(name)
}

// TestLoop adds up the rounds of a loop that ends itself, in memory of the caller.
func TestLoop(t *testing.T) {
	code := asm.Instructions{
		asm.Mov.Imm(asm.R6, 0),
		asm.StoreMem(asm.R10, -8, asm.R6, asm.DWord),
		asm.Mov.Imm(asm.R1, 100),
		functionAddress(asm.R2, "round"),
		asm.Mov.Reg(asm.R3, asm.R10),
		asm.Add.Imm(asm.R3, -8),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnLoop.Call(),
		asm.LoadMem(asm.R1, asm.R10, -8, asm.DWord),
		asm.LSh.Imm(asm.R0, 8),
		asm.Or.Reg(asm.R0, asm.R1),
		asm.Return(),
		asm.LoadMem(asm.R6, asm.R2, 0, asm.DWord).WithSymbol("round"),
		asm.Add.Reg(asm.R6, asm.R1),
		asm.StoreMem(asm.R2, 0, asm.R6, asm.DWord),
		asm.Mov.Imm(asm.R0, 0),
		asm.JLT.Imm(asm.R1, 4, "done"),
		asm.Mov.Imm(asm.R0, 1),
		asm.Return().WithSymbol("done"),
	}
	got, err := Run(code, &Environment{})
	if err != nil || got.Return != 5<<8|(1+2+3+4) || got.Helpers != 1 || got.Executed != 12+5*6+1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestForEach adds up keys and values.
func TestForEach(t *testing.T) {
	hash := NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 4}, 1)
	for key := range uint64(3) {
		number := binary.LittleEndian.AppendUint64(nil, key+1)
		if err := hash.update(number, number, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	code := asm.Instructions{
		asm.Mov.Imm(asm.R6, 0),
		asm.StoreMem(asm.R10, -8, asm.R6, asm.DWord),
		asm.LoadMapPtr(asm.R1, 0).WithReference("hash"),
		functionAddress(asm.R2, "each"),
		asm.Mov.Reg(asm.R3, asm.R10),
		asm.Add.Imm(asm.R3, -8),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnForEachMapElem.Call(),
		asm.LoadMem(asm.R1, asm.R10, -8, asm.DWord),
		asm.LSh.Imm(asm.R0, 8),
		asm.Or.Reg(asm.R0, asm.R1),
		asm.Return(),
		asm.LoadMem(asm.R1, asm.R2, 0, asm.DWord).WithSymbol("each"),
		asm.LoadMem(asm.R2, asm.R3, 0, asm.DWord),
		asm.Mul.Reg(asm.R1, asm.R2),
		asm.LoadMem(asm.R2, asm.R4, 0, asm.DWord),
		asm.Add.Reg(asm.R1, asm.R2),
		asm.StoreMem(asm.R4, 0, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}
	got, err := Run(code, &Environment{Maps: map[string]*Map{"hash": hash}})
	if err != nil || got.Return != 3<<8|1+4+9 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRefusesFunctions(t *testing.T) {
	tests := map[string]struct {
		code []asm.Instruction
		want string
	}{
		"recursion": {[]asm.Instruction{asm.Call.Label("f").WithSymbol("f"), asm.Return()}, "more than 8 functions at once"},
		"a register of the caller": {[]asm.Instruction{
			asm.Mov.Imm(asm.R6, 1), asm.Call.Label("f"), asm.Return(), asm.Mov.Reg(asm.R0, asm.R6).WithSymbol("f"), asm.Return()},
			"r6 is read before"},
		"the stack of an earlier call": {[]asm.Instruction{
			asm.Call.Label("f"), asm.Call.Label("g"), asm.Return(),
			asm.Mov.Imm(asm.R0, 1).WithSymbol("f"), asm.StoreMem(asm.R10, -8, asm.R0, asm.DWord), asm.Return(),
			asm.LoadMem(asm.R0, asm.R10, -8, asm.DWord).WithSymbol("g"), asm.Return()},
			"stack bytes are read before"},
		"a callback's result": {[]asm.Instruction{
			asm.Mov.Imm(asm.R1, 1), functionAddress(asm.R2, "f"), asm.Mov.Imm(asm.R3, 0), asm.Mov.Imm(asm.R4, 0),
			asm.FnLoop.Call(), asm.Return(), asm.Mov.Imm(asm.R0, 2).WithSymbol("f"), asm.Return()},
			"a callback returns 2"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, &Environment{}, test.code...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
