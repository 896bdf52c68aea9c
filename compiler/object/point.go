package object

import (
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
	// has several functions.
	ProbeName int
}

// Place is what a program is attached to.
type Place interface {
	// Events name what fires there, one for each function, whichever mechanism brings it.
	// What the runtime runs by itself has none: it is run in the order of the script.
	Events() []string
}

// FunctionPoint is kernel functions: one, or many where the mechanism takes them.
type FunctionPoint struct {
	Functions []string
	Offset    uint64 // bytes into the function
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

// RunPoint is a moment at which the runtime runs the program.
type RunPoint struct {
	When   When
	Period time.Duration // AtInterval
}

// When tells at which moments the runtime runs a program.
type When uint8

const (
	AtBegin When = iota
	AtEnd
	AtInterval
)

func (p FunctionPoint) Events() []string {
	list := make([]string, len(p.Functions))
	for i, function := range p.Functions {
		list[i] = function + "+" + strconv.FormatUint(p.Offset, 10)
	}
	return list
}

func (p TracepointPoint) Events() []string { return []string{p.Category + ":" + p.Name} }
func (p SyscallPoint) Events() []string    { return []string{"syscalls:" + p.Name} }
func (p ClockPoint) Events() []string      { return []string{p.Period.String()} }
func (p RunPoint) Events() []string        { return nil }

// Functions are the kernel functions that a point is attached to; none for those of other
// kinds.
func (p *Point) Functions() []string {
	at, _ := p.At.(FunctionPoint)
	return at.Functions
}

// On is the point at other functions.
func (p Point) On(functions ...string) Point {
	at, _ := p.At.(FunctionPoint)
	at.Functions = slices.Clone(functions)
	p.At = at
	return p
}

// Probes is as how many probes the point counts.
func (p *Point) Probes() int { return max(len(p.Functions()), 1) }

// Replaceable reports whether a plainer mechanism may serve where the kernel refuses this
// one.
func (p *Point) Replaceable() bool {
	_, ok := p.Mechanism.Plainer()
	return ok && !p.Only && p.Probes() == 1
}

// Runs reports whether the runtime runs the program at such a moment.
func (p *Point) Runs(when When) bool {
	at, ok := p.At.(RunPoint)
	return ok && at.When == when
}

// Once reports a point of BEGIN or END.
func (p *Point) Once() bool { return p.Runs(AtBegin) || p.Runs(AtEnd) }
