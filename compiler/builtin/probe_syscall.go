package builtin

import (
	"cmp"
	"errors"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// The tracepoints of system calls, syscalls:sys_enter_openat and 700 more, are no
// tracepoints of their own: the kernel derives them from raw_syscalls:sys_enter and
// sys_exit, which fire for all calls. So do we, with a test of the number: a third of the
// cost, and one link for all of them, where each of perf's takes up to 75 ms to close.
//
//	before 7.0   a program at the raw tracepoint: the registers of the process, the number or the result
//	from 7.0     a program at perf's tracepoint of all calls, because the kernel preempts the others and loses events.
//	             Its record has the arguments of six words where that of one call has them
//
// A call of the other instruction set (int 0x80, 32 bits) fires the tracepoint of all
// calls only: its number means another call, so programs test for it.
// https://elixir.bootlin.com/linux/v6.12/source/kernel/trace/trace_syscalls.c
// (trace_get_syscall_nr)

// syscallPoint makes a point one of all system calls, and returns the name of their
// tracepoint.
func syscallPoint(x Expansion, point *object.Point, category, name string) (all string, served bool) {
	all, call := target.SplitSyscall(name)
	number, known := x.Target().SyscallNumber(call)
	if category != syscallCategory {
		return "", false
	}
	why := notByCall(x, point.Probe, name, known)
	for _, m := range []object.Mechanism{object.RawSyscall, object.Syscall} {
		if reason := cmp.Or(why, notThisWay(x, m)); reason != "" {
			point.Over = append(point.Over, object.PassedOver{Mechanism: m, Why: reason})
			continue
		}
		point.Mechanism = m
		point.At = object.SyscallPoint{Name: name, All: all, Number: number}
		return all, true
	}
	return "", false
}

// notByCall says why a system call's own tracepoint is taken.
func notByCall(x Expansion, probe, name string, known bool) string {
	switch refused := x.Refused(probe); {
	case !known:
		return "the number of the system call is not known"
	case refused != "":
		return refused
	case x.Mechanism() == "tracepoint":
		return asked(x)
	}
	_, err := x.Target().Tracepoint(syscallCategory, name)
	return unless(err == nil || servesWithoutFormat(x, err), "the format of the tracepoint cannot be read")
}

// notThisWay says why one of the tracepoints of all calls does not serve.
func notThisWay(x Expansion, m object.Mechanism) string {
	features := &x.Target().Features
	if x.Forced() == forcedRaw {
		return cmp.Or(m.Lacks(features), unless(m.Context() == object.CallWords, asked(x)))
	}
	if m.Context() == object.CallWords && x.Mechanism() == "kprobe" && m.Avoid(features) == "" {
		return "the context is to be the record of perf"
	}
	return m.Avoid(features)
}

func unless(holds bool, why string) string {
	if holds {
		return ""
	}
	return why
}

// servesWithoutFormat reports whether a format could not be read, and no argument is
// wanted that it describes.
func servesWithoutFormat(x Expansion, err error) bool {
	var unknown *target.UnknownTracepoint
	return !errors.As(err, &unknown) && !x.UsesArguments() && !x.Target().Features.PreemptedTracepoint
}

const syscallCategory = "syscalls"

func syscallSite(x Expansion, at At, point object.Point) *Site {
	call := point.At.(object.SyscallPoint)
	site := &Site{
		Scope:  Scope{Probe: at.Probe, Mechanism: point.Mechanism, Exit: call.All == target.SyscallExit},
		Type:   ebpf.RawTracepoint,
		Points: []object.Point{point},
	}
	if point.Mechanism.Context() == object.CallRecord {
		site.Type = ebpf.TracePoint
	}
	if x.UsesArguments() {
		site.Scope.Tracepoint, _ = x.Target().Tracepoint(syscallCategory, call.Name)
	}
	return site
}

// Byte offsets in the record of perf, of one system call as of all.
const (
	recordNumber    = 8
	recordArguments = 16
)

// syscallFields are those of a system call's tracepoint. At a raw tracepoint there is no
// record.
func syscallFields(c Checker, tracepoint *target.Tracepoint) []Argument {
	fields := recordFields(c, tracepoint)
	if c.Scope().Mechanism.Context() != object.CallWords {
		return fields
	}
	for i, field := range tracepoint.Fields() {
		if fields[i].Missing == "" {
			fields[i] = Argument{Name: field.Name, Type: field.Type, Load: func(l Lowering) *ir.Value {
				return l.IR().Extend(rawSyscallWord(l, field.Offset), field.Type.Size, field.Type.Signed)
			}}
		}
	}
	return fields
}

// rawSyscallWord is what perf's record has at an offset, from what the raw tracepoint
// has: the registers, and the number at the entry or the result at the exit.
func rawSyscallWord(l Lowering, offset int) *ir.Value {
	b, registers := l.IR(), l.Target().Registers()
	if offset == recordNumber {
		return SyscallNumber(l)
	}
	if l.Scope().Exit {
		return b.Load(ir.ContextSpace, b.Context(), 8, 8, false)
	}
	return processRegister(l, registers.SyscallArgs[(offset-recordArguments)/8], 8)
}

// processRegister reads the registers that the process entered the kernel with.
func processRegister(l Lowering, offset, size int) *ir.Value {
	b := l.IR()
	registers := b.Load(ir.ContextSpace, b.Context(), 0, 8, false)
	if l.Scope().Typed {
		return b.Load(ir.Kernel, registers, offset, size, false)
	}
	return b.ReadKernel(registers, offset, size, false)
}

// SyscallNumber is the number of the system call of a program at the tracepoint of all.
// At the exit, the register has 32 bits of the process's choice above it.
func SyscallNumber(l Lowering) *ir.Value {
	b, scope := l.IR(), l.Scope()
	if scope.Mechanism.Context() == object.CallWords && scope.Exit {
		return processRegister(l, l.Target().Registers().SyscallNumber, 4)
	}
	return b.Load(ir.ContextSpace, b.Context(), 8, 8, false)
}

// CompatCall is not zero in a system call of the other instruction set.
func CompatCall(l Lowering) *ir.Value {
	b, flag := l.IR(), l.Target().CompatCall()
	before := b.Because(ir.CompatCall)
	defer func() { b.Why = before }()
	task := lowerCurrentTask(l, nil)
	read := b.ReadKernel
	if l.Target().Features.TaskPointer {
		read = func(address *ir.Value, offset, size int, signed bool) *ir.Value {
			return b.Load(ir.Kernel, address, offset, size, signed)
		}
	}
	return b.Binary(ir.And, read(task, flag.Offset, flag.Size, false), b.Const(flag.Mask))
}
