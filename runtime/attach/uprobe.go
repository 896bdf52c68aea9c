package attach

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/ponytrace/ponytrace/compiler/object"
	"golang.org/x/sys/unix"
)

// Perf has an event source for places in programs. Its number, and the bit of its
// configuration that means returns, are in sysfs.
// https://elixir.bootlin.com/linux/v6.12/source/Documentation/ABI/testing/sysfs-bus-event_source-devices-uprobe
const uprobeSource = "/sys/bus/event_source/devices/uprobe/"

func attachUprobe(r request, at object.UserPoint) ([]Link, error) {
	return attachPlaces(r, at, 0)
}

func attachUretprobe(r request, at object.UserPoint) ([]Link, error) {
	bit, err := sourceNumber("format/retprobe")
	if err != nil {
		return nil, err
	}
	return attachPlaces(r, at, 1<<bit)
}

var errNoUprobes = errors.New("this kernel is built without uprobes (CONFIG_UPROBE_EVENTS)")

// attachPlaces opens a perf event for each place.
func attachPlaces(r request, at object.UserPoint, config uint64) (links []Link, err error) {
	kind, err := sourceNumber("type")
	if err != nil {
		return nil, err
	}
	path, err := unix.BytePtrFromString(opened(r.machine, at.Path))
	if err != nil {
		return nil, err
	}
	for _, place := range at.Places {
		if place.Semaphore > math.MaxUint32 {
			return links, fmt.Errorf("its counter is %d bytes into the file, which perf cannot say", place.Semaphore)
		}
		attributes := &unix.PerfEventAttr{
			Type: uint32(kind), Config: config | place.Semaphore<<32, Sample: 1, Wakeup: 1,
			Ext1: uint64(uintptr(unsafe.Pointer(path))), Ext2: place.Offset,
		}
		l, err := r.place(attributes, at.Pid, place.ProbeName)
		runtime.KeepAlive(path)
		if err != nil {
			return links, err
		}
		links = append(links, l)
	}
	return links, nil
}

// place opens the event of a place for all processes, where one CPU stands for all, or for
// one process with its threads.
func (r request) place(attributes *unix.PerfEventAttr, pid, cookie int) (Link, error) {
	cpu := -1
	if pid == 0 {
		pid, cpu = -1, 0
	}
	attributes.Size = unix.PERF_ATTR_SIZE_VER5
	fd, err := unix.PerfEventOpen(attributes, pid, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("opening the perf event: %w", err)
	}
	event := os.NewFile(uintptr(fd), "uprobe")
	if !r.machine.Features.PerfLink {
		if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, r.program.FD()); err != nil {
			event.Close()
			return nil, err
		}
		return enabled(fd, *attributes, event)
	}
	l, err := createLink(&perfLinkAttributes{
		linkHeader{uint32(r.program.FD()), uint32(fd), uint32(ebpf.AttachPerfEvent), 0}, uint64(cookie),
	})
	if err != nil {
		event.Close()
		return nil, err
	}
	return enabled(fd, *attributes, files{l, event})
}

// sourceNumber reads a number of the event source, such as "8" or "config:0".
func sourceNumber(name string) (int, error) {
	text, err := os.ReadFile(uprobeSource + name)
	if err != nil {
		return 0, errNoUprobes
	}
	number := strings.TrimPrefix(strings.TrimSpace(string(text)), "config:")
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%s%s: %w", uprobeSource, name, err)
	}
	return int(n), nil
}
