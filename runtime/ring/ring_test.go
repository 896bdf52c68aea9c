package ring

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/internal/testkit"
)

const (
	submitted = 0
	silent    = 1 // BPF_RB_NO_WAKEUP
)

// sender has programs that send records.
type sender struct {
	t    testing.TB
	ring *ebpf.Map
	sent uint64
}

func newSender(t testing.TB, size int) *sender {
	t.Helper()
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: uint32(size)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return &sender{t: t, ring: m}
}

func (s *sender) reader() *Reader {
	s.t.Helper()
	r, err := Open(s.ring)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { r.Close() })
	return r
}

// program sends one record of a size, which begins and ends with the program's argument,
// or discards it. It returns 1 when the ring is full.
func (s *sender) program(size int, end asm.BuiltinFunc, flags int64) *ebpf.Program {
	s.t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.RawTracepoint, License: "GPL",
		Instructions: asm.Instructions{
			asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord),
			asm.LoadMapPtr(asm.R1, s.ring.FD()),
			asm.Mov.Imm(asm.R2, int32(size)),
			asm.Mov.Imm(asm.R3, 0),
			asm.FnRingbufReserve.Call(),
			asm.JEq.Imm(asm.R0, 0, "full"),
			asm.StoreMem(asm.R0, 0, asm.R6, asm.DWord),
			asm.Mov.Reg(asm.R1, asm.R0),
			asm.Mov.Reg(asm.R7, asm.R0),
			asm.Add.Imm(asm.R7, int32(size-8)),
			asm.StoreMem(asm.R7, 0, asm.R6, asm.DWord),
			asm.Mov.Imm(asm.R2, int32(flags)),
			end.Call(),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
			asm.Mov.Imm(asm.R0, 1).WithSymbol("full"),
			asm.Return(),
		},
	})
	if err != nil {
		s.t.Fatalf("%+v", err)
	}
	s.t.Cleanup(func() { p.Close() })
	return p
}

func (s *sender) send(p *ebpf.Program) {
	s.t.Helper()
	full, err := p.Run(&ebpf.RunOptions{Context: []uint64{s.sent}})
	if err != nil || full != 0 {
		s.t.Fatalf("record %d was not sent: %d, %v", s.sent, full, err)
	}
	s.sent++
}

// expect reads the records from..to, each of a size.
func expect(t testing.TB, r *Reader, from, to uint64, size int) {
	t.Helper()
	for want := from; want < to; want++ {
		record, err := r.Next()
		if err != nil {
			t.Fatalf("record %d: %v", want, err)
		}
		first, last := binary.NativeEndian.Uint64(record), binary.NativeEndian.Uint64(record[len(record)-8:])
		if len(record) != size || first != want || last != want {
			t.Fatalf("record of %d bytes from %d to %d, want %d of %d", len(record), first, last, size, want)
		}
	}
}

// Records of all sizes are whole, wherever the window and the end of the ring are.
func TestRecords(t *testing.T) {
	const ring = 2 << 20
	s := newSender(t, ring)
	r := s.reader()
	for _, size := range []int{40, 4096, 5000, windowSize - 8, windowSize, windowSize + 8, 600_000} {
		p := s.program(size, asm.FnRingbufSubmit, submitted)
		together := max(1, min(1000, ring/4/size))
		for sent := 0; sent < ring+2*windowSize; {
			from := s.sent
			for range together {
				s.send(p)
				sent += size + headerSize
			}
			expect(t, r, from, s.sent, size)
		}
		if most := max(windowSize, size) + 2*os.Getpagesize(); len(r.window) > most {
			t.Errorf("%d bytes are mapped after records of %d", len(r.window), size)
		}
	}
}

func TestDiscarded(t *testing.T) {
	s := newSender(t, 1<<16)
	r := s.reader()
	discard, submit := s.program(24, asm.FnRingbufDiscard, submitted), s.program(24, asm.FnRingbufSubmit, submitted)
	for range 5000 { // several times the ring
		s.send(discard)
		s.send(submit)
		expect(t, r, s.sent-1, s.sent, 24)
	}
	s.send(discard)
	r.SetDeadline(time.Now())
	if record, err := r.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%x, %v", record, err)
	}
}

// A ring that was full takes records again once some are read.
func TestFull(t *testing.T) {
	s := newSender(t, 1<<16)
	r := s.reader()
	p := s.program(56, asm.FnRingbufSubmit, submitted)
	for range 3 {
		from := s.sent
		for range 1<<16/64 - 1 {
			s.send(p)
		}
		if full, err := p.Run(&ebpf.RunOptions{Context: []uint64{0}}); err != nil || full == 0 {
			t.Fatalf("the ring holds more than its size: %v", err)
		}
		expect(t, r, from, s.sent, 56)
		r.SetDeadline(time.Now())
		if _, err := r.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
}

// A second reader goes on where the first one ended.
func TestReopened(t *testing.T) {
	s := newSender(t, 1<<16)
	p := s.program(16, asm.FnRingbufSubmit, submitted)
	for range 10 {
		s.send(p)
	}
	first := s.reader()
	expect(t, first, 0, 5, 16)
	first.SetDeadline(time.Now())
	expect(t, first, 5, 6, 16) // gives the fifth back
	expect(t, s.reader(), 5, 10, 16)
}

// next reads in the background.
func next(r *Reader) <-chan error {
	result := make(chan error, 1)
	go func() {
		_, err := r.Next()
		result <- err
	}()
	return result
}

// waiting fails when the reader does not wait.
func waiting(t *testing.T, result <-chan error) {
	t.Helper()
	select {
	case err := <-result:
		t.Fatalf("the reader did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
}

func TestWaking(t *testing.T) {
	s := newSender(t, 1<<16)
	r := s.reader()
	loud, quiet := s.program(16, asm.FnRingbufSubmit, submitted), s.program(16, asm.FnRingbufSubmit, silent)
	for name, wake := range map[string]struct {
		act  func()
		want error
	}{
		"a record": {func() { s.send(loud) }, nil},
		"a flush":  {r.Flush, ErrFlushed},
		"a wake":   {r.Wake, os.ErrDeadlineExceeded},
		"a deadline after a record that does not wake": {func() {
			s.send(quiet)
			r.SetDeadline(time.Now())
		}, nil},
		"a deadline": {func() { r.SetDeadline(time.Now()) }, os.ErrDeadlineExceeded},
	} {
		r.SetDeadline(time.Time{})
		result := next(r)
		waiting(t, result)
		wake.act()
		if err := <-result; !errors.Is(err, wake.want) {
			t.Errorf("%s: %v, want %v", name, err, wake.want)
		}
	}
}

// A flush comes after all that was sent before it.
func TestFlush(t *testing.T) {
	s := newSender(t, 1<<16)
	r := s.reader()
	p := s.program(16, asm.FnRingbufSubmit, silent)
	for range 100 {
		s.send(p)
	}
	r.Flush()
	expect(t, r, 0, 100, 16)
	if _, err := r.Next(); !errors.Is(err, ErrFlushed) {
		t.Fatal(err)
	}
	r.SetDeadline(time.Time{})
	result := next(r)
	waiting(t, result)
	r.Stop()
	<-result
}

// A deadline does not undo a stop.
func TestStop(t *testing.T) {
	s := newSender(t, 1<<16)
	r := s.reader()
	result := next(r)
	waiting(t, result)
	r.Stop()
	if err := <-result; !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
	r.SetDeadline(time.Now().Add(time.Hour))
	if _, err := r.Next(); !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
}

func TestNotARing(t *testing.T) {
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := Open(m); err == nil {
		t.Error("an array was opened as a ring buffer")
	}
}
