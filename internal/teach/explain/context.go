package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// programTypes are the kernel's names of the types that the compiler chooses from, which
// bpftool shows, too.
var programTypes = []struct {
	of   ebpf.ProgramType
	name string
}{
	{ebpf.Kprobe, "kprobe"}, {ebpf.Tracing, "tracing"}, {ebpf.RawTracepoint, "raw_tracepoint"},
	{ebpf.TracePoint, "tracepoint"}, {ebpf.PerfEvent, "perf_event"},
}

func programType(of ebpf.ProgramType) string {
	for _, t := range programTypes {
		if t.of == of {
			return t.name
		}
	}
	return strings.ToLower(of.String())
}

// contexts says of each mechanism when its programs run, with %s for the place, and what
// r1 points to then.
var contexts = []struct {
	mechanism   object.Mechanism
	when, holds string
}{
	{object.Run, "Ponytrace itself runs it %s.",
		"Nothing of interest: no event is behind it."},
	{object.Kprobe, "It runs each time the kernel function %s is entered: the kernel has put a " +
		"breakpoint or a call there.",
		"The registers of the CPU as they were on entry, struct pt_regs. The arguments of the " +
			"function are among them."},
	{object.Kretprobe, "It runs each time the kernel function %s returns: the kernel has put its " +
		"own address in place of the return address.",
		"The registers of the CPU as they are on return, struct pt_regs. What the function returned " +
			"is among them; its arguments are gone."},
	{object.KprobeMulti, "It runs each time one of the kernel functions is entered: %s.",
		"The registers of the CPU as they were on entry, struct pt_regs. The arguments of the " +
			"function are among them."},
	{object.KretprobeMulti, "It runs each time one of the kernel functions returns: %s.",
		"The registers of the CPU as they are on return, struct pt_regs. What the function returned " +
			"is among them; its arguments are gone."},
	{object.Uprobe, "It runs each time a process comes to %s: the kernel has put a breakpoint there, " +
		"into the memory of all processes that run the program.",
		"The registers of the CPU as the process left them, struct pt_regs. The arguments of the " +
			"function are among them."},
	{object.Uretprobe, "It runs each time %s returns: the kernel has put its own address in place of " +
		"the return address, on the stack of the process.",
		"The registers of the CPU as the process left them, struct pt_regs. What the function returned " +
			"is among them; its arguments are gone."},
	{object.UprobeMulti, "It runs each time a process comes to one of the places, by one link for all: %s.",
		"The registers of the CPU as the process left them, struct pt_regs. The arguments of the " +
			"function are among them."},
	{object.UretprobeMulti, "It runs each time one of the functions returns, by one link for all: %s.",
		"The registers of the CPU as the process left them, struct pt_regs. What the function returned " +
			"is among them; its arguments are gone."},
	{object.UprobeReturns, "It runs each time %s returns: the kernel has put a breakpoint on an " +
		"instruction that returns, since Go ends programs whose return addresses were replaced.",
		"The registers of the CPU as the process left them, struct pt_regs. What the function returned " +
			"is among them; its arguments are gone."},
	{object.UprobeReturnsMulti, "It runs each time one of the functions returns, by one link for all " +
		"the instructions that return: %s.",
		"The registers of the CPU as the process left them, struct pt_regs. What the function returned " +
			"is among them; its arguments are gone."},
	{object.Fentry, "It runs each time the kernel function %s is entered: the function's first " +
		"bytes call it directly.",
		"A word of 8 bytes for each argument of the function. The verifier knows their types, from " +
			"the kernel's own description (BTF)."},
	{object.Fexit, "It runs each time the kernel function %s returns: the function is called " +
		"through a small piece of code that calls the program afterwards.",
		"A word of 8 bytes for each argument of the function, then one for what it returned. The " +
			"verifier knows their types, from the kernel's own description (BTF)."},
	{object.RawTracepoint, "It runs each time the kernel comes by the tracepoint %s, a place that " +
		"its authors have marked.",
		"A word of 8 bytes for each argument of the tracepoint, as the kernel's code hands them over."},
	{object.TypedTracepoint, "It runs each time the kernel comes by the tracepoint %s, a place " +
		"that its authors have marked.",
		"A word of 8 bytes for each argument of the tracepoint. The verifier knows their types, from " +
			"the kernel's own description (BTF)."},
	{object.Tracepoint, "It runs each time the kernel comes by the tracepoint %s, a place that its " +
		"authors have marked.",
		"The record that the kernel makes of the event for perf: the fields lie where the " +
			"tracepoint's format says (its file in tracefs)."},
	{object.RawSyscall, "It runs at every system call, at the one tracepoint of them all, and " +
		"looks for %s.",
		"Two words of 8 bytes: on entry the address of the process's registers, which hold the " +
			"arguments, and the number of the call; on exit these registers and the result."},
	{object.Syscall, "It runs at every system call, at the one tracepoint of them all, and looks " +
		"for %s.",
		"The record that the kernel makes for perf: the number of the call, then its arguments or its " +
			"result."},
	{object.PerfEvent, "It runs each time so many events have been counted: %s.",
		"The registers of the CPU as they were at the last of the events, in struct " +
			"bpf_perf_event_data."},
	{object.Watchpoint, "It runs each time the CPU finds an access to memory: %s.",
		"The registers of the CPU after the access, in struct bpf_perf_event_data."},
	{object.Profile, "It runs on every CPU each time a clock ticks: %s.",
		"The registers of the CPU as they were when the clock interrupted it, in struct " +
			"bpf_perf_event_data."},
	{object.Iter, "It runs for each object that the kernel has of the kind %s, when ponytrace " +
		"asks for them, and once more with none.",
		"A word of 8 bytes for each thing that the iterator tells of the object. The verifier knows " +
			"their types, from the kernel's own description (BTF)."},
}

