package emu

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

func run(t *testing.T, environment *Environment, code ...asm.Instruction) (Result, error) {
	t.Helper()
	return Run(code, environment)
}

func kfunc(name string) asm.Instruction {
	call := asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall}
	return call.WithReference(name)
}

func TestRefuses(t *testing.T) {
	tests := map[string]struct {
		code []asm.Instruction
		want string
	}{
		"unwritten register": {[]asm.Instruction{asm.Mov.Reg(asm.R0, asm.R3), asm.Return()}, "r3 is read before"},
		"register after a call": {[]asm.Instruction{
			asm.FnGetSmpProcessorId.Call(), asm.Mov.Reg(asm.R0, asm.R1), asm.Return()}, "r1 is read before"},
		"unwritten stack": {[]asm.Instruction{
			asm.LoadMem(asm.R0, asm.R10, -8, asm.DWord), asm.Return()}, "read before they are written"},
		"below the stack": {[]asm.Instruction{asm.StoreImm(asm.R10, -516, 1, asm.Word)}, "in no object"},
		"above the stack": {[]asm.Instruction{asm.StoreImm(asm.R10, 0, 1, asm.Word)}, "in no object"},
		"endless":         {[]asm.Instruction{asm.Ja.Label("x").WithSymbol("x")}, "more than"},
		"no exit":         {[]asm.Instruction{asm.Mov.Imm(asm.R0, 1)}, "runs off"},
		"signed division": {[]asm.Instruction{asm.Mov.Imm(asm.R0, 1), asm.SDiv.Imm(asm.R0, 1)}, "Linux 5.12"},
		"preemption off":  {[]asm.Instruction{kfunc("bpf_preempt_disable"), asm.Mov.Imm(asm.R0, 0), asm.Return()}, "still off"},
		"preemption on":   {[]asm.Instruction{kfunc("bpf_preempt_enable"), asm.Mov.Imm(asm.R0, 0), asm.Return()}, "on already"},
		"unknown kfunc":   {[]asm.Instruction{kfunc("bpf_strange")}, "no function bpf_strange"},
		"lost record": {[]asm.Instruction{
			asm.LoadMapPtr(asm.R1, 0).WithReference("events"), asm.Mov.Imm(asm.R2, 8), asm.Mov.Imm(asm.R3, 0),
			asm.FnRingbufReserve.Call(), asm.Return()}, "neither submitted"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			environment := &Environment{Maps: map[string]*Map{"events": NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf}, 1)}}
			_, err := run(t, environment, test.code...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestRecordsOfARun: a loop that sends records ends before they fill the memory, and one
// that gives their room back does not.
func TestRecordsOfARun(t *testing.T) {
	tests := map[string]struct {
		last asm.BuiltinFunc
		want string
	}{
		"submitted": {asm.FnRingbufSubmit, "more than 64 MiB of records in one run"},
		"discarded": {asm.FnRingbufDiscard, "more than 2000 instructions"},
	}
	for name, test := range tests {
		environment := &Environment{
			Maps: map[string]*Map{"events": NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf}, 1)}, Steps: 2000,
		}
		_, err := run(t, environment,
			asm.LoadMapPtr(asm.R1, 0).WithReference("events").WithSymbol("again"),
			asm.Mov.Imm(asm.R2, 1<<20), asm.Mov.Imm(asm.R3, 0), asm.FnRingbufReserve.Call(),
			asm.Mov.Reg(asm.R1, asm.R0), asm.Mov.Imm(asm.R2, 0), asm.Mov.Imm(asm.R0, 0), test.last.Call(),
			asm.Ja.Label("again"))
		if err == nil || !strings.HasSuffix(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// TestHash counts a key twice: the second time through the address that the lookup gives.
func TestHash(t *testing.T) {
	hash := NewMap(&ebpf.MapSpec{Type: ebpf.PerCPUHash, KeySize: 8, ValueSize: 8, MaxEntries: 1}, 4)
	code := asm.Instructions{
		asm.Mov.Imm(asm.R1, 7),
		asm.StoreMem(asm.R10, -8, asm.R1, asm.DWord),
		asm.LoadMapPtr(asm.R1, 0).WithReference("hash"),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, -8),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "miss"),
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
		asm.StoreImm(asm.R10, -16, 1, asm.Word).WithSymbol("miss"),
		asm.StoreImm(asm.R10, -12, 0, asm.Word),
		asm.LoadMapPtr(asm.R1, 0).WithReference("hash"),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, -8),
		asm.Mov.Reg(asm.R3, asm.R10),
		asm.Add.Imm(asm.R3, -16),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
		asm.Return(),
	}
	environment := &Environment{Maps: map[string]*Map{"hash": hash}, CPU: 2}
	for i, want := range []Result{{Executed: 17, Helpers: 2}, {Executed: 11, Helpers: 1}} {
		got, err := Run(code, environment)
		if err != nil || got != want {
			t.Fatalf("run %d: %+v, %v, want %+v", i, got, err, want)
		}
	}
	key := binary.LittleEndian.AppendUint64(nil, 7)
	if values := hash.Values[string(key)]; values[2][0] != 2 || values[1][0] != 0 {
		t.Errorf("values %v", values)
	}
}

func TestStrings(t *testing.T) {
	environment := &Environment{
		Memory: map[uint64][]byte{0xffff_8880_0000_0000: []byte("vfs_read\x00junk")},
		Maps:   map[string]*Map{"events": NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf}, 1)},
	}
	code := asm.Instructions{
		asm.LoadMapPtr(asm.R1, 0).WithReference("events"),
		asm.Mov.Imm(asm.R2, 16),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(),
		asm.Mov.Reg(asm.R6, asm.R0),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Imm(asm.R2, 16),
		asm.LoadImm(asm.R3, -0x7780_0000_0000, asm.DWord),
		asm.FnProbeReadKernelStr.Call(),
		asm.Mov.Reg(asm.R7, asm.R0),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRingbufSubmit.Call(),
		asm.Mov.Reg(asm.R0, asm.R7),
		asm.Return(),
	}
	got, err := Run(code, environment)
	if err != nil || got.Return != 9 || got.Helpers != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if want := append([]byte("vfs_read"), make([]byte, 8)...); !bytes.Equal(environment.Records[0], want) {
		t.Errorf("record %q", environment.Records[0])
	}
}
