package binary

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
)

// tableOf has functions of the given addresses and sizes.
func tableOf(list ...function) *Table {
	m := &Table{loads: []segment{{0, 0x10000, 0x400000}}, names: []byte("\x00a\x00b\x00__b\x00"), entries: list}
	m.order()
	return m
}

func TestLookup(t *testing.T) {
	m := tableOf(
		function{address: 0x400100, size: 0x100, name: 1},
		function{address: 0x400140, size: 0x10, name: 3},
		function{address: 0x400140, size: 0x10, name: 5, rank: 4},
		function{address: 0x400300, name: 3},
		function{address: 0x400400, size: 0xff, name: 0},
	)
	for offset, want := range map[uint64]string{
		0x100: "a+0", 0x145: "b+5", 0x150: "a+80", 0x1ff: "a+255", 0x200: "?", 0x300: "b+0", 0x3ff: "b+255", 0x400: "+0", 0xff: "?", 0x20000: "?",
	} {
		if got := lookup(m, offset); got != want {
			t.Errorf("%#x: %s, want %s", offset, got, want)
		}
	}
}

// smallELF is a file of 64 bits with one segment and the functions of a symbol table:
// main (global), _start (no size), __main (local, at the place of main), and what is no
// function.
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

func TestTable(t *testing.T) {
	m, err := readTable(bytes.NewReader(smallELF()), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for offset, want := range map[uint64]string{0x100: "main+0", 0x10f: "main+15", 0x110: "?", 0x234: "_start+52", 0xff: "?", 0x1100: "?"} {
		if got := lookup(m, offset); got != want {
			t.Errorf("%#x: %s, want %s", offset, got, want)
		}
	}
}

// A file whose tables are larger than the room has no names, and its headers cost
// nothing.
func TestBudgetOfFiles(t *testing.T) {
	whole := smallELF()
	m, err := readTable(bytes.NewReader(whole), 1<<20)
	if err != nil || m.bytes == 0 {
		t.Fatalf("%v", err)
	}
	if _, err := readTable(bytes.NewReader(whole), m.bytes-1); !errors.Is(err, ErrNoRoom) {
		t.Errorf("with a byte less: %v", err)
	}
	// Section 2 holds the names of sections as well, from the word at 62 on, and says
	// that it has 8 GiB.
	huge := &sparse{text: bytes.Clone(whole)}
	binary.LittleEndian.PutUint16(huge.text[62:], 2)
	binary.LittleEndian.PutUint64(huge.text[binary.LittleEndian.Uint64(whole[40:])+2*64+32:], 1<<33)
	size := grown(func() { _, err = readTable(huge, 1<<20) })
	if err != nil || huge.read > 2*maxHeaders || size > slack {
		t.Errorf("%d bytes were read, %d kept: %v", huge.read, size, err)
	}
}

// sparse is a file that goes on with zeroes.
type sparse struct {
	text []byte
	read int
}

func (s *sparse) ReadAt(b []byte, offset int64) (int, error) {
	clear(b)
	if offset < int64(len(s.text)) {
		copy(b, s.text[offset:])
	}
	s.read += len(b)
	return len(b), nil
}

func readTable(from io.ReaderAt, room int) (*Table, error) {
	f, err := New(from)
	if err != nil {
		return nil, err
	}
	return f.Table(room)
}

// lookup writes what lies at an offset as in a stack.
func lookup(t *Table, offset uint64) string {
	name, distance, ok := t.Lookup(offset)
	if !ok {
		return "?"
	}
	return fmt.Sprintf("%s+%d", name, distance)
}

// grown returns by how many bytes what is in use has grown while f ran.
func grown(f func()) int {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int(after.HeapAlloc) - int(before.HeapAlloc)
}

// slack is for what the test itself uses.
const slack = 1 << 20
