package attach

import (
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"golang.org/x/sys/unix"
)

func attachUprobeMulti(r request, at object.UserPoint) ([]Link, error) {
	return r.attachMulti(at, 0)
}

// returns is BPF_F_UPROBE_MULTI_RETURN of include/uapi/linux/bpf.h.
const returns = 1

func attachUretprobeMulti(r request, at object.UserPoint) ([]Link, error) {
	return r.attachMulti(at, returns)
}

// attachMulti attaches the program to all places. Each has the index of its name as cookie.
// Before Linux 6.10 the kernel takes the number of a process for that of a thread; the
// program itself leaves other processes out.
func (r request) attachMulti(at object.UserPoint, flags uint32) ([]Link, error) {
	path, err := unix.BytePtrFromString(opened(r.machine, at.Path))
	if err != nil {
		return nil, err
	}
	n := len(at.Places)
	offsets, counters, cookies := make([]uint64, n), make([]uint64, n), make([]uint64, n)
	counted := false
	for i, place := range at.Places {
		offsets[i], counters[i], cookies[i] = place.Offset, place.Semaphore, uint64(place.ProbeName)
		counted = counted || place.Semaphore != 0
	}
	attributes := &multiLinkAttributes{
		linkHeader: linkHeader{program: uint32(r.program.FD()), attach: uint32(ebpf.AttachTraceUprobeMulti)},
		path:       unsafe.Pointer(path),
		offsets:    unsafe.Pointer(unsafe.SliceData(offsets)),
		cookies:    unsafe.Pointer(unsafe.SliceData(cookies)),
		count:      uint32(n), flags: flags,
	}
	if counted {
		attributes.counters = unsafe.Pointer(unsafe.SliceData(counters))
	}
	if r.machine.Features.UprobeMultiPid {
		attributes.pid = uint32(at.Pid)
	}
	l, err := createLink(attributes)
	if err != nil {
		return nil, err
	}
	return []Link{l}, nil
}
