package symbols

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"
)

// goTableOf has the functions _rt0_ and main.main at 0 and 0x40, up to 0x60.
func goTableOf(text uint64) []byte {
	var out bytes.Buffer
	names := "_rt0_amd64_linux\x00main.main\x00"
	functions := uint64(goHeader + len(names))
	write := func(values ...any) {
		for _, v := range values {
			binary.Write(&out, binary.LittleEndian, v)
		}
	}
	write(uint32(goMagic120), [4]byte{0, 0, 1, 8}, uint64(2), uint64(0), text, uint64(goHeader), uint64(0), uint64(0), uint64(0), functions)
	write([]byte(names))
	write(uint32(0), uint32(20), uint32(0x40), uint32(28), uint32(0x60))
	write(uint32(0), uint32(0), uint32(0x40), uint32(17))
	return out.Bytes()
}

// goELF is a program without symbols whose sections are .text and .gopclntab.
func goELF() []byte {
	const header, segment, section = 64, 56, 64
	names, table := "\x00.text\x00.gopclntab\x00", goTableOf(0)
	at := uint64(header + segment + 4*section)
	var out bytes.Buffer
	for _, part := range []any{
		elf.Header64{Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: 2, Machine: 62, Version: 1, Entry: 0x401000, Phoff: header, Shoff: header + segment,
			Ehsize: header, Phentsize: segment, Phnum: 1, Shentsize: section, Shnum: 4, Shstrndx: 3},
		elf.Prog64{Type: 1, Flags: 5, Off: 0x1000, Vaddr: 0x401000, Filesz: 0x1000, Memsz: 0x1000},
		elf.Section64{},
		elf.Section64{Name: 1, Type: 8, Addr: 0x401000, Size: 0x1000},
		elf.Section64{Name: 7, Type: 1, Off: at, Size: uint64(len(table))},
		elf.Section64{Type: 3, Off: at + uint64(len(table)), Size: uint64(len(names))},
		table, []byte(names),
	} {
		binary.Write(&out, binary.LittleEndian, part)
	}
	return out.Bytes()
}

func TestGoTable(t *testing.T) {
	m, err := readImage(bytes.NewReader(goELF()), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for offset, want := range map[uint64]string{0x1000: "_rt0_amd64_linux+0", 0x1041: "main.main+1", 0x105f: "main.main+31", 0x1060: "?"} {
		got := "?"
		if s, ok := m.lookup(offset); ok {
			got = s.String()
		}
		if got != want {
			t.Errorf("%#x: %s, want %s", offset, got, want)
		}
	}
}

// Where the code begins is told by the header, or by the entry point, or not known.
func TestPlaceOfGoCode(t *testing.T) {
	for _, test := range []struct{ header, entry, text, want uint64 }{
		{0x400000, 1, 2, 0x400000}, {0, 0x401000, 0x401000, 0x401000}, {0, 0x401000, 0x400f00, 0},
	} {
		table, ok := readGoTable(goTableOf(test.header), binary.LittleEndian)
		if !ok {
			t.Fatal("the table was not taken")
		}
		if placed := table.place(test.entry, test.text); table.text != test.want || placed != (test.want != 0) {
			t.Errorf("%+v: %#x, %v", test, table.text, placed)
		}
	}
}