func contextOf(program *object.ProgramSpec) Context {
	c := Context{Type: programType(program.Type)}
	if len(program.Points) == 0 {
		return c
	}
	mechanism := program.Points[0].Mechanism
	c.Mechanism = mechanism.String()
	for _, known := range contexts {
		if known.mechanism == mechanism {
			c.When, c.Holds = fmt.Sprintf(known.when, placesOf(program)), known.holds
		}
	}
	if program.Dispatched {
		c.When = "It is called by the program at the tracepoint of all system calls, " +
			"for " + placesOf(program) + "."
	}
	return c
}

// placesOf names what a program is attached to, in words.
func placesOf(program *object.ProgramSpec) string {
	var names []string
	for i := range program.Points {
		names = append(names, placeOf(&program.Points[i])...)
	}
	const most = 4
	if n := len(names); n > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most-1], ", "), n-most+1)
	}
	return strings.Join(names, ", ")
}

func placeOf(point *object.Point) []string {
	switch at := point.At.(type) {
	case object.FunctionPoint:
		return at.Functions
	case object.UserPoint:
		return point.Names()
	case object.TracepointPoint:
		return []string{strings.TrimPrefix(at.Category+":"+at.Name, ":")}
	case object.SyscallPoint:
		return []string{at.Name}
	case object.ClockPoint:
		return []string{"every " + at.Period.String()}
	case object.PerfPoint:
		return []string{fmt.Sprintf("%s, %d", at.Name, at.Period)}
	case object.WatchPoint:
		return []string{fmt.Sprintf("%d bytes at %s", at.Length, watchedPlace(at))}
	case object.IterPoint:
		return []string{at.Name}
	case object.RunPoint:
		return []string{momentOf(at)}
	}
	return []string{point.Probe}
}

func watchedPlace(at object.WatchPoint) string {
	switch {
	case at.File != "":
		return fmt.Sprintf("%#x of %s", at.Address, at.File)
	case at.Symbol == "":
		return fmt.Sprintf("%#x", at.Address)
	case at.Address == 0:
		return at.Symbol
	}
	return fmt.Sprintf("%s+%d", at.Symbol, at.Address)
}

func momentOf(at object.RunPoint) string {
	switch at.When {
	case object.AtBegin:
		return "once, before everything else"
	case object.AtEnd:
		return "once, at the end"
	case object.AtSignal:
		return "when ponytrace gets " + at.Name
	case object.AtBench:
		return "many times, to measure it"
	}
	return "every " + at.Period.String()
}

// words tells what lies at an offset of a program's context.
type words struct {
	machine *target.Target
	program *object.ProgramSpec
}

