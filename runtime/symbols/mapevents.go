package symbols

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/ponytrace/ponytrace/runtime/cpus"
	"golang.org/x/sys/unix"
)

// mapEvents are the mappings of executable memory, and the new processes, that the kernel
// tells of while they are made: perf has records of them (PERF_RECORD_MMAP2 and
// PERF_RECORD_FORK), which an event on each CPU that counts nothing collects. A record has
// what a line of /proc/PID/maps has.
//
//	page 0: head, tail | notePages pages of records, as a ring
//
// Rejected: a program of BPF at the tracepoints of exec and mmap. It would have to find
// the path of a file by itself, which no helper does at tracepoints, and the kernel would have
// to verify it each time.
//
// https://elixir.bootlin.com/linux/v6.12/source/include/uapi/linux/perf_event.h
type mapEvents struct {
	rings []*noteRing
	over  int // an eventfd that ends the wait
}

// noteRing is the ring of a CPU.
type noteRing struct {
	fd     int
	memory []byte
	tail   uint64
	record []byte // one that goes over the end of the ring
}

// notePages is the size of a ring: about 80 processes that begin, for each of which some
// 700 bytes come.
const notePages = 16

// openMapEvents opens an event on each CPU that is online.
func openMapEvents() (*mapEvents, error) {
	online, err := cpus.Online()
	if err != nil {
		return nil, err
	}
	over, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	e := &mapEvents{over: over}
	for _, cpu := range online {
		if err := e.open(cpu); err != nil {
			e.close()
			return nil, err
		}
	}
	return e, nil
}

func (e *mapEvents) open(cpu int) error {
	size := (1 + notePages) * os.Getpagesize()
	fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_DUMMY, Size: unix.PERF_ATTR_SIZE_VER5,
		Sample_type: unix.PERF_SAMPLE_TIME, Clockid: unix.CLOCK_MONOTONIC, Wakeup: uint32(size / 4),
		Bits: unix.PerfBitMmap | unix.PerfBitMmap2 | unix.PerfBitTask | unix.PerfBitSampleIDAll |
			unix.PerfBitUseClockID | unix.PerfBitWatermark,
	}, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return err
	}
	memory, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		unix.Close(fd)
		return err
	}
	e.rings = append(e.rings, &noteRing{fd: fd, memory: memory})
	return nil
}

func (e *mapEvents) close() {
	for _, r := range e.rings {
		_ = unix.Munmap(r.memory)
		unix.Close(r.fd)
	}
	unix.Close(e.over)
	e.rings = nil
}

// end ends all waits, now and later.
func (e *mapEvents) end() { _, _ = unix.Write(e.over, []byte{7: 1}) }

// wait returns when a ring has filled to a part, or after some milliseconds.
func (e *mapEvents) wait(milliseconds int) {
	polled := []unix.PollFd{{Fd: int32(e.over), Events: unix.POLLIN}}
	for _, r := range e.rings {
		polled = append(polled, unix.PollFd{Fd: int32(r.fd), Events: unix.POLLIN})
	}
	_, _ = unix.Poll(polled, milliseconds)
}

// drain enters what has come.
func (e *mapEvents) drain(n *notes) {
	for _, r := range e.rings {
		r.drain(func(record []byte) { n.lost += enterRecord(n, record) })
	}
}

// drain visits the records of the ring, and gives their room back.
func (r *noteRing) drain(visit func(record []byte)) {
	page := (*unix.PerfEventMmapPage)(unsafe.Pointer(unsafe.SliceData(r.memory)))
	data := r.memory[os.Getpagesize():]
	head := atomic.LoadUint64(&page.Data_head)
	for head-r.tail >= recordHeader {
		at := r.tail % uint64(len(data))
		size := uint64(binary.NativeEndian.Uint16(data[at+6:]))
		if size < recordHeader || size > head-r.tail {
			r.tail = head
			break
		}
		first := data[at:min(at+size, uint64(len(data)))]
		r.record = append(append(r.record[:0], first...), data[:size-uint64(len(first))]...)
		visit(r.record)
		r.tail += size
	}
	atomic.StoreUint64(&page.Data_tail, r.tail)
}

// Records begin with type, flags and size, and end with the time.
const (
	recordHeader = 8
	recordTime   = 8
	mappedSize   = 72 // up to the path
	forkedSize   = 32
	lostSize     = 24
)

// enterRecord enters a record. It returns how many records the kernel had no room for, by
// the record that tells.
func enterRecord(n *notes, record []byte) (lost uint64) {
	number := func(at int) int { return int(binary.NativeEndian.Uint32(record[at:])) }
	word := func(at int) uint64 { return binary.NativeEndian.Uint64(record[at:]) }
	end := len(record) - recordTime
	switch kind := number(0); {
	case kind == unix.PERF_RECORD_LOST && len(record) >= lostSize:
		return word(16)
	case kind == unix.PERF_RECORD_FORK && end >= forkedSize:
		if pid, parent := number(8), number(12); pid != parent {
			n.forked(pid, parent, word(end))
		}
	case kind == unix.PERF_RECORD_MMAP2 && end >= mappedSize:
		path, _, _ := bytes.Cut(record[mappedSize:end], []byte{0})
		m := mapping{
			start: word(16), end: word(16) + word(24), offset: word(32),
			file: fileID{device: fmt.Sprintf("%02x:%02x", number(40), number(44)), inode: word(48)},
			path: strings.TrimSuffix(string(path), " (deleted)"),
		}
		if m.start < m.end {
			n.mapped(number(8), m, word(end))
		}
	}
	return 0
}
