package compiler

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// addDispatchers adds the programs that find those of a system call. A program whose
// calls another one of the same tracepoint traces, too, is a second dispatcher's: a
// program that was called does not return.
func addDispatchers(out *object.Object, machine *target.Target) {
	for _, program := range out.Programs {
		if program.Dispatched {
			d := dispatcherFor(out, program, machine)
			for _, point := range program.Points {
				number := point.At.(object.SyscallPoint).Number
				d.Programs[number] = program.Name
				m := out.Kernel[d.Calls]
				m.MaxEntries = max(m.MaxEntries, uint32(number)+1)
			}
		}
	}
}

// dispatcherFor is the first whose calls the program does not trace, or a new one.
func dispatcherFor(out *object.Object, program *object.ProgramSpec, machine *target.Target) *object.Dispatcher {
	all := tracepointOf(program)
	for _, d := range out.Dispatchers {
		if tracepointOf(&d.ProgramSpec) == all && !overlap(d, program) {
			return d
		}
	}
	number := len(out.Dispatchers)
	d := &object.Dispatcher{
		ProgramSpec: object.ProgramSpec{
			Name: fmt.Sprintf("d%d_%s", number, all), Type: program.Type, Attach: program.Attach, AttachTo: program.AttachTo,
			Points: []object.Point{program.Points[0]}, Clause: program.Clause,
		},
		Calls:    fmt.Sprintf("%s%d", object.CallsMap, number),
		Programs: map[int]string{},
	}
	d.Instructions = dispatch(d, machine)
	out.Kernel[d.Calls] = &ebpf.MapSpec{Name: d.Calls, Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4}
	out.Dispatchers = append(out.Dispatchers, d)
	return d
}

// tracepointOf is the tracepoint of all system calls that a program is at.
func tracepointOf(program *object.ProgramSpec) string {
	return program.Points[0].At.(object.SyscallPoint).All
}

func overlap(d *object.Dispatcher, program *object.ProgramSpec) bool {
	for _, point := range program.Points {
		if _, taken := d.Programs[point.At.(object.SyscallPoint).Number]; taken {
			return true
		}
	}
	return false
}

// dispatch loads the number into r3 and calls the program that the array has for it; the
// kernel compares the lower 32 bits with the array's length.
func dispatch(d *object.Dispatcher, machine *target.Target) asm.Instructions {
	number := asm.Instructions{asm.LoadMem(asm.R3, asm.R1, 8, asm.DWord)}
	offset := machine.Registers().SyscallNumber
	switch {
	case d.Points[0].Mechanism.Context() != object.CallWords || tracepointOf(&d.ProgramSpec) == target.SyscallEnter:
	case d.Type == ebpf.Tracing:
		number = asm.Instructions{
			asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord),
			asm.LoadMem(asm.R3, asm.R2, int16(offset), asm.Word),
		}
	default:
		number = asm.Instructions{
			asm.Mov.Reg(asm.R6, asm.R1),
			asm.LoadMem(asm.R3, asm.R1, 0, asm.DWord),
			asm.Add.Imm(asm.R3, int32(offset)),
			asm.Mov.Reg(asm.R1, asm.RFP),
			asm.Add.Imm(asm.R1, -8),
			asm.Mov.Imm(asm.R2, 4),
			asm.FnProbeReadKernel.Call(),
			asm.JNE.Imm(asm.R0, 0, "end"),
			asm.LoadMem(asm.R3, asm.RFP, -8, asm.Word),
			asm.Mov.Reg(asm.R1, asm.R6),
		}
	}
	return append(number,
		asm.LoadMapPtr(asm.R2, 0).WithReference(d.Calls),
		asm.FnTailCall.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("end"),
		asm.Return(),
	)
}
