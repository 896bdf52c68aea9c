package object

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Point is one attach point.
type Point struct {
	Probe     string // as shown: "kprobe:vfs_read"
	Mechanism Mechanism
	// At is what the mechanism attaches to. Each kind of mechanism has a type of its own.
	At Place
	// Over are the mechanisms that would cost less, the cheapest first.
	Over []PassedOver
	// Only: no other mechanism may serve, because the probe type names this one.
	Only     bool
	Optional bool // where the function cannot be traced, the others still are
	// Index into Object.ProbeNames; given to the program as its attach cookie where At
	// has several functions. Of several functions it is that of the first, and of places
	// in programs each has its own.
	ProbeName int
}

// Place is what a program is attached to.
type Place interface {
	// Events name what fires there, one for each function, whichever mechanism brings it.
	// What the runtime runs by itself has none: it is run in the order of the script.
	Events() []string
}

// FunctionPoint is kernel functions, or one of a BPF program: one, or many where the
// mechanism takes them.
type FunctionPoint struct {
	Functions []string
	// Modules are those of the functions, where probes show them; empty where they do not.
	Modules []string
	Offset  uint64 // bytes into the function
	Program uint32 // the number of the BPF program that has them; 0 for the kernel's
}

// UserPoint is places in one program or library.
type UserPoint struct {
	Path   string // what is opened; may lead through /proc/PID/root
	File   string // tells the file from others, whatever path leads to it
	Pid    int    // the process alone, with its threads; 0 for all
	Places []UserPlace
}

// UserPlace is where in a program something fires.
type UserPlace struct {
	Name      string // as the probe shows it, behind its type: "/bin/bash:readline"
	Offset    uint64 // in the file
	Semaphore uint64 // where in the file the counter of a USDT place is; 0 for none
	// Moved says why it is not quite where it was asked for, as in "4 bytes on, because".
	Moved string
	// ProbeName is the index into Object.ProbeNames, which the program gets as the attach
	// cookie of the place. Places of one name share it.
	ProbeName int
}

// TracepointPoint is a tracepoint. A raw one is attached by its Name only.
type TracepointPoint struct{ Category, Name string }

// SyscallPoint is the entry or exit of one system call, at the tracepoint of all of them.
type SyscallPoint struct {
	Name   string // of the call's own tracepoint: "sys_enter_openat"
	All    string // the tracepoint: "sys_enter"
	Number int    // of the call
}

// ClockPoint is a clock on every CPU.
type ClockPoint struct{ Period time.Duration }

// PerfPoint is a counter of the kernel or the CPU: the program runs when it has counted
// Period more. It is one for each thread of the processes, or without them one on every
// CPU for whatever runs there.
type PerfPoint struct {
	Name      string // of what is counted: "page-faults"
	Type      uint32 // of struct perf_event_attr
	Config    uint64
	Period    uint64
	Processes []int
}

// WatchPoint is memory: the program runs at each access. It is on every CPU, or of the
// threads of processes.
type WatchPoint struct {
	Symbol  string // of the kernel, from whose address Address counts; "" for none
	Address uint64
	// File is that of a program or library which may be anywhere in memory: Address and
	// Start, that of the file's first byte, are as the linker has them. "" for others.
	File   string
	Start  uint64
	Length int
	Mode   Access
	// Processes are those in which memory is watched, Command whether it is the command's.
	Processes []int
	Command   bool
	// Starter is the thread that will start the command, which the runtime knows.
	Starter int
}

// Access is what is done to memory, in the kernel's bits (HW_BREAKPOINT_*).
type Access uint32

const (
	Reads    Access = 1
	Writes   Access = 2
	Executes Access = 4
)

// IterPoint is an iterator: the kernel's way through all objects of a kind.
type IterPoint struct {
	Name string // of the kind: "task_file"
	// Pid is the process whose objects alone are wanted, where the kernel can leave out the
	// others; 0 for all.
	Pid int
}

