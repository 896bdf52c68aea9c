package runtime

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/runtime/attach"
)

// attachments are the programs of an object and what they are attached to.
type attachments struct {
	object     *object.Object
	machine    *target.Target
	collection *ebpf.Collection
	links      []attach.Link
	leftOut    []*attach.RefusedError // functions that patterns match and the kernel refuses
	starter    func() int             // returns the thread that will start the command
	iterated   bool                   // iterators went through what the kernel has
}

var errInterrupted = errors.New("interrupted by a signal")

// attach attaches every program to its points, until somebody asks for the end. It
// returns the number of probes.
func (a *attachments) attach(interrupted func() bool) (probes int, err error) {
	if err := a.fillDispatchers(); err != nil {
		return 0, err
	}
	for _, program := range a.object.All() {
		points := program.Attachments()
		for i := range points {
			if interrupted() {
				return probes, errInterrupted
			}
			a.tellStarter(&points[i])
			links, err := attach.Attach(a.machine, a.collection.Programs[program.Name], &points[i])
			switch {
			case err == nil:
				a.links = append(a.links, links...)
				probes += a.served(program, i)
			case !a.leavesOut(&points[i], err):
				return probes, a.withProbes(err, program)
			}
		}
	}
	if len(a.leftOut) > 0 && len(a.links) == 0 {
		return probes, a.leftOut[0]
	}
	return probes, nil
}

// tellStarter tells a watchpoint of the command which thread will start it.
func (a *attachments) tellStarter(point *object.Point) {
	if at, ok := point.At.(object.WatchPoint); ok && at.Command {
		at.Starter = a.starter()
		point.At = at
	}
}

// iterate runs the iterators, one after the other in the order of the script, until one of
// the functions tells of the end; wait returns when what they sent is read.
func (a *attachments) iterate(wait func(), ended ...func() bool) error {
	over := func() bool {
		return slices.ContainsFunc(ended, func(is func() bool) bool { return is() })
	}
	for _, l := range a.links {
		if iterator, ok := l.(*attach.Iterator); ok {
			a.iterated = true
			if err := iterator.Run(over, wait); err != nil {
				return fmt.Errorf("going through what the kernel has: %w", err)
			}
		}
	}
	return nil
}

// leavesOut reports whether a pattern goes on without a function that cannot be traced.
func (a *attachments) leavesOut(point *object.Point, err error) bool {
	var failed *attach.RefusedError
	if !point.Optional || point.Probes() > 1 || !errors.As(err, &failed) || !failed.Untraceable {
		return false
	}
	a.leftOut = append(a.leftOut, failed)
	return true
}

// without tells which functions patterns go on without; "" where there are none.
func (a *attachments) without() string {
	switch n := len(a.leftOut); n {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("left out: %v", a.leftOut[0])
	default:
		return fmt.Sprintf("left out: %v, and %d more functions", a.leftOut[0], n-1)
	}
}

// fillDispatchers enters the programs of system calls into the arrays through which they
// are called.
func (a *attachments) fillDispatchers() error {
	for _, d := range a.object.Dispatchers {
		for number, name := range d.Programs {
			if err := a.collection.Maps[d.Calls].Put(uint32(number), a.collection.Programs[name]); err != nil {
				return fmt.Errorf("entering the programs of system calls: %w", err)
			}
		}
	}
	return nil
}

// withProbes names all probes that an attachment serves.
func (a *attachments) withProbes(err error, program *object.ProgramSpec) error {
	var failed *attach.RefusedError
	if !errors.As(err, &failed) {
		return err
	}
	for _, served := range a.servedBy(program) {
		for _, probe := range probesOf(served) {
			if !slices.Contains(failed.Probes, probe) {
				failed.Probes = append(failed.Probes, probe)
			}
		}
	}
	return failed
}

// servedBy returns the programs that an attached program runs: itself, or those that it
// calls.
func (a *attachments) servedBy(program *object.ProgramSpec) (list []*object.ProgramSpec) {
	for _, d := range a.object.Dispatchers {
		if &d.ProgramSpec != program {
			continue
		}
		called := slices.Collect(maps.Values(d.Programs))
		for _, p := range a.object.Programs {
			if slices.Contains(called, p.Name) {
				list = append(list, p)
			}
		}
		return list
	}
	return []*object.ProgramSpec{program}
}

// probes is to how many probes the script attaches.
func (a *attachments) probes() int { return a.object.Probes() }

// served is how many probes an attachment brings: one for system calls brings all points
// of its programs.
func (a *attachments) served(program *object.ProgramSpec, attachment int) int {
	if len(program.Attachments()) > 1 {
		return program.ProbesAt(attachment)
	}
	n := 0
	for _, p := range a.servedBy(program) {
		for i := range p.Points {
			n += p.ProbesAt(i)
		}
	}
	return n
}

// release hands over the links, with how many events they and the programs missed, while
// they can still say so.
func (a *attachments) release() (links []attach.Link, missed uint64) {
	for _, l := range a.links {
		missed += attach.Missed(l)
	}
	for _, program := range a.collection.Programs {
		if stats, err := program.Stats(); err == nil {
			missed += stats.RecursionMisses
		}
	}
	links, a.links = a.links, nil
	return links, missed
}
