package attach

import (
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// attachPerf opens a perf event on a CPU for all processes, and hangs the program on it:
// through a link since 5.15, before that by an ioctl whose effect ends when the event is
// closed.
func attachPerf(r request, attributes *unix.PerfEventAttr, cpu int) (Link, error) {
	attributes.Size = unix.PERF_ATTR_SIZE_VER5
	fd, err := unix.PerfEventOpen(attributes, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("opening the perf event: %w", err)
	}
	event := os.NewFile(uintptr(fd), "perf event")
	if r.machine.Features.PerfLink {
		l, err := link.AttachRawLink(link.RawLinkOptions{Target: fd, Program: r.program, Attach: ebpf.AttachPerfEvent})
		if err != nil {
			event.Close()
			return nil, err
		}
		return enabled(fd, &perfLink{event, l})
	}
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, r.program.FD()); err != nil {
		event.Close()
		return nil, err
	}
	return enabled(fd, event)
}

// enabled starts the event, or closes what hangs on it.
func enabled(fd int, l Link) (Link, error) {
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
