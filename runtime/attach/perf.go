package attach

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"golang.org/x/sys/unix"
)

// attachTracepoint opens the tracepoint as a perf event. One event serves all CPUs: the program hangs
// on the tracepoint, the event only names it. Of the end of irq_work, which samples would bring about, the kernel gives no samples.
// https://elixir.bootlin.com/linux/v6.12/source/arch/x86/include/asm/trace/irq_vectors.h (TRACE_EVENT_PERF_PERM)
func attachTracepoint(machine *target.Target, program *ebpf.Program, category, name string) ([]Link, error) {
	tracepoint, err := machine.Tracepoint(category, name)
	if err != nil {
		return nil, err
	}
	attributes := &unix.PerfEventAttr{
		Type: unix.PERF_TYPE_TRACEPOINT, Config: uint64(tracepoint.ID),
		Sample: 1, Wakeup: 1,
	}
	if category == "irq_vectors" && name == "irq_work_exit" {
		attributes.Sample = 0
	}
	l, err := attachPerf(machine, program, attributes, 0)
	if err != nil {
		return nil, err
	}
	return []Link{l}, nil
}

// attachProfile opens a clock on every CPU that is online.
func attachProfile(machine *target.Target, program *ebpf.Program, point *object.Point) ([]Link, error) {
	cpus, err := onlineCPUs()
	if err != nil {
		return nil, err
	}
	var links []Link
	for _, cpu := range cpus {
		attributes := &unix.PerfEventAttr{
			Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK,
			Sample: uint64(point.Period.Nanoseconds()),
		}
		l, err := attachPerf(machine, program, attributes, cpu)
		if err != nil {
			return links, err
		}
		links = append(links, l)
	}
	return links, nil
}

// attachPerf opens a perf event on a CPU for all processes, and hangs the program on it: through a
// link since 5.15, before that by an ioctl whose effect ends when the event is closed.
func attachPerf(machine *target.Target, program *ebpf.Program, attributes *unix.PerfEventAttr, cpu int) (Link, error) {
	attributes.Size = unix.PERF_ATTR_SIZE_VER5
	fd, err := unix.PerfEventOpen(attributes, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("opening the perf event: %w", err)
	}
	event := os.NewFile(uintptr(fd), "perf event")
	if machine.Features.PerfLink {
		l, err := link.AttachRawLink(link.RawLinkOptions{Target: fd, Program: program, Attach: ebpf.AttachPerfEvent})
		if err != nil {
			event.Close()
			return nil, err
		}
		return &perfLink{event, l}, unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0)
	}
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, program.FD()); err != nil {
		event.Close()
		return nil, err
	}
	return event, unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0)
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

// onlineCPUs reads a list such as "0-3,8".
func onlineCPUs() ([]int, error) {
	text, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return nil, err
	}
	var cpus []int
	for part := range strings.SplitSeq(strings.TrimSpace(string(text)), ",") {
		first, last, isRange := strings.Cut(part, "-")
		low, err := strconv.Atoi(first)
		if err != nil {
			return nil, fmt.Errorf("list of CPUs %q: %w", text, err)
		}
		high := low
		if isRange {
			if high, err = strconv.Atoi(last); err != nil {
				return nil, fmt.Errorf("list of CPUs %q: %w", text, err)
			}
		}
		for cpu := low; cpu <= high; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}
