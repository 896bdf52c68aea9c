package symbols

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Code that a process made is found in the list that its runtime writes.
func TestMadeCode(t *testing.T) {
	code, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(code)
	start := uint64(uintptr(unsafe.Pointer(&code[0])))
	path := fmt.Sprintf("/tmp/perf-%d.map", os.Getpid())
	defer os.Remove(path)
	u := NewUser(true, 64<<20)
	for _, name := range []string{"old", "LazyCompile:*loop app.js:3"} {
		if err := os.WriteFile(path, fmt.Appendf(nil, "%x 40 %s\n", start, name), 0o600); err != nil {
			t.Fatal(err)
		}
		if p := u.processes[os.Getpid()]; p != nil {
			p.made.read = p.made.read.Add(-2 * freshness)
		}
		symbol, ok := u.Lookup(os.Getpid(), start+5)
		if want := (Symbol{Name: name, Module: "[unknown]", Offset: 5}); !ok || symbol != want {
			t.Errorf("%+v, %v; want %+v", symbol, ok, want)
		}
	}
	if symbol, ok := u.Lookup(os.Getpid(), start+0x40); ok {
		t.Errorf("behind the code is %+v", symbol)
	}
}

func FuzzJIT(f *testing.F) {
	f.Add("7f00 40 a b\n0x7f00 0x10 later\nnonsense\n7f80 zz c\n")
	f.Fuzz(func(t *testing.T, text string) {
		made := parseJIT(strings.NewReader(text), 1<<20)
		for i, e := range made.entries {
			if i > 0 && made.entries[i-1].start >= e.start {
				t.Errorf("%x stands before %x", made.entries[i-1].start, e.start)
			}
			if symbol, ok := made.lookup(e.start); ok && symbol.Name != made.name(e) {
				t.Errorf("%x: %q, want %q", e.start, symbol.Name, made.name(e))
			}
		}
	})
}
