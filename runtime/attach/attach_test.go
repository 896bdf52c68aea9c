package attach

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/detect"
)

// The table of mechanisms, the attachers and the probe types agree: what a probe type may
// choose, and what may stand in for that, is attached, unless its record says that the
// runtime runs it; and nothing is attached that none chooses.
func TestAgreement(t *testing.T) {
	chosen := map[object.Mechanism]bool{}
	for _, p := range builtin.ProbeTypes() {
		if len(p.Mechanisms) == 0 {
			t.Errorf("%s has no mechanism", p.Name)
		}
		for _, m := range p.Mechanisms {
			chosen[m] = true
			if plainer, ok := m.Plainer(); ok && attachers[plainer] == nil {
				t.Errorf("nothing attaches by %s, which stands in for %s of %s", plainer, m, p.Name)
			}
		}
	}
	for _, m := range object.Mechanisms() {
		if attached := attachers[m] != nil; attached == m.ByRuntime() {
			t.Errorf("%s: attached %t, run by the runtime %t", m, attached, m.ByRuntime())
		}
		if !chosen[m] {
			t.Errorf("no probe type chooses %s", m)
		}
		if m.String() == "" {
			t.Errorf("mechanism %d has no record", m)
		}
	}
	if len(attachers) != len(object.Mechanisms())-1 {
		t.Errorf("there are %d attachers for %d mechanisms", len(attachers), len(object.Mechanisms()))
	}
}

var everything = &target.Target{Features: target.Features{Kprobe: true, Fentry: true}}

func TestUnknownMechanism(t *testing.T) {
	for _, test := range []struct {
		point object.Point
		want  string
	}{
		{object.Point{Probe: "x:y", Mechanism: 200, At: object.ClockPoint{}},
			"cannot attach to x:y: nothing attaches by an unknown mechanism: a bug of ponytrace"},
		{object.Point{Probe: "x:y", Mechanism: object.Profile, At: object.TracepointPoint{}},
			"cannot attach to x:y: perf clock attaches to object.ClockPoint, not to object.TracepointPoint: a bug of ponytrace"},
		{object.Point{Probe: "x:y", Mechanism: object.Profile},
			"cannot attach to x:y: perf clock attaches to object.ClockPoint, not to <nil>: a bug of ponytrace"},
	} {
		links, err := Attach(everything, nil, &test.point)
		if err == nil || err.Error() != test.want || links != nil {
			t.Errorf("%v, %v; want %s", links, err, test.want)
		}
	}
}

func TestRunByTheRuntime(t *testing.T) {
	links, err := Attach(everything, nil, &object.Point{Probe: "begin", At: object.RunPoint{}})
	if links != nil || err != nil {
		t.Errorf("%v, %v", links, err)
	}
}

// fake makes a mechanism attach by a function until the test ends.
func fake(t *testing.T, m object.Mechanism, attach func() ([]Link, error)) {
	real := attachers[m]
	attachers[m] = func(*target.Target, *ebpf.Program, *object.Point) ([]Link, error) { return attach() }
	t.Cleanup(func() { attachers[m] = real })
}

