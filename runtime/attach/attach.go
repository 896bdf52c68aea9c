// Package attach connects loaded programs with what fires them, one file a mechanism.
//
// Every function here returns Links. A Link keeps its program attached as long as it is
// referenced and not closed; nothing is pinned, so the kernel detaches by itself when the
// process dies, however it dies.
//
// Perf events are opened here and not by cilium/ebpf where that needs a mounted tracefs:
// the number of a tracepoint comes from the Target, which can read tracefs without a
// mount.
//
// Sources: perf_event_open(2), bpf(2), https://docs.kernel.org/6.12/trace/kprobes.html
package attach

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// Link is an attached program.
type Link interface {
	Close() error
}

// Attach attaches a program to one of its points. What the runtime runs by itself has no
// links.
func Attach(machine *target.Target, program *ebpf.Program, point *object.Point) ([]Link, error) {
	if point.Mechanism.ByRuntime() {
		return nil, nil
	}
	if byKprobes(point.Mechanism) && !machine.Features.Kprobe {
		return nil, refused(point, withoutKprobes(machine, point))
	}
	links, err := attach(machine, program, point)
	if err != nil {
		<-Close(links).Done
		failed := refused(point, reason(err, point))
		failed.Untraceable, failed.Cause = untraceable(err, point.Mechanism), err
		if point.Replaceable() {
			failed.Instead = Plainer
		}
		return nil, failed
	}
	return links, nil
}

func refused(point *object.Point, why string) *RefusedError {
	return &RefusedError{
		Probes: []string{point.Probe}, Mechanism: point.Mechanism, Kernel: why,
		Message: fmt.Sprintf("cannot attach to %s: %s", point.Probe, why),
	}
}

// attacher attaches programs by one mechanism.
type attacher func(machine *target.Target, program *ebpf.Program, point *object.Point) ([]Link, error)

// attachers has a line for each mechanism. Of those that are not here, the runtime runs
// the programs itself.
var attachers = map[object.Mechanism]attacher{
	object.Kprobe:             at(attachKprobe),
	object.Kretprobe:          at(attachKretprobe),
	object.KprobeMulti:        at(attachKprobeMulti),
	object.KretprobeMulti:     at(attachKretprobeMulti),
	object.Fentry:             at(attachFentry),
	object.Fexit:              at(attachFexit),
	object.RawTracepoint:      at(attachRawTracepoint),
	object.Tracepoint:         at(attachTracepoint),
	object.RawSyscall:         at(attachRawSyscall),
	object.Syscall:            at(attachSyscall),
	object.Profile:            at(attachProfile),
	object.TypedTracepoint:    at(attachTypedTracepoint),
	object.Uprobe:             at(attachUprobe),
	object.Uretprobe:          at(attachUretprobe),
	object.UprobeMulti:        at(attachUprobeMulti),
	object.UretprobeMulti:     at(attachUretprobeMulti),
	object.UprobeReturns:      at(attachUprobe),
	object.UprobeReturnsMulti: at(attachUprobeMulti),
	object.PerfEvent:          at(attachPerfEvent),
	object.Watchpoint:         at(attachWatchpoint),
	object.Iter:               at(attachIterator),
}

// request is a program to attach.
type request struct {
	machine *target.Target
	program *ebpf.Program
	cookie  int // what bpf_get_attach_cookie is to return
}

// at makes an attacher of a function for the kind of point that the mechanism has.
func at[P object.Place](attach func(r request, at P) ([]Link, error)) attacher {
	return func(machine *target.Target, program *ebpf.Program, point *object.Point) ([]Link, error) {
		at, ok := point.At.(P)
		if !ok {
			return nil, fmt.Errorf("%s attaches to %T, not to %T: a bug of ponytrace", point.Mechanism, *new(P), point.At)
		}
		return attach(request{machine, program, point.ProbeName}, at)
	}
}

func attach(machine *target.Target, program *ebpf.Program, point *object.Point) ([]Link, error) {
	attacher, known := attachers[point.Mechanism]
	if !known {
		return nil, fmt.Errorf("nothing attaches by %s: a bug of ponytrace", point.Mechanism)
	}
	return attacher(machine, program, point)
}

// untraceable reports whether the function is at fault: it is not there, there are
// several, or it is excluded. Some tracepoints are closed to perf, which answers as it
// does to a process without privilege.
func untraceable(err error, m object.Mechanism) bool {
	if !byKprobes(m) {
		return m.Context() == object.Record && (errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL))
	}
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EINVAL)
}

func one(l link.Link, err error) ([]Link, error) {
	if err != nil {
		return nil, err
	}
	return []Link{l}, nil
}

