package binary

import (
	"io"
	"testing"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/internal/vmtest/programs"
)

// A program is entered by a jump, functions are by calls, and behind push %rbp the address
// to return to is no longer on top of the stack.
func TestReturnAddresses(t *testing.T) {
	f, err := Open(programs.Build(t, "c-O0"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, test := range []struct {
		name          string
		distance      uint64
		called, known bool
	}{
		{"_start", 0, false, true},
		{"add", 0, true, true},
		{"add", 4, false, true},
		{"descend", 0, true, true},
		{"frame_dummy", 0, false, false},
	} {
		found, err := f.Functions(test.name)
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v, %v", test.name, found, err)
		}
		called, known := f.calledAt(found[0].Address + test.distance)
		if called != test.called || known != test.known {
			t.Errorf("%s+%d: %t, %t", test.name, test.distance, called, known)
		}
		p, err := f.Placement(found[0].Offset)
		if err != nil || !p.Entry || p.Uncalled != (test.name == "_start") {
			t.Errorf("%s: %+v, %v", test.name, p, err)
		}
	}
}

// Nearly all functions of a library are called; what is not is where signal handlers
// return, and parts of functions that the compiler put elsewhere.
func TestReturnAddressesOfLibrary(t *testing.T) {
	f, err := Open("/lib/x86_64-linux-gnu/libc.so.6")
	testkit.Need(t, "libc of x86_64", err == nil)
	defer f.Close()
	starts, err := f.functionStarts()
	if err != nil {
		t.Fatal(err)
	}
	all, not := 0, 0
	for _, s := range starts {
		if called, known := f.calledAt(s.start); known {
			all++
			if !called {
				not++
			}
		}
	}
	if all < len(starts)/2 || not > all/20 {
		t.Errorf("of %d functions %d are known, and %d not called", len(starts), all, not)
	}
}

// Whatever a byte of the table is, a lookup ends, and without the table nothing is known.
func TestHostileReturnAddresses(t *testing.T) {
	f, err := Open(programs.Build(t, "c-O0"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	header := f.elf.Section(".eh_frame_hdr")
	add, err := f.Functions("add")
	if err != nil || len(add) != 1 {
		t.Fatal(add, err)
	}
	whole := make([]byte, header.FileSize)
	if _, err := f.pages.from.ReadAt(whole, int64(header.Offset)); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for i := range whole {
		for _, b := range []byte{0, 0x7f, 0x80, 0xff} {
			changed := &patched{from: f.pages.from, at: int64(header.Offset) + int64(i), b: b}
			hostile, err := New(changed)
			if err != nil {
				t.Fatal(err)
			}
			called, known := hostile.calledAt(add[0].Address)
			if called && !known {
				t.Errorf("byte %d as %#x", i, b)
			}
			if i == 0 && !known {
				lost++
			}
		}
	}
	if lost != 4 {
		t.Errorf("of 4 other versions of the table %d are not known", lost)
	}
}

// patched is a file with another byte at a place.
type patched struct {
	from io.ReaderAt
	at   int64
	b    byte
}

func (p *patched) ReadAt(to []byte, offset int64) (int, error) {
	n, err := p.from.ReadAt(to, offset)
	if at := p.at - offset; at >= 0 && at < int64(n) {
		to[at] = p.b
	}
	return n, err
}