// An errno is put into the user's words, with what may serve instead.
func TestReasons(t *testing.T) {
	const excluded = "this kernel lets no probe attach to the function: " +
		"it is excluded (notrace, kprobe blacklist), was inlined, or several have its name"
	for _, test := range []struct {
		mechanism            object.Mechanism
		cause                error
		want                 string
		tracing, untraceable bool
	}{
		{object.Kprobe, fs.ErrNotExist, excluded, false, true},
		{object.Kprobe, syscall.EADDRNOTAVAIL, excluded, false, true},
		{object.Kretprobe, syscall.EINVAL, "the kernel cannot trace it: it is excluded (notrace, kprobe blacklist), or the offset is inside an instruction", false, true},
		{object.KretprobeMulti, syscall.EBUSY, "another tracer holds it", true, false},
		{object.Fentry, syscall.EBUSY, "another tracer holds it", true, false},
		{object.Fexit, syscall.EINVAL, "the kernel cannot trace it: it is excluded (notrace, kprobe blacklist), or the offset is inside an instruction", true, false},
		{object.RawTracepoint, syscall.EPERM, "the kernel does not permit it; ponytrace must run as root or with CAP_BPF and CAP_PERFMON", true, false},
		{object.TypedTracepoint, link.ErrNotSupported, "this kernel is built without this kind of probe", true, false},
		{object.Tracepoint, syscall.EPERM, "the kernel does not permit it; ponytrace must run as root or with CAP_BPF and CAP_PERFMON", false, true},
		{object.RawSyscall, syscall.EMFILE, "too many open files; raise the limit with ulimit -n", true, false},
		{object.Syscall, syscall.ENFILE, "too many open files; raise the limit with ulimit -n", true, false},
		{object.Profile, errors.New("out of clocks"), "out of clocks", false, false},
		{object.Profile, syscall.ENOENT, "no such file or directory", false, false},
		{object.Tracepoint, syscall.ENOENT, "this kernel has no such tracepoint", false, false},
		{object.RawTracepoint, syscall.ENOENT, "this kernel has no such tracepoint", true, false},
		{object.Iter, syscall.EINVAL, "the kernel lets no program attach to it", false, false},
		{object.Uprobe, syscall.ENOENT, "its file is not there any more", false, false},
		{object.UretprobeMulti, syscall.EINVAL, "the kernel probes regular files only, and there only what is in the file", true, false},
		{object.UprobeMulti, syscall.EBADF, "the kernel probes regular files only, and there only what is in the file", true, false},
		{object.Uprobe, syscall.EIO, "the kernel cannot probe files of this file system", false, false},
		{object.Uprobe, syscall.Errno(524), "the kernel cannot probe the instruction there", false, false},
		{object.Uprobe, syscall.ENOEXEC, "the kernel cannot probe the instruction there", false, false},
		{object.UprobeMulti, syscall.ESRCH, "the process has ended", true, false},
		{object.Kprobe, syscall.ENOMEM, "the kernel has no memory left for it", false, false},
	} {
		t.Run(fmt.Sprint(test.mechanism, " ", test.cause), func(t *testing.T) {
			fake(t, test.mechanism, func() ([]Link, error) { return nil, fmt.Errorf("attaching: %w", test.cause) })
			point := &object.Point{Probe: "a:b", Mechanism: test.mechanism}
			_, err := Attach(everything, nil, point)
			var failed *RefusedError
			if !errors.As(err, &failed) || !errors.Is(err, test.cause) {
				t.Fatalf("%v is not of the cause %v", err, test.cause)
			}
			if want := strings.TrimPrefix(failed.Kernel, "attaching: "); want != test.want || !slices.Equal(failed.Probes, []string{"a:b"}) {
				t.Errorf("%s: %s, want %s", failed.Probes, failed.Kernel, test.want)
			}
			if instead := failed.Instead == Plainer; instead != test.tracing || failed.Untraceable != test.untraceable {
				t.Errorf("another mechanism may serve: %t, nothing may: %t", instead, failed.Untraceable)
			}
			point.Only = true
			if _, err := Attach(everything, nil, point); !errors.As(err, &failed) || failed.Instead == Plainer {
				t.Error("another mechanism may serve a probe type that names one")
			}
		})
	}
}

type fakeLink struct{ closed bool }

func (l *fakeLink) Close() error {
	l.closed = true
	return nil
}

// Of what could be attached in part, nothing stays.
func TestPartsAreDetached(t *testing.T) {
	first, second := &fakeLink{}, &fakeLink{}
	fake(t, object.Profile, func() ([]Link, error) { return []Link{first, second}, syscall.EBUSY })
	links, err := Attach(everything, nil, &object.Point{Mechanism: object.Profile, At: object.ClockPoint{}})
	if err == nil || links != nil || !first.closed || !second.closed {
		t.Errorf("%v, %v, closed %t and %t", links, err, first.closed, second.closed)
	}
}

// A CPU that goes offline while events are opened is left out.
func TestCPUGoesOffline(t *testing.T) {
	for _, test := range []struct {
		failures map[int]error
		links    int
		want     error
	}{
		{nil, 3, nil}, {map[int]error{1: syscall.ENODEV}, 2, nil},
		{map[int]error{1: syscall.ENODEV, 2: syscall.EMFILE}, 1, syscall.EMFILE},
		{map[int]error{0: syscall.ENODEV, 1: syscall.ENODEV, 2: syscall.ENODEV}, 0, syscall.ENODEV},
	} {
		links, err := attachEach([]int{0, 1, 2}, func(cpu int) (Link, error) {
			if err := test.failures[cpu]; err != nil {
				return nil, fmt.Errorf("opening the perf event: %w", err)
			}
			return &fakeLink{}, nil
		})
		if len(links) != test.links || !errors.Is(err, test.want) {
			t.Errorf("%v: %d links, %v", test.failures, len(links), err)
		}
	}
}

