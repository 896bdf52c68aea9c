package explain

import (
	"encoding/binary"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// The usual path is that of an event with made-up values: every pointer leads to readable
// memory that begins with a file name, and the second event finds the keys of the first.
// The goldens of the compiler count in the same way.
const (
	pointee     = 0xffff_8880_0000_1000
	pointeeSize = 64 << 10
	contextSize = 512
	cpusOfUsual = 4
)

// usualValues are what helpers return.
var usualValues = []struct {
	helper asm.BuiltinFunc
	value  uint64
}{
	{asm.FnKtimeGetNs, 1e9}, {asm.FnGetCurrentPidTgid, 42<<32 | 43}, {asm.FnGetCurrentUidGid, 1000<<32 | 1000},
	{asm.FnGetCurrentTask, pointee}, {asm.FnGetCurrentTaskBtf, pointee}, {asm.FnGetAttachCookie, 0},
	{asm.FnKtimeGetBootNs, 3000}, {asm.FnKtimeGetTaiNs, 5000}, {asm.FnJiffies64, 250}, {asm.FnGetPrandomU32, 4},
	{asm.FnGetNumaNodeId, 1}, {asm.FnGetCurrentCgroupId, 77}, {asm.FnCurrentTaskUnderCgroup, 1},
}

// usual is what the programs of an object run in to be counted.
type usual struct {
	*emu.Environment
	machine *target.Target
	memory  []byte
}

func newUsual(o *object.Object, machine *target.Target) *usual {
	u := &usual{machine: machine, memory: make([]byte, pointeeSize), Environment: &emu.Environment{
		Maps: map[string]*emu.Map{}, Values: map[asm.BuiltinFunc]uint64{},
		Comm: "bash", CPU: 1, Stack: []uint64{0x11, 0x22, 0x33},
	}}
	copy(u.memory, "/etc/hosts")
	u.Memory = map[uint64][]byte{pointee: u.memory}
	for _, v := range usualValues {
		u.Values[v.helper] = v.value
	}
	for name, spec := range o.Kernel {
		u.Maps[name] = emu.NewMap(spec, cpusOfUsual)
	}
	return u
}

// costs are those of the object's programs, the dispatchers last.
func costs(o *object.Object, machine *target.Target) []Cost {
	u, list := newUsual(o, machine), make([]Cost, len(o.All()))
	for i, program := range o.All() {
		list[i].Instructions, list[i].Stack = sizeOf(program.Instructions), stackOf(program.Instructions)
	}
	for range 2 {
		for i, program := range o.Programs {
			list[i].Executed, list[i].Helpers = u.run(program)
		}
	}
	return list
}

// run fires one event; the result is zero where the emulator cannot run the program.
func (u *usual) run(program *object.ProgramSpec) (executed, helpers int) {
	u.Values[asm.FnKtimeGetNs] += 1000
	u.Context = u.context(program)
	clear(u.Maps[object.DataMap].Values[""][0][object.DataStopped:][:8])
	result, err := emu.Run(program.Instructions, u.Environment)
	u.Records = nil
	if err != nil {
		return 0, 0
	}
	return result.Executed, result.Helpers
}

// context has pointers throughout, and the number of the system call where the program
// looks for one.
func (u *usual) context(program *object.ProgramSpec) []byte {
	context := make([]byte, 0, contextSize)
	for range contextSize / 8 {
		context = binary.LittleEndian.AppendUint64(context, pointee)
	}
	if len(program.Points) == 0 {
		return context
	}
	if at, isCall := program.Points[0].At.(object.SyscallPoint); isCall {
		number := uint64(at.Number)
		if at.All == target.SyscallEnter || program.Points[0].Mechanism.Context() == object.CallRecord {
			binary.LittleEndian.PutUint64(context[8:], number)
		}
		binary.LittleEndian.PutUint64(u.memory[u.machine.Registers().SyscallNumber:], number)
	}
	return context
}

// sizeOf counts instructions as the kernel does.
func sizeOf(code asm.Instructions) (size int) {
	for i := range code {
		size += int(code[i].Width())
	}
	return size
}

// stackOf finds how deep the code of the deepest function reaches below its frame
// pointer.
func stackOf(code asm.Instructions) int {
	lowest := 0
	for i := range code {
		at := &code[i]
		class := at.OpCode.Class()
		if class.IsStore() && at.Dst == asm.R10 || class.IsLoad() && at.Src == asm.R10 {
			lowest = min(lowest, int(at.Offset))
		}
		if isFrameAddress(code[:i], at) {
			lowest = min(lowest, int(at.Constant))
		}
	}
	return -lowest
}

// isFrameAddress reports whether an instruction adds to a copy of the frame pointer, made
// by the last of those before.
func isFrameAddress(before asm.Instructions, at *asm.Instruction) bool {
	if len(before) == 0 || at.OpCode.ALUOp() != asm.Add {
		return false
	}
	last := &before[len(before)-1]
	return last.OpCode == asm.Mov.Op(asm.RegSource) && last.Src == asm.R10 && last.Dst == at.Dst
}
