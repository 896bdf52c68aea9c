package symbols

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/ponytrace/ponytrace/internal/testkit"
)

const sampleMaps = `55f683ebd000-55f683ec1000 r--p 00000000 08:01 1843399                    /usr/bin/ls
55f683ec1000-55f683ed6000 r-xp 00004000 08:01 1843399                    /usr/bin/ls
55f683ed7000-55f683ed8000 r-xp 00000000 00:00 0
7f0000000000-7f0000001000 r-xp 00000000 08:01 7                          /tmp/a b (deleted)
nonsense r-xp
7f0000003000-7f0000002000 r-xp 00000000 08:01 7                          /backwards
7ffd0000a000-7ffd0000c000 r-xp 00000000 00:00 0                          [vdso]
7f0000004000-7f0000005000 r-xp 00000000 08:01 7                          /out/of/order
`

func TestMappings(t *testing.T) {
	want := []mapping{
		{0x55f683ec1000, 0x55f683ed6000, 0x4000, fileID{"08:01", 1843399}, "/usr/bin/ls"},
		{0x55f683ed7000, 0x55f683ed8000, 0, fileID{"00:00", 0}, ""},
		{0x7f0000000000, 0x7f0000001000, 0, fileID{"08:01", 7}, "/tmp/a b"},
		{0x7ffd0000a000, 0x7ffd0000c000, 0, fileID{"00:00", 0}, "[vdso]"},
	}
	if got := parseMappings(strings.NewReader(sampleMaps), 1<<20).list; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

//go:noinline
func here() uintptr {
	pc, _, _, _ := runtime.Caller(0)
	return pc
}

// Our own process: a Go function, one in the middle of nothing, and the kernel's code.
func TestOwnProcess(t *testing.T) {
	u := NewUser(true, 64<<20)
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	symbol, ok := u.Lookup(os.Getpid(), uint64(here()))
	if want := "github.com/ponytrace/ponytrace/runtime/symbols.here"; !ok || symbol.Name != want || symbol.Module != executable || symbol.Offset == 0 {
		t.Errorf("%+v, %v; want %s", symbol, ok, want)
	}
	var data int
	if symbol, ok := u.Lookup(os.Getpid(), uint64(uintptr(unsafe.Pointer(&data)))); ok {
		t.Errorf("data is the function %+v", symbol)
	}
	if symbol, ok := u.Lookup(-1, 4096); ok {
		t.Errorf("process -1 has %+v", symbol)
	}
}

func TestVDSO(t *testing.T) {
	i, err := readVDSO()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range i.entries {
		names = append(names, string(i.text(f)))
	}
	if !strings.Contains(strings.Join(names, " "), "clock_gettime") {
		t.Errorf("the kernel's code has %q", names)
	}
}

// A program that has ended keeps the map that was read while it ran, even when its file is gone.
func TestEndedProcess(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		testkit.Lack(t, "sleep(1)")
	}
	text, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, text, 0o700); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "1000")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	u := NewUser(true, 64<<20)
	var code mapping
	for code.path != program { // until exec is done
		p := u.refresh(command.Process.Pid)
		if p == nil {
			t.Fatal("the process has no map")
		}
		for _, m := range p.mappings.list {
			if m.path == program {
				code = m
			}
		}
		time.Sleep(time.Millisecond)
	}
	_ = command.Process.Kill()
	_ = command.Wait()
	u.processes[command.Process.Pid].read = time.Time{}
	if symbol, _ := u.Lookup(command.Process.Pid, code.start); symbol.Module != program {
		t.Errorf("%+v, want the module %s", symbol, program)
	}
}