// meetingLink is a link whose end takes until others are at theirs.
type meetingLink struct{ meeting *sync.WaitGroup }

func (l meetingLink) Close() error {
	l.meeting.Done()
	l.meeting.Wait()
	return nil
}

// The kernel takes long to detach one, so that parts are detached at the same time.
func TestPartsAreDetachedTogether(t *testing.T) {
	var meeting sync.WaitGroup
	meeting.Add(2)
	fake(t, object.Profile, func() ([]Link, error) {
		return []Link{meetingLink{&meeting}, meetingLink{&meeting}}, syscall.EBUSY
	})
	if links, err := Attach(everything, nil, &object.Point{Mechanism: object.Profile, At: object.ClockPoint{}}); err == nil {
		t.Error(links)
	}
}

func TestClose(t *testing.T) {
	links := make([]Link, 200)
	for i := range links {
		links[i] = &fakeLink{}
	}
	closing := Close(links)
	<-closing.Done
	if closing.Left() != 0 || slices.ContainsFunc(links, func(l Link) bool { return !l.(*fakeLink).closed }) {
		t.Errorf("%d links are left", closing.Left())
	}
}

// live are mechanisms with a program and a point that every kernel which has them can
// attach.
var live = []struct {
	point   object.Point
	spec    ebpf.ProgramSpec
	lacking func(f *target.Features) bool
}{
	{object.Point{Mechanism: object.Kprobe, At: object.FunctionPoint{Functions: []string{"vfs_read"}}},
		ebpf.ProgramSpec{Type: ebpf.Kprobe}, func(f *target.Features) bool { return !f.Kprobe }},
	{object.Point{Mechanism: object.Kretprobe, At: object.FunctionPoint{Functions: []string{"vfs_read"}}},
		ebpf.ProgramSpec{Type: ebpf.Kprobe}, func(f *target.Features) bool { return !f.Kprobe }},
	{object.Point{Mechanism: object.KprobeMulti, At: object.FunctionPoint{Functions: []string{"vfs_read", "vfs_write"}}},
		ebpf.ProgramSpec{Type: ebpf.Kprobe, AttachType: ebpf.AttachTraceKprobeMulti}, func(f *target.Features) bool { return !f.KprobeMulti }},
	{object.Point{Mechanism: object.KretprobeMulti, At: object.FunctionPoint{Functions: []string{"vfs_read", "vfs_write"}}},
		ebpf.ProgramSpec{Type: ebpf.Kprobe, AttachType: ebpf.AttachTraceKprobeMulti}, func(f *target.Features) bool { return !f.KprobeMulti }},
	{object.Point{Mechanism: object.Fentry, At: object.FunctionPoint{Functions: []string{"vfs_read"}}},
		ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: "vfs_read"}, func(f *target.Features) bool { return !f.Fentry }},
	{object.Point{Mechanism: object.Fexit, At: object.FunctionPoint{Functions: []string{"vfs_read"}}},
		ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFExit, AttachTo: "vfs_read"}, func(f *target.Features) bool { return !f.Fentry }},
	{object.Point{Mechanism: object.RawTracepoint, At: object.TracepointPoint{Category: "sched", Name: "sched_switch"}},
		ebpf.ProgramSpec{Type: ebpf.RawTracepoint}, func(f *target.Features) bool { return !f.RawTracepoint }},
	{object.Point{Mechanism: object.TypedTracepoint, At: object.TracepointPoint{Name: "sched_switch"}},
		ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "sched_switch"}, func(f *target.Features) bool { return !f.TypedTracepoint }},
	{object.Point{Mechanism: object.Tracepoint, At: object.TracepointPoint{Category: "sched", Name: "sched_switch"}},
		ebpf.ProgramSpec{Type: ebpf.TracePoint}, func(f *target.Features) bool { return !f.Tracefs }},
	{object.Point{Mechanism: object.RawSyscall, At: object.SyscallPoint{Name: "sys_enter_dup", All: "sys_enter"}},
		ebpf.ProgramSpec{Type: ebpf.RawTracepoint}, func(f *target.Features) bool { return !f.RawTracepoint }},
	{object.Point{Mechanism: object.Syscall, At: object.SyscallPoint{Name: "sys_exit_dup", All: "sys_exit"}},
		ebpf.ProgramSpec{Type: ebpf.TracePoint}, func(f *target.Features) bool { return !f.Tracefs }},
	{object.Point{Mechanism: object.Uprobe, At: ownCode()},
		ebpf.ProgramSpec{Type: ebpf.Kprobe}, func(f *target.Features) bool { return !f.Uprobe }},
	{object.Point{Mechanism: object.Uretprobe, At: ownCode()},
		ebpf.ProgramSpec{Type: ebpf.Kprobe}, func(f *target.Features) bool { return !f.Uprobe }},
	{object.Point{Mechanism: object.UprobeMulti, At: ownCode()},
		ebpf.ProgramSpec{Type: ebpf.Kprobe, AttachType: ebpf.AttachTraceUprobeMulti}, func(f *target.Features) bool { return !f.UprobeMulti }},
	{object.Point{Mechanism: object.UretprobeMulti, At: ownCode()},
		ebpf.ProgramSpec{Type: ebpf.Kprobe, AttachType: ebpf.AttachTraceUprobeMulti}, func(f *target.Features) bool { return !f.UprobeMulti }},
	{object.Point{Mechanism: object.UprobeReturns, At: ownCode()},
		ebpf.ProgramSpec{Type: ebpf.Kprobe}, func(f *target.Features) bool { return !f.Uprobe }},
	{object.Point{Mechanism: object.UprobeReturnsMulti, At: ownCode()},
		ebpf.ProgramSpec{Type: ebpf.Kprobe, AttachType: ebpf.AttachTraceUprobeMulti}, func(f *target.Features) bool { return !f.UprobeMulti }},
	{object.Point{Mechanism: object.Iter, At: object.IterPoint{Name: "task"}},
		ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: "task"}, func(f *target.Features) bool { return !f.TypedTracepoint }},
	{object.Point{Mechanism: object.Profile, At: object.ClockPoint{Period: time.Second}},
		ebpf.ProgramSpec{Type: ebpf.PerfEvent}, func(*target.Features) bool { return false }},
	{object.Point{Mechanism: object.Watchpoint, At: object.WatchPoint{Symbol: "vfs_read", Length: 8, Mode: object.Writes}},
		ebpf.ProgramSpec{Type: ebpf.PerfEvent}, func(*target.Features) bool { return false }},
	{object.Point{Mechanism: object.PerfEvent, At: object.PerfPoint{Name: "cs", Type: 1, Config: 3, Period: 1}},
		ebpf.ProgramSpec{Type: ebpf.PerfEvent}, func(*target.Features) bool { return false }},
}