// RunPoint is a moment at which the runtime runs the program.
type RunPoint struct {
	When   When
	Period time.Duration // AtInterval
	Signal int           // AtSignal
	Name   string        // of the signal, or of what is measured
}

// When tells at which moments the runtime runs a program.
type When uint8

const (
	AtBegin When = iota
	AtEnd
	AtInterval
	AtSignal
	AtBench // many times, to measure it
)

func (p FunctionPoint) Events() []string {
	list := make([]string, len(p.Functions))
	for i, function := range p.Functions {
		list[i] = function + "+" + strconv.FormatUint(p.Offset, 10)
		if p.Program > 0 {
			list[i] = fmt.Sprintf("%s of program %d", function, p.Program)
		}
	}
	return list
}

func (p UserPoint) Events() []string {
	list := make([]string, len(p.Places))
	for i, place := range p.Places {
		list[i] = fmt.Sprintf("%s+%#x of %d", p.File, place.Offset, p.Pid)
	}
	return list
}

func (p TracepointPoint) Events() []string { return []string{p.Category + ":" + p.Name} }
func (p SyscallPoint) Events() []string    { return []string{"syscalls:" + p.Name} }
func (p ClockPoint) Events() []string      { return []string{p.Period.String()} }
func (p PerfPoint) Events() []string {
	return []string{fmt.Sprintf("%d:%#x:%d", p.Type, p.Config, p.Period)}
}
func (p WatchPoint) Events() []string {
	return []string{fmt.Sprintf("%s%s+%#x:%d:%d", p.File, p.Symbol, p.Address, p.Length, p.Mode)}
}
func (p IterPoint) Events() []string { return []string{p.Name} }
func (p RunPoint) Events() []string  { return nil }

// Functions are the kernel functions that a point is attached to; none for those of other
// kinds.
func (p *Point) Functions() []string {
	at, _ := p.At.(FunctionPoint)
	if at.Program > 0 {
		return nil
	}
	return at.Functions
}

// Names are what the parts of a point are called behind the type of the probe: functions,
// or places in programs; none for points of other kinds.
//
//go:noinline
func (p *Point) Names() []string {
	if on, ok := p.At.(FunctionPoint); ok {
		return on.Functions
	}
	at, _ := p.At.(UserPoint)
	names := make([]string, len(at.Places))
	for i, place := range at.Places {
		names[i] = place.Name
	}
	return names
}

// Shown are the names as the probe shows them: functions with their modules where the
// script has those.
func (p *Point) Shown() []string {
	names := slices.Clone(p.Names())
	if on, ok := p.At.(FunctionPoint); ok {
		for i, module := range on.Modules {
			names[i] = module + ":" + names[i]
		}
	}
	return names
}

// Picked is the point with some of its parts, by their indices among its Names.
func (p Point) Picked(indices ...int) Point {
	switch at := p.At.(type) {
	case FunctionPoint:
		at.Functions = picked(at.Functions, indices)
		if len(at.Modules) > 0 {
			at.Modules = picked(at.Modules, indices)
		}
		p.At = at
	case UserPoint:
		at.Places = picked(at.Places, indices)
		p.At = at
	}
	return p
}

func picked[T any](from []T, indices []int) []T {
	list := make([]T, len(indices))
	for i, index := range indices {
		list[i] = from[index]
	}
	return list
}

// Probes is as how many probes the point counts.
//
//go:noinline
func (p *Point) Probes() int { return max(len(p.Names()), 1) }

// Replaceable reports whether a plainer mechanism may serve where the kernel refuses this
// one.
func (p *Point) Replaceable() bool {
	_, ok := p.Mechanism.Plainer()
	return ok && !p.Only && p.Probes() == 1
}

// Runs reports whether the runtime runs the program at such a moment.
//
//go:noinline
func (p *Point) Runs(when When) bool {
	at, ok := p.At.(RunPoint)
	return ok && at.When == when
}

// Once reports a point of BEGIN or END.
//
//go:noinline
func (p *Point) Once() bool { return p.Runs(AtBegin) || p.Runs(AtEnd) }
