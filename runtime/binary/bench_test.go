package binary

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/internal/vmtest/programs"
)

// largeProgram has so many functions, every second one of C++.
func largeProgram(count int) []byte {
	var symbols bytes.Buffer
	names := []byte{0}
	binary.Write(&symbols, binary.LittleEndian, elf.Sym64{})
	for i := range count {
		name := fmt.Sprintf("module_%d_function_%d", i%100, i)
		if i%2 == 0 {
			name = fmt.Sprintf("_ZN6module10Class%05d12method%06dEiPKc", i%100, i)
		}
		binary.Write(&symbols, binary.LittleEndian, elf.Sym64{
			Name: uint32(len(names)), Info: 0x12, Shndx: 1, Value: uint64(0x1100 + 16*i), Size: 16,
		})
		names = append(append(names, name...), 0)
	}
	code := elfSection{".text", elf.SHT_PROGBITS, 0, allocated, make([]byte, 16*count+0x200)}
	return elfOf(code, elfSection{".symtab", elf.SHT_SYMTAB, 3, 0, symbols.Bytes()}, elfSection{".strtab", elf.SHT_STRTAB, 0, 0, names})
}

func TestLargeProgram(t *testing.T) {
	f, err := New(bytes.NewReader(largeProgram(100_000)))
	if err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]int{
		"*": 100_000, "module::*": 50_000, "module_7_*": 1000, "*::method0000?8": 10, "*nothing*": 0,
		"module::Class00004::method000104(int, char const*)": 1, "*::Class00004::*": 1000,
	} {
		count := 0
		err := f.Match(pattern, func(target.BinaryFunction) bool { count++; return true })
		if err != nil || count != want {
			t.Errorf("%s matches %d functions, %v, want %d", pattern, count, err, want)
		}
	}
}

func BenchmarkFunctions(b *testing.B) {
	large, err := New(bytes.NewReader(largeProgram(100_000)))
	if err != nil {
		b.Fatal(err)
	}
	libc, err := Open(programs.Build(b, "c-static"))
	if err != nil {
		b.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		file     *File
		function string
		want     int
	}{
		{"libc", libc, "malloc", 1}, {"chosen", libc, "strlen", 4},
		{"large", large, "module_7_function_107", 1}, {"source", large, "module::Class00004::method000104", 1},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if list, err := test.file.Functions(test.function); err != nil || len(list) != test.want {
					b.Fatalf("%+v, %v", list, err)
				}
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	f, err := New(bytes.NewReader(largeProgram(100_000)))
	if err != nil {
		b.Fatal(err)
	}
	for _, pattern := range []string{"*", "module_7_*", "*::method0000?8", "module::*"} {
		b.Run(pattern, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f.Match(pattern, func(target.BinaryFunction) bool { return true }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMarkers(b *testing.B) {
	f := fixture(b, "usdt")
	b.ReportAllocs()
	for b.Loop() {
		if list, err := f.Markers(); err != nil || len(list) != 10 {
			b.Fatalf("%v, %v", list, err)
		}
	}
}

func BenchmarkLines(b *testing.B) {
	f, err := Open(programs.Build(b, "rust"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Lines("target.rs", 1); err == nil {
			b.Fatal("a comment has code")
		}
	}
}