// ownCode is where the ELF header of the test says that its code begins, which no process
// comes to again.
func ownCode() object.UserPoint {
	at := object.UserPoint{Path: "/proc/self/exe"}
	file, err := elf.Open(at.Path)
	if err != nil {
		return at
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if offset := file.Entry - segment.Vaddr; segment.Type == elf.PT_LOAD && offset < segment.Filesz {
			at.Places = []object.UserPlace{{Offset: segment.Off + offset}}
		}
	}
	return at
}

// load attaches a program that does nothing, which the test frees.
func load(t *testing.T, machine *target.Target, spec *ebpf.ProgramSpec, point *object.Point) ([]Link, error) {
	spec.Instructions, spec.License = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}, "GPL"
	program, err := ebpf.NewProgram(spec)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { program.Close() })
	return Attach(machine, program, point)
}

// Each mechanism attaches a program to its point on this kernel, and detaches it.
func TestLive(t *testing.T) {
	covered := map[object.Mechanism]bool{}
	for _, test := range live {
		covered[test.point.Mechanism] = true
		t.Run(test.point.Mechanism.String(), func(t *testing.T) {
			testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
			machine, err := detect.Detect()
			if err != nil {
				t.Fatal(err)
			}
			links, err := load(t, machine, &test.spec, &test.point)
			if test.lacking(&machine.Features) {
				if err == nil {
					t.Error("attached by what this machine is said to lack")
				}
				return
			}
			if err != nil || len(links) == 0 {
				t.Fatalf("%d links, %+v", len(links), err)
			}
			if n := Missed(links[0]); n != 0 {
				t.Errorf("%d events were missed", n)
			}
			<-Close(links).Done
		})
	}
	if len(covered) != len(attachers) {
		t.Errorf("%d of %d mechanisms are tried", len(covered), len(attachers))
	}
}
