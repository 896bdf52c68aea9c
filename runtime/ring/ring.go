// Package ring reads the records of a BPF ring buffer where they lie.
//
// # Model
//
// The kernel writes records into a ring of a power of two of bytes. Two positions, which
// only grow, say what is in it: the producer's, up to which space was given out, and the
// consumer's, up to which it was read. A record is a header of eight bytes and its data,
// filled up to a multiple of eight; it is in use by a program as long as its header is
// marked busy, and counts for nothing when it is marked discarded.
//
//	file offset  0            1 page        2 pages              + size               + size
//	             | consumer's | producer's  | data               | the same data once more |
//	             | page, rw   | page, r     |      [ window ]    |                         |
//
// As the data can be mapped at two places in a row, a record that goes over the end of
// the ring is in one piece.
//
// # The window
//
// The kernel enters every page of such a mapping at once, and counts each as resident
// memory of this process: 8 MB for a ring of 4 MB, and a millisecond of the start. So
// only a window is mapped, which moves on when a record is not whole inside it. At four
// million records of 40 bytes a second it moves 600 times, for 1 % of a CPU.
//
// # Waiting
//
// A ring is a file that polls, so that waiting is left to the runtime of Go: no thread is
// blocked meanwhile. The kernel wakes the reader for a record only when the reader has
// seen all those before it, and only if the program did not ask it to be silent. So Next
// looks once more when its time is over.
//
// Rejected: the reader of cilium/ebpf. It maps the data twice, copies each record, blocks
// a thread, and spins as long as a record is busy.
//
// The kernel's side: https://docs.kernel.org/6.12/bpf/ringbuf.html,
// https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/ringbuf.c
package ring

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// ErrFlushed is what Next returns when it has read all that was in the ring at the time
// of a Flush.
var ErrFlushed = errors.New("the ring buffer is flushed")

const (
	headerSize = 8
	busy       = 1 << 31
	discarded  = 1 << 30

	// windowSize is how much of the data is mapped, unless a record is larger.
	windowSize = 256 << 10
	// spins is how often a busy record is looked at before the reader sleeps: programs
	// hold one for less than a microsecond, unless they are preempted.
	spins = 1000
	pause = 20 * time.Microsecond
)

// Reader reads one ring. Next and SetDeadline are for one goroutine; Flush, Wake and Stop
// are for all.
type Reader struct {
	file               *os.File
	conn               syscall.RawConn
	consumer, producer []byte
	size               uint64 // of the ring
	window             []byte
	start              uint64 // where the window begins in the data
	next               uint64 // the position behind the record that Next returned last
	flushing, stopped  atomic.Bool
	woken              atomic.Bool
}

// Open maps a ring buffer. Until Close, the ring can have no other reader.
func Open(m *ebpf.Map) (*Reader, error) {
	r := &Reader{size: uint64(m.MaxEntries())}
	if err := r.open(m.FD()); err != nil {
		return nil, err
	}
	var err error
	if r.consumer, err = r.mapped(0, unix.PROT_READ|unix.PROT_WRITE); err == nil {
		r.producer, err = r.mapped(1, unix.PROT_READ)
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("mapping the positions of a ring buffer: %w", err)
	}
	r.next = r.read().Load()
	return r, nil
}

// open makes a file of its own of a map: one that does not block, so that the runtime
// polls it.
func (r *Reader) open(fd int) error {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(own, true); err != nil {
		unix.Close(own)
		return err
	}
	r.file = os.NewFile(uintptr(own), "ring buffer")
	if r.conn, err = r.file.SyscallConn(); err == nil {
		err = r.file.SetReadDeadline(time.Time{}) // which fails for what cannot be polled
	}
	if err != nil {
		r.file.Close()
		return fmt.Errorf("waiting for a ring buffer: %w", err)
	}
	return nil
}

func (r *Reader) mapped(page, protection int) ([]byte, error) {
	return r.mmap(int64(page*os.Getpagesize()), os.Getpagesize(), protection)
}

func (r *Reader) mmap(offset int64, length, protection int) (mapped []byte, err error) {
	failed := r.conn.Control(func(fd uintptr) {
		mapped, err = unix.Mmap(int(fd), offset, length, protection, unix.MAP_SHARED)
	})
	return mapped, errors.Join(failed, err)
}

func (r *Reader) read() *atomic.Uint64    { return (*atomic.Uint64)(unsafe.Pointer(&r.consumer[0])) }
func (r *Reader) written() *atomic.Uint64 { return (*atomic.Uint64)(unsafe.Pointer(&r.producer[0])) }