// at describes the bytes at an offset; "" where nothing is known of them.
func (w words) at(offset int) string {
	if len(w.program.Points) == 0 {
		return ""
	}
	switch w.program.Points[0].Mechanism.Context() {
	case object.FunctionRegs, object.ClockRegs, object.UserRegs:
		return w.register(offset)
	case object.FunctionWords:
		return w.argument(offset)
	case object.EventWords:
		return w.eventWord(offset)
	case object.ObjectWords:
		return w.objectWord(offset)
	case object.Record:
		return w.field(offset)
	case object.CallWords, object.CallRecord:
		return w.call(offset)
	}
	return ""
}

func (w words) function() *target.Function {
	if names := w.program.Points[0].Functions(); len(names) == 1 {
		if f, known := w.machine.Function(names[0]); known {
			return f
		}
	}
	return &target.Function{}
}

func (w words) register(offset int) string {
	registers := w.machine.Registers()
	name := ""
	for candidate, at := range registers.Named {
		if at == offset {
			name = candidate
		}
	}
	if name == "" {
		return ""
	}
	const whole = "ax bx cx dx si di bp sp ip" // of 64 bits by an r before
	if w.machine.Arch == "x86_64" && len(name) == 2 && strings.Contains(whole, name) {
		name = "r" + name
	}
	place := name + " of pt_regs"
	point := w.program.Points[0]
	switch i := slices.Index(registers.Args, offset); {
	case point.Mechanism.Fires() == object.AtReturn && offset == registers.Return:
		return "what the function returned: " + place
	case point.Mechanism.Fires() == object.AtEntry && i >= 0:
		name := w.parameter(func(p target.Param) bool { return p.Register == i })
		return ordinal(i) + " argument" + name + ": " + place
	case offset == registers.InstructionPointer:
		return "address of the instruction: " + place
	case offset == registers.StackPointer:
		return "address of the stack: " + place
	}
	return "register " + place
}

// parameter is the name of a parameter of the traced function, after a comma.
func (w words) parameter(is func(target.Param) bool) string {
	for _, p := range w.function().Params {
		if is(p) && p.Name != "" {
			return ", " + p.Name
		}
	}
	return ""
}

func (w words) argument(offset int) string {
	slot := offset / 8
	if f := w.function(); w.program.Points[0].Mechanism.Fires() == object.AtReturn && slot == f.Slots {
		return "what the function returned: the word after the arguments"
	}
	name := w.parameter(func(p target.Param) bool { return p.Slot == slot })
	return fmt.Sprintf("%s argument%s: word %d of the context", ordinal(slot), name, slot)
}

func (w words) eventWord(offset int) string {
	at, _ := w.program.Points[0].At.(object.TracepointPoint)
	params, _ := w.machine.RawTracepoint(at.Name)
	text := ordinal(offset/8) + " argument of the tracepoint"
	for _, p := range params {
		if p.Slot == offset/8 && p.Name != "" {
			return text + ", " + p.Name
		}
	}
	return text
}

func (w words) objectWord(offset int) string {
	at, _ := w.program.Points[0].At.(object.IterPoint)
	params, _ := w.machine.Iterator(at.Name)
	for _, p := range params {
		if p.Slot == offset/8 {
			return "ctx." + p.Name + fmt.Sprintf(" of the iterator: word %d of the context", p.Slot)
		}
	}
	return ""
}

func (w words) field(offset int) string {
	at, _ := w.program.Points[0].At.(object.TracepointPoint)
	if point, err := w.machine.Tracepoint(at.Category, at.Name); err == nil {
		for _, f := range point.Fields() {
			if f.Offset == offset {
				return fmt.Sprintf("field %s of the record, at byte %d", f.Name, offset)
			}
		}
	}
	return fmt.Sprintf("byte %d of the record", offset)
}

func (w words) call(offset int) string {
	at, _ := w.program.Points[0].At.(object.SyscallPoint)
	entry := at.All == target.SyscallEnter
	record := w.program.Points[0].Mechanism.Context() == object.CallRecord
	switch {
	case record && offset == 8 || !record && entry && offset == 8:
		return "the number of the system call"
	case !record && offset == 0:
		return "address of the process's registers"
	case !entry && (record && offset == 16 || !record && offset == 8):
		return "what the system call returned"
	case record && entry && offset >= 16:
		return ordinal((offset-16)/8) + " argument of the system call"
	}
	return ""
}

// ordinal counts from 0: "first".
func ordinal(i int) string {
	names := [...]string{"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"}
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%dth", i+1)
}
