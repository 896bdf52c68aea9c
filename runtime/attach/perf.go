package attach

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/cpus"
	"golang.org/x/sys/unix"
)

// # Events of perf
//
// An event belongs to a thread, wherever it runs, or to a CPU, whatever runs there. That
// of a thread is inherited by the threads that it starts, program included, and costs
// nothing elsewhere. So a process is followed by an event for each thread that it has:
//
//	list the threads, attach to each, list them again
//
// Where the second list has a thread that the first had not, nobody knows whether its
// parent had its event by then: all is closed and done again. A process that starts
// threads all the time is followed by the events of all CPUs, and the condition of -p in
// the program.

// everyThread and everyCPU stand for the number of one (perf_event_open).
const (
	everyThread = -1
	everyCPU    = -1
)

// attachPerfEvent attaches to a counter.
func attachPerfEvent(r request, at object.PerfPoint) ([]Link, error) {
	attributes := unix.PerfEventAttr{Type: at.Type, Config: at.Config, Sample: at.Period}
	links, err := attachCounter(r, attributes, at.Processes)
	if why := counterProblem(err, at); why != "" {
		return links, &explained{why, err}
	}
	return links, err
}

// counterProblem says what the kernel's answer means for a counter; "" where it means the
// same as elsewhere.
func counterProblem(err error, at object.PerfPoint) string {
	switch hardware := at.Type != unix.PERF_TYPE_SOFTWARE; {
	case hardware && errors.Is(err, syscall.ENOENT):
		return "Linux finds no counters in the CPU, as in most virtual machines"
	case hardware && errors.Is(err, syscall.EOPNOTSUPP), hardware && errors.Is(err, syscall.EINVAL):
		return "this CPU does not count " + at.Name + ", or cannot tell when it has"
	case hardware && errors.Is(err, syscall.EBUSY):
		return "all counters of the CPU are taken"
	case errors.Is(err, syscall.ESRCH):
		return "the process has ended"
	}
	return ""
}

// explained is an error whose meaning is known where it came from.
type explained struct {
	why   string
	cause error
}

func (e *explained) Error() string { return e.why }
func (e *explained) Unwrap() error { return e.cause }

// attachCounter opens an event on every CPU, or for processes.
func attachCounter(r request, attributes unix.PerfEventAttr, processes []int) ([]Link, error) {
	if len(processes) == 0 {
		return attachCPUs(r, attributes)
	}
	const tries = 5
	for range tries {
		links, stable, err := attachThreads(r, attributes, processes)
		if stable || err != nil {
			return links, err
		}
		<-Close(links).Done
	}
	return attachCPUs(r, attributes)
}

// attachCPUs opens an event on every CPU that is online.
func attachCPUs(r request, attributes unix.PerfEventAttr) (links []Link, err error) {
	online, err := cpus.Online()
	if err != nil {
		return nil, err
	}
	return attachEach(online, func(cpu int) (Link, error) {
		return attachPerf(r, attributes, everyThread, cpu)
	})
}

// attachEach leaves out CPUs that go offline meanwhile, as long as there is another.
func attachEach(online []int, open func(cpu int) (Link, error)) (links []Link, err error) {
	var gone error
	for _, cpu := range online {
		l, err := open(cpu)
		switch {
		case errors.Is(err, syscall.ENODEV):
			gone = err
		case err != nil:
			return links, err
		default:
			links = append(links, l)
		}
	}
	if len(links) == 0 {
		return nil, gone
	}
	return links, nil
}

// inheritThread (since Linux 5.13) leaves out processes that a process starts.
const inheritThread = 1 << 35

// attachThreads opens an event for each thread of processes. It is stable where no thread
// may have been missed.
func attachThreads(
	r request, attributes unix.PerfEventAttr, processes []int,
) (links []Link, stable bool, err error) {
	attributes.Bits |= unix.PerfBitInherit
	if r.machine.Version.AtLeast(5, 13) {
		attributes.Bits |= inheritThread
	}
	threads := threadsOf(processes)
	for _, thread := range threads {
		l, err := attachPerf(r, attributes, thread, everyCPU)
		switch {
		case errors.Is(err, syscall.ESRCH): // it has ended
		case err != nil:
			return links, false, err
		default:
			links = append(links, l)
		}
	}
	if len(links) == 0 {
		return nil, false, syscall.ESRCH
	}
	return links, !oneIsNew(threads, threadsOf(processes)), nil
}

func oneIsNew(before, after []int) bool {
	known := map[int]bool{}
	for _, thread := range before {
		known[thread] = true
	}
	return slices.ContainsFunc(after, func(thread int) bool { return !known[thread] })
}

// threadsOf lists the threads of processes that are there.
func threadsOf(processes []int) (threads []int) {
	for _, process := range processes {
		entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", process))
		for _, entry := range entries {
			if thread, err := strconv.Atoi(entry.Name()); err == nil {
				threads = append(threads, thread)
			}
		}
	}
	return threads
}

// OnEachCPU reports whether a point has an event on each CPU.
func OnEachCPU(point object.Point) bool {
	switch at := point.At.(type) {
	case object.ClockPoint:
		return true
	case object.PerfPoint:
		return len(at.Processes) == 0
	case object.WatchPoint:
		return len(at.Processes) == 0 && !at.Command
	}
	return false
}

// Events is how many events a point takes on a machine of so many CPUs.
func Events(point *object.Point, cpus int) int {
	switch at := point.At.(type) {
	case object.ClockPoint:
		return cpus
	case object.PerfPoint:
		return max(cpus, 2*len(threadsOf(at.Processes)))
	case object.WatchPoint:
		return max(cpus, 2*len(threadsOf(at.Processes)))
	}
	return point.Probes()
}

// attachPerf opens a perf event and hangs the program on it: through a link since 5.15,
// before that by an ioctl whose effect ends when the event is closed.
func attachPerf(r request, attributes unix.PerfEventAttr, thread, cpu int) (Link, error) {
	attributes.Size = unix.PERF_ATTR_SIZE_VER5
	fd, err := unix.PerfEventOpen(&attributes, thread, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("opening the perf event: %w", err)
	}
	event := os.NewFile(uintptr(fd), "perf event")
	if r.machine.Features.PerfLink {
		l, err := link.AttachRawLink(link.RawLinkOptions{
			Target: fd, Program: r.program, Attach: ebpf.AttachPerfEvent,
		})
		if err != nil {
			event.Close()
			return nil, err
		}
		return enabled(fd, attributes, &perfLink{event, l})
	}
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, r.program.FD()); err != nil {
		event.Close()
		return nil, err
	}
	return enabled(fd, attributes, event)
}

// enabled starts the event unless it is to be off, or closes what hangs on it.
func enabled(fd int, attributes unix.PerfEventAttr, l Link) (Link, error) {
	if attributes.Bits&unix.PerfBitDisabled != 0 {
		return l, nil
	}
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// perfLink closes the link before the event that it hangs on.
type perfLink struct {
	event *os.File
	*link.RawLink
}

func (p *perfLink) Close() error {
	err := p.RawLink.Close()
	p.event.Close()
	return err
}
