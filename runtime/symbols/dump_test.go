package symbols

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// record makes one of a list; more is what follows the time.
func record(kind uint32, more ...any) []byte {
	var rest bytes.Buffer
	for _, part := range more {
		binary.Write(&rest, binary.NativeEndian, part)
	}
	head := binary.NativeEndian.AppendUint32(nil, kind)
	head = binary.NativeEndian.AppendUint32(head, uint32(dumpRecord+rest.Len()))
	return append(append(head, make([]byte, 8)...), rest.Bytes()...)
}

// loaded is code with a name.
func loaded(name string, start, size uint64) []byte {
	return record(dumpLoad, uint32(1), uint32(1), start, start, size, uint64(1), []byte(name+"\x00"), make([]byte, size))
}

func moved(from, to, size uint64) []byte {
	return record(dumpMove, uint32(1), uint32(1), to, from, to, size, uint64(1))
}

func dumpHead() []byte {
	head := binary.NativeEndian.AppendUint32(nil, dumpMagic)
	head = binary.NativeEndian.AppendUint32(head, dumpVersion)
	head = binary.NativeEndian.AppendUint32(head, dumpHeader)
	return append(head, make([]byte, dumpHeader-len(head))...)
}

// Names come from the list as it grows, whatever else is in it.
func TestDump(t *testing.T) {
	text := bytes.Join([][]byte{
		dumpHead(), loaded("first", 0x1000, 64), record(77, uint64(5)), loaded("second", 0x2000, 70_000),
		loaded("third", 0x1000, 16), moved(0x2000, 0x40000, 100), moved(0x9999, 0x50000, 100),
	}, nil)
	more := append(loaded("fourth", 0x40000, 8), loaded("unfinished", 0x60000, 64)[:100]...)
	d, err := dump{}.parse(bytes.NewReader(text), int64(len(text)), 1<<20)
	if err != nil || d.read != int64(len(text)) {
		t.Fatalf("%d of %d bytes are read, %v", d.read, len(text), err)
	}
	compareMade(t, &d.jit, map[uint64]string{0x1005: "third+5", 0x1020: "", 0x2000: "", 0x40010: "second+16", 0x50000: ""})
	text = append(text, more...)
	d, err = d.parse(bytes.NewReader(text), int64(len(text)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	compareMade(t, &d.jit, map[uint64]string{0x1005: "third+5", 0x40004: "fourth+4", 0x60000: ""})
}

func compareMade(t *testing.T, list *jit, names map[uint64]string) {
	t.Helper()
	for address, want := range names {
		got := ""
		if symbol, ok := list.lookup(address); ok {
			got = symbol.String()
		}
		if got != want {
			t.Errorf("%#x: %q, want %q", address, got, want)
		}
	}
}

// What is no list is refused, and one that is too long is cut.
func TestBadDumps(t *testing.T) {
	endless := record(dumpLoad)
	binary.NativeEndian.PutUint32(endless[4:], 0)
	for name, text := range map[string][]byte{
		"empty": nil, "short": dumpHead()[:20], "text": bytes.Repeat([]byte("x"), 100), "endless": append(dumpHead(), endless...),
	} {
		if d, err := (dump{}).parse(bytes.NewReader(text), int64(len(text)), 1<<20); err == nil || len(d.entries) != 0 {
			t.Errorf("%s: %d entries, %v", name, len(d.entries), err)
		}
	}
	var long bytes.Buffer
	long.Write(dumpHead())
	for i := range uint64(1000) {
		long.Write(loaded(strings.Repeat("n", 100), i*16, 16))
	}
	d, err := dump{}.parse(bytes.NewReader(long.Bytes()), int64(long.Len()), 10_000)
	if err != nil || !d.cut || d.bytesUsed() > 10_000 || len(d.entries) < 50 {
		t.Errorf("%d entries take %d bytes, cut: %v, %v", len(d.entries), d.bytesUsed(), d.cut, err)
	}
}

// What comes before a record that makes no sense is known, and that one is looked at
// again.
func TestUnfinishedDump(t *testing.T) {
	whole := slices.Concat(dumpHead(), loaded("first", 0x1000, 16), loaded("second", 0x2000, 16))
	half := slices.Concat(whole[:len(whole)-len(loaded("second", 0x2000, 16))], make([]byte, 1000))
	d, err := dump{}.parse(bytes.NewReader(half), int64(len(half)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	compareMade(t, &d.jit, map[uint64]string{0x1000: "first+0", 0x2000: ""})
	if _, err := d.parse(bytes.NewReader(half), int64(len(half)), 1<<20); err == nil {
		t.Error("zeroes are records")
	}
	if d, err = d.parse(bytes.NewReader(whole), int64(len(whole)), 1<<20); err != nil {
		t.Fatal(err)
	}
	compareMade(t, &d.jit, map[uint64]string{0x1000: "first+0", 0x2000: "second+0"})
}

// endless is a file of records that reaches as far as a file can.
type endless struct{}

func (endless) ReadAt(b []byte, at int64) (int, error) {
	if at < 0 {
		return 0, os.ErrInvalid
	}
	n := min(int64(len(b)), math.MaxInt64-at)
	clear(b[:n])
	for i := 4; i+4 <= int(n); i += 8 {
		binary.NativeEndian.PutUint32(b[i:], math.MaxUint32)
	}
	return int(n), nil
}

// The largest file that there is ends where it ends.
func TestLargestDump(t *testing.T) {
	for _, left := range []int64{0, 1, 7, 100, dumpWindow, 1 << 32, 1 << 33} {
		before := dump{read: math.MaxInt64 - left}
		after, _ := before.parse(endless{}, math.MaxInt64, 1<<20)
		if after.read < before.read {
			t.Errorf("%d bytes before the end, %d is read", left, after.read)
		}
	}
}

// Code is found by the list that the process has mapped, if it is its own.
func TestMappedDump(t *testing.T) {
	code, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(code)
	start := uint64(uintptr(unsafe.Pointer(&code[0])))
	path := filepath.Join(t.TempDir(), fmt.Sprintf("jit-%d.dump", os.Getpid()))
	list := slices.Concat(dumpHead(), lined(start, at(start+4, 7, "loop.js")), loaded("loop", start, 64))
	if err := os.WriteFile(path, list, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	page, err := unix.Mmap(int(file.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(page)
	u := NewUser(true, 64<<20)
	want := Symbol{Name: "loop", Module: "[unknown]", Offset: 5}
	if symbol, ok := u.Lookup(os.Getpid(), start+5); !ok || symbol != want {
		t.Errorf("%+v, %v; want %+v", symbol, ok, want)
	}
	if u.budget.used != u.processes[os.Getpid()].bytesUsed()+imagesUsed(u) {
		t.Errorf("%d bytes are counted", u.budget.used)
	}
	lines := NewUser(true, 64<<20)
	lines.ShowLines()
	frame := []Frame{{Symbol: want, File: "loop.js", Line: 7}}
	for user, want := range map[*User][]Frame{lines: frame, u: {{Symbol: want}}} {
		if got := user.Frames(nil, os.Getpid(), start+5, false); !slices.Equal(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chown(path, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if symbol, ok := NewUser(true, 64<<20).Lookup(os.Getpid(), start+5); ok {
		t.Errorf("somebody else's list has %+v", symbol)
	}
}

func imagesUsed(u *User) (bytes int) {
	for _, i := range u.images {
		bytes += i.Bytes()
	}
	return bytes
}

func FuzzDump(f *testing.F) {
	f.Add(bytes.Join([][]byte{dumpHead(), loaded("a", 0x1000, 8), moved(0x1000, 0x2000, 8), loaded("b", 0x2000, 8)}, nil))
	f.Add(bytes.Join([][]byte{dumpHead(), lined(0x1000, at(0x1000, 1, "f"), at(0x1002, 2, "\xff")), loaded("a", 0x1000, 8)}, nil))
	f.Fuzz(func(t *testing.T, text []byte) {
		const room = 1 << 16
		d, _ := dump{codeLines: codeLines{wanted: true}}.parse(bytes.NewReader(text), int64(len(text)), room)
		if d.bytesUsed() > room || d.read > int64(len(text))+1<<32 {
			t.Errorf("%d bytes are kept, %d of %d read", d.bytesUsed(), d.read, len(text))
		}
		for i, e := range d.entries {
			if i > 0 && d.entries[i-1].start >= e.start {
				t.Errorf("%x stands before %x", d.entries[i-1].start, e.start)
			}
		}
	})
}
