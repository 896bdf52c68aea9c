package emu

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// TestTask calls what tells of the task or does something to it.
func TestTask(t *testing.T) {
	environment := &Environment{
		Stack:    []uint64{11, 22, 33, 44},
		Returned: 1<<64 - 42,
		Process:  &Process{PID: 5, TGID: 6},
		Paths:    map[uint64]string{7: "/etc/hosts"},
		Values:   map[asm.BuiltinFunc]uint64{asm.FnGetAttachCookie: 9},
	}
	frame := func(to asm.Register, offset int32) asm.Instructions {
		return asm.Instructions{asm.Mov.Reg(to, asm.R10), asm.Add.Imm(to, offset)}
	}
	tests := []struct {
		helper asm.BuiltinFunc
		code   asm.Instructions
		want   uint64
		memory []byte // at -16 of the stack
	}{
		{asm.FnGetStack, slices.Concat(frame(asm.R2, -16), asm.Instructions{asm.Mov.Imm(asm.R3, 16), asm.Mov.Imm(asm.R4, 1)}),
			16, []byte{22, 0, 0, 0, 0, 0, 0, 0, 33}},
		{asm.FnGetStack, slices.Concat(frame(asm.R2, -16), asm.Instructions{asm.Mov.Imm(asm.R3, 16), asm.Mov.Imm(asm.R4, 3)}),
			8, []byte{44, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{asm.FnGetNsCurrentPidTgid, slices.Concat(asm.Instructions{asm.Mov.Imm(asm.R1, 1), asm.Mov.Imm(asm.R2, 2), asm.Mov.Imm(asm.R4, 8)},
			frame(asm.R3, -16)), 0, []byte{5, 0, 0, 0, 6, 0, 0, 0, 0xff}},
		{asm.FnDPath, slices.Concat(asm.Instructions{asm.Mov.Imm(asm.R1, 7), asm.Mov.Imm(asm.R3, 16)}, frame(asm.R2, -16)),
			11, []byte("/etc/hosts\x00")},
		{asm.FnDPath, slices.Concat(asm.Instructions{asm.Mov.Imm(asm.R1, 7), asm.Mov.Imm(asm.R3, 10)}, frame(asm.R2, -16)),
			^uint64(35), nil},
		{asm.FnSendSignal, asm.Instructions{asm.Mov.Imm(asm.R1, 10)}, 0, nil},
		{asm.FnSendSignal, asm.Instructions{asm.Mov.Imm(asm.R1, 65)}, ^uint64(21), nil},
		{asm.FnGetFuncRet, frame(asm.R2, -16), 0, []byte{0xd6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{asm.FnOverrideReturn, asm.Instructions{asm.Mov.Imm(asm.R2, -1)}, 0, nil},
		{asm.FnGetAttachCookie, nil, 9, nil},
	}
	for _, test := range tests {
		environment.Maps = map[string]*Map{"out": NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 16, MaxEntries: 1}, 1)}
		code := slices.Concat(
			asm.Instructions{asm.Mov.Imm(asm.R0, -1), asm.StoreMem(asm.R10, -8, asm.R0, asm.DWord), asm.StoreMem(asm.R10, -16, asm.R0, asm.DWord)},
			test.code,
			asm.Instructions{
				test.helper.Call(),
				asm.LoadMapValue(asm.R1, 0, 0).WithReference("out"),
				asm.LoadMem(asm.R2, asm.R10, -16, asm.DWord), asm.StoreMem(asm.R1, 0, asm.R2, asm.DWord),
				asm.LoadMem(asm.R2, asm.R10, -8, asm.DWord), asm.StoreMem(asm.R1, 8, asm.R2, asm.DWord),
				asm.Return(),
			})
		got, err := Run(code, environment)
		memory := environment.Maps["out"].Values[""][0]
		if err != nil || got.Return != test.want || string(memory[:len(test.memory)]) != string(test.memory) {
			t.Errorf("%v: %#x, memory %x, %v", test.helper, got.Return, memory, err)
		}
	}
	if !slices.Equal(environment.Signals, []uint32{10}) || !slices.Equal(environment.Overrides, []uint64{1<<64 - 1}) {
		t.Errorf("signals %v, overrides %v", environment.Signals, environment.Overrides)
	}
	_, err := Run(asm.Instructions{asm.Mov.Imm(asm.R1, 1), asm.FnGetAttachCookie.Call(), asm.Return()}, environment)
	if err == nil || !strings.Contains(err.Error(), "wants the context") {
		t.Errorf("a cookie without context: %v", err)
	}
}

func TestCompareStrings(t *testing.T) {
	for _, test := range []struct {
		first, second string
		want          int64
	}{{"abc\x00", "abc\x00", 0}, {"abd\x00", "abc\x00", 1}, {"ab\x00\xff", "abc\x00", -'c'}, {"abc", "abcd", 0}} {
		environment := &Environment{Maps: map[string]*Map{}}
		for name, text := range map[string]string{"first": test.first, "second": test.second} {
			environment.Maps[name] = NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: uint32(len(text)), MaxEntries: 1}, 1)
			copy(environment.Maps[name].Values[""][0], text)
		}
		got, err := Run(asm.Instructions{
			asm.LoadMapValue(asm.R1, 0, 0).WithReference("first"),
			asm.Mov.Imm(asm.R2, int32(len(test.first))),
			asm.LoadMapValue(asm.R3, 0, 0).WithReference("second"),
			asm.FnStrncmp.Call(),
			asm.Return(),
		}, environment)
		if err != nil || int64(got.Return) != test.want {
			t.Errorf("%q, %q: %d, %v", test.first, test.second, int64(got.Return), err)
		}
	}
}

// TestOtherCPU reads what another CPU counted.
func TestOtherCPU(t *testing.T) {
	counts := NewMap(&ebpf.MapSpec{Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 1}, 2)
	binary.LittleEndian.PutUint64(counts.Values[""][1], 77)
	for cpu, want := range []uint64{0, 77, 1} {
		got, err := Run(asm.Instructions{
			asm.Mov.Imm(asm.R1, 0),
			asm.StoreMem(asm.R10, -8, asm.R1, asm.Word),
			asm.LoadMapPtr(asm.R1, 0).WithReference("counts"),
			asm.Mov.Reg(asm.R2, asm.R10),
			asm.Add.Imm(asm.R2, -8),
			asm.Mov.Imm(asm.R3, int32(cpu)),
			asm.FnMapLookupPercpuElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "none"),
			asm.LoadMem(asm.R0, asm.R0, 0, asm.DWord),
			asm.Return(),
			asm.Mov.Imm(asm.R0, 1).WithSymbol("none"),
			asm.Return(),
		}, &Environment{Maps: map[string]*Map{"counts": counts}})
		if err != nil || got.Return != want {
			t.Errorf("CPU %d: %d, %v", cpu, got.Return, err)
		}
	}
}