func TestReadable(t *testing.T) {
	long := "_Z" + strings.Repeat("x", 2000)
	for name, want := range map[string]string{
		"main": "main", "_Z3fooi": "foo(int)", "_ZN5outer5innerC1Ev": "outer::inner::inner()", "_Zbroken": "_Zbroken",
		"main.(*T).M": "main.(*T).M", long: long,
	} {
		m := &image{names: [][]byte{[]byte(name)}, entries: []function{{}}}
		for range 2 {
			if got := m.readable(0); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
}

// imageOf has functions of the given addresses and sizes.
func imageOf(list ...function) *image {
	m := &image{segments: []segment{{0, 0x10000, 0x400000}}, names: [][]byte{[]byte("\x00a\x00b\x00__b\x00")}, entries: list}
	m.order()
	return m
}

func TestImageLookup(t *testing.T) {
	m := imageOf(
		function{address: 0x400100, size: 0x100, name: 1},
		function{address: 0x400140, size: 0x10, name: 3},
		function{address: 0x400140, size: 0x10, name: 5, rank: 4},
		function{address: 0x400300, name: 3},
		function{address: 0x400400, size: 0xff, name: 99},
	)
	for offset, want := range map[uint64]string{
		0x100: "a+0", 0x145: "b+5", 0x150: "a+80", 0x1ff: "a+255", 0x200: "?", 0x300: "b+0", 0x3ff: "b+255", 0x400: "+0", 0xff: "?", 0x20000: "?",
	} {
		got := "?"
		if s, ok := m.lookup(offset); ok {
			got = s.String()
		}
		if got != want {
			t.Errorf("%#x: %s, want %s", offset, got, want)
		}
	}
}

// smallELF is a file of 64 bits with one segment and the functions of a symbol table: main (global), _start (no size), __main
// (local, at the place of main), and what is no function.
func smallELF() []byte {
	names := "\x00main\x00_start\x00__main\x00data\x00"
	var symbols bytes.Buffer
	for _, s := range []elf.Sym64{
		{}, {Name: 13, Info: 0x02, Shndx: 1, Value: 0x1100, Size: 16}, {Name: 1, Info: 0x12, Shndx: 1, Value: 0x1100, Size: 16},
		{Name: 6, Info: 0x12, Shndx: 1, Value: 0x1200}, {Name: 20, Info: 0x11, Shndx: 1, Value: 0x1300, Size: 8}, {Name: 1, Info: 0x12, Value: 0x1400},
	} {
		binary.Write(&symbols, binary.LittleEndian, s)
	}
	const header, segment, section = 64, 56, 64
	at := uint64(header + segment + 3*section)
	var out bytes.Buffer
	for _, part := range []any{
		elf.Header64{Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: 3, Machine: 62, Version: 1, Phoff: header, Shoff: header + segment,
			Ehsize: header, Phentsize: segment, Phnum: 1, Shentsize: section, Shnum: 3},
		elf.Prog64{Type: 1, Flags: 5, Off: 0x100, Vaddr: 0x1100, Filesz: 0x1000, Memsz: 0x1000},
		elf.Section64{},
		elf.Section64{Type: 2, Off: at, Size: uint64(symbols.Len()), Link: 2, Entsize: 24},
		elf.Section64{Type: 3, Off: at + uint64(symbols.Len()), Size: uint64(len(names))},
		symbols.Bytes(), []byte(names),
	} {
		binary.Write(&out, binary.LittleEndian, part)
	}
	return out.Bytes()
}

func TestReadImage(t *testing.T) {
	m, err := readImage(bytes.NewReader(smallELF()), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for offset, want := range map[uint64]string{0x100: "main+0", 0x10f: "main+15", 0x110: "?", 0x234: "_start+52", 0xff: "?", 0x1100: "?"} {
		got := "?"
		if s, ok := m.lookup(offset); ok {
			got = s.String()
		}
		if got != want {
			t.Errorf("%#x: %s, want %s", offset, got, want)
		}
	}
}

// Whatever a file claims to be, reading it ends and looking up does not fail.
func FuzzImage(f *testing.F) {
	f.Add(smallELF())
	f.Add(goELF())
	f.Fuzz(func(t *testing.T, text []byte) {
		i, err := readImage(bytes.NewReader(text), 1<<20)
		if err != nil {
			return
		}
		for offset := range uint64(64) {
			i.lookup(offset * 64)
		}
	})
}

func FuzzMappings(f *testing.F) {
	f.Add(sampleMaps)
	f.Fuzz(func(t *testing.T, text string) {
		end := uint64(0)
		for _, m := range parseMappings(strings.NewReader(text), 1<<20).list {
			if m.start < end || m.end <= m.start {
				t.Errorf("%+v begins before %#x", m, end)
			}
			end = m.end
		}
	})
}