// Next waits for the next record. It is good until the next call, for its place in the
// ring is given back then. The error is ErrFlushed, os.ErrDeadlineExceeded or, after
// Stop, os.ErrClosed; in the last case alone no record can follow.
func (r *Reader) Next() ([]byte, error) {
	r.read().Store(r.next)
	var late error
	for {
		flushing := r.flushing.Load()
		record, found, err := r.take()
		switch {
		case found || err != nil:
			return record, err
		case r.stopped.Load():
			return nil, os.ErrClosed
		case flushing:
			r.flushing.Store(false)
			return nil, ErrFlushed
		case r.woken.Swap(false):
			return nil, os.ErrDeadlineExceeded
		case late != nil:
			return nil, late
		}
		late = r.wait()
	}
}

// wait returns when there may be a record, a Flush or a Stop, or when the time is over.
func (r *Reader) wait() error {
	return r.conn.Read(func(uintptr) bool {
		return r.written().Load() != r.next || r.flushing.Load() || r.woken.Load() || r.stopped.Load()
	})
}

// take returns the next record that is not discarded, if there is one.
func (r *Reader) take() (record []byte, found bool, err error) {
	for r.written().Load() != r.next {
		header, err := r.header()
		if err != nil {
			return nil, false, err
		}
		length := uint64(header &^ (busy | discarded))
		if header&discarded == 0 {
			record, err = r.at(r.next+headerSize, length)
			found = err == nil
		}
		r.next += headerSize + (length+7)/8*8
		if found || err != nil {
			return record, found, err
		}
		r.read().Store(r.next)
	}
	return nil, false, nil
}

// header waits until the next record is not busy.
func (r *Reader) header() (uint32, error) {
	b, err := r.at(r.next, headerSize)
	if err != nil {
		return 0, err
	}
	header := (*atomic.Uint32)(unsafe.Pointer(&b[0]))
	for tries := 0; header.Load()&busy != 0; tries++ {
		if r.stopped.Load() {
			return 0, os.ErrClosed
		}
		if tries > spins {
			time.Sleep(pause)
		}
	}
	return header.Load(), nil
}

// at returns the bytes at a position.
func (r *Reader) at(position, length uint64) ([]byte, error) {
	if length > r.size {
		return nil, fmt.Errorf("a record of %d bytes in a ring buffer of %d", length, r.size)
	}
	offset := position & (r.size - 1)
	if offset < r.start || offset+length > r.start+uint64(len(r.window)) {
		if err := r.move(offset, length); err != nil {
			return nil, fmt.Errorf("mapping a ring buffer: %w", err)
		}
	}
	return r.window[offset-r.start:][:length:length], nil
}

// move puts the window where it holds so many bytes at an offset.
func (r *Reader) move(offset, length uint64) error {
	if err := r.unmap(&r.window); err != nil {
		return err
	}
	page := uint64(os.Getpagesize())
	start := offset / page * page
	end := (max(start+windowSize, offset+length) + page - 1) / page * page
	window, err := r.mmap(int64(2*page+start), int(min(end, 2*r.size)-start), unix.PROT_READ)
	if err != nil {
		return err
	}
	r.window, r.start = window, start
	return nil
}

func (r *Reader) unmap(mapped *[]byte) (err error) {
	if *mapped != nil {
		err = unix.Munmap(*mapped)
		*mapped = nil
	}
	return err
}

// SetDeadline says when Next ends without a record. It stays until it is set again.
func (r *Reader) SetDeadline(at time.Time) { _ = r.file.SetReadDeadline(at) } // which fails only after Stop

// Flush has Next return ErrFlushed when it has read all that is in the ring by now.
func (r *Reader) Flush() {
	r.flushing.Store(true)
	r.SetDeadline(time.Unix(0, 1))
}

// Wake has Next end when there is no record, as if its time were over.
func (r *Reader) Wake() {
	r.woken.Store(true)
	r.SetDeadline(time.Unix(0, 1))
}

// Stop has Next end, now and from now on.
func (r *Reader) Stop() {
	r.stopped.Store(true)
	r.SetDeadline(time.Unix(0, 1))
}

// Close frees the memory. No Next may be running, and no record be in use.
func (r *Reader) Close() error {
	r.stopped.Store(true)
	return errors.Join(r.unmap(&r.window), r.unmap(&r.producer), r.unmap(&r.consumer), r.file.Close())
}