// byKprobes: the kernel puts a breakpoint or a call into the function.
func byKprobes(m object.Mechanism) bool { return m.Context() == object.FunctionRegs }

// withoutKprobes says what a kernel that cannot trace functions offers instead.
func withoutKprobes(machine *target.Target, point *object.Point) string {
	text := "this kernel is built without kprobes"
	if !machine.Features.Fentry {
		text += " and does not allow fentry"
	}
	if tracepoint, ok := machine.TracepointFor(point.Functions()[0]); ok {
		return text + "; it offers tracepoint:" + tracepoint
	}
	return text + "; it offers tracepoint, profile and interval probes"
}

// reason puts an errno into words.
func reason(err error, point *object.Point) string {
	var known *explained
	if errors.As(err, &known) {
		return known.why
	}
	return cmp.Or(particular(err, point.Mechanism), general(err), err.Error())
}

// particular is what an errno means where a mechanism attaches; "" where it means the
// same as elsewhere.
func particular(err error, m object.Mechanism) string {
	switch missing, wrong := errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EINVAL); {
	case m.User():
		return inProgram(err)
	case m.OnFunctions() && (missing || errors.Is(err, syscall.EADDRNOTAVAIL)):
		return "this kernel lets no probe attach to the function: it is excluded (notrace, kprobe blacklist), was inlined, or several have its name"
	case m.OnFunctions() && wrong:
		return "the kernel cannot trace it: it is excluded (notrace, kprobe blacklist), or the offset is inside an instruction"
	case missing && onTracepoints(m):
		return "this kernel has no such tracepoint"
	case wrong:
		return "the kernel lets no program attach to it"
	}
	return ""
}

func onTracepoints(m object.Mechanism) bool {
	contexts := []object.Context{
		object.Record, object.CallRecord, object.EventWords, object.CallWords,
	}
	return slices.Contains(contexts, m.Context())
}

// notSupported is ENOTSUPP of the kernel, which C libraries do not know.
const notSupported syscall.Errno = 524

// inProgram is what an errno means for a place in a program.
// https://elixir.bootlin.com/linux/v6.12/source/kernel/events/uprobes.c (uprobe_register)
func inProgram(err error) string {
	is := func(number syscall.Errno) bool { return errors.Is(err, number) }
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "its file is not there any more"
	case is(syscall.EINVAL), is(syscall.EBADF):
		return "the kernel probes regular files only, and there only what is in the file"
	case is(syscall.EIO):
		return "the kernel cannot probe files of this file system"
	case is(syscall.ENOEXEC), is(notSupported):
		return "the kernel cannot probe the instruction there"
	}
	return ""
}

// general is what an errno means whatever is attached.
func general(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "the kernel does not permit it; ponytrace must run as root or with CAP_BPF and CAP_PERFMON"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "too many open files; raise the limit with ulimit -n"
	case errors.Is(err, syscall.EBUSY):
		return "another tracer holds it"
	case errors.Is(err, syscall.ESRCH):
		return "the process has ended"
	case errors.Is(err, syscall.ENOMEM):
		return "the kernel has no memory left for it"
	case errors.Is(err, link.ErrNotSupported):
		return "this kernel is built without this kind of probe"
	}
	return ""
}

// Closing is links on their way to be closed.
type Closing struct {
	Done chan struct{} // closed when no link is left
	left atomic.Int64
}

// Left is how many links are not closed yet.
func (c *Closing) Left() int { return int(c.left.Load()) }

// Close closes links in parallel: the kernel waits for a grace period at each, up to 75
// ms. It returns at once.
func Close(links []Link) *Closing {
	c := &Closing{Done: make(chan struct{})}
	c.left.Store(int64(len(links)))
	go func() {
		defer close(c.Done)
		c.closeAll(links)
	}()
	return c
}

func (c *Closing) closeAll(links []Link) {
	var group sync.WaitGroup
	slots := make(chan struct{}, 64)
	for _, l := range links {
		slots <- struct{}{}
		group.Go(func() {
			_ = l.Close()
			c.left.Add(-1)
			<-slots
		})
	}
	group.Wait()
}

// Missed returns how many events a link says that it could not deliver; kernels before
// 6.7 do not say.
func Missed(l Link) uint64 {
	described, ok := l.(interface{ Info() (*link.Info, error) })
	if !ok {
		return 0
	}
	info, err := described.Info()
	if err != nil {
		return 0
	}
	if multi := info.KprobeMulti(); multi != nil {
		return multi.Missed
	}
	if perf := info.PerfEvent(); perf != nil && perf.Kprobe() != nil {
		return perf.Kprobe().Missed
	}
	return 0
}
