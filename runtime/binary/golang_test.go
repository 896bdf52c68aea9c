package binary

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/internal/vmtest/programs"
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
	write(uint32(goMagic120), [4]byte{0, 0, 1, 8}, uint64(2), uint64(0), text, uint64(goHeader), functions, uint64(0), uint64(0), functions)
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
	m, err := readTable(bytes.NewReader(goELF()), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for offset, want := range map[uint64]string{0x1000: "_rt0_amd64_linux+0", 0x1041: "main.main+1", 0x105f: "main.main+31", 0x1060: "?"} {
		if got := lookup(m, offset); got != want {
			t.Errorf("%#x: %s, want %s", offset, got, want)
		}
	}
}

// calls returns the addresses of the calls that led here, some of them inlined.
func calls() []uintptr { return deeper() }

func deeper() []uintptr {
	pcs := make([]uintptr, 8)
	return pcs[:runtime.Callers(0, pcs)]
}

// What Go itself knows of our own addresses.
func TestGoFrames(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(executable)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pcs := calls()
	var want []target.Frame
	for frames, more := runtime.CallersFrames(pcs), true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		want = append(want, target.Frame{Function: frame.Function, File: frame.File, Line: frame.Line})
	}
	inlined := 0
	for i, pc := range pcs {
		offset, ok := f.offset(uint64(pc) - 1)
		got, err := f.Frames(offset)
		if !ok || err != nil || len(got) == 0 {
			t.Fatalf("%#x: %v, %v", pc, got, err)
		}
		for j := range got {
			if got[j].Inlined != (j < len(got)-1) {
				t.Errorf("%#x: %+v", pc, got)
			}
			got[j].Inlined, got[j].Offset = false, 0
		}
		inlined += len(got) - 1
		if rest := want[i:]; !slices.Equal(got, rest[:min(len(got), len(rest))]) {
			t.Errorf("%#x\n%+v, want\n%+v", pc, got, rest)
		}
	}
	if inlined == 0 {
		t.Error("no call was inlined")
	}
}

// Programs without symbols, on both machines, and one that may be moved.
func TestGoPrograms(t *testing.T) {
	testkit.Long(t)
	source := filepath.Join(t.TempDir(), "main.go")
	text := `package main

func main() {
	println(twice(len(source())))
}

func twice(n int) int { return n + n }

//go:noinline
func source() string { return "text" }
`
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ machine, mode string }{
		{"amd64", "exe"}, {"amd64", "pie"}, {"arm64", "exe"}, {"arm64", "pie"},
	} {
		program := filepath.Join(t.TempDir(), "program")
		build := exec.Command("go", "build", "-trimpath", "-buildmode", test.mode,
			"-ldflags", "-s -w", "-o", program, source)
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+test.machine)
		if output, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%+v: %v\n%s", test, err, output)
		}
		goProgram(t, program)
	}
}

func goProgram(t *testing.T, path string) {
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found, err := f.Functions("main.source")
	if err != nil || len(found) != 1 || found[0].Size == 0 {
		t.Fatalf("%+v, %v", found, err)
	}
	frames, err := f.Frames(found[0].Offset)
	if err != nil || len(frames) != 1 || frames[0].Function != "main.source" || frames[0].Line != 10 {
		t.Errorf("%+v, %v", frames, err)
	}
	if function, err := f.Signature(found[0]); err != nil || len(function.Params) == 0 || function.Params[0].Name != "" {
		t.Errorf("%+v, %v, want arguments without names", function, err)
	}
	table, err := f.Table(1 << 30)
	if err != nil {
		t.Fatal(err)
	}
	if got := lookup(table, found[0].Offset+1); got != "main.source+1" {
		t.Errorf("%s, want main.source+1", got)
	}
	inlined := false
	main, err := f.Functions("main.main")
	for offset := uint64(0); err == nil && len(main) == 1 && offset < main[0].Size; offset++ {
		frames, _ := f.Frames(main[0].Offset + offset)
		if len(frames) == 2 && frames[0].Inlined && frames[1].Line == 4 {
			inlined = inlined || frames[0].Function == "main.twice"
		}
	}
	if !inlined {
		t.Errorf("%v, %v: no call is inlined", main, err)
	}
}

// Before Go 1.26 the tables of inlined calls are found by the description of the program
// among its data: what has the addresses of Go's table and of the code.
func TestInlinedByData(t *testing.T) {
	const text, tables = 0x1000, 0x777
	program := func(data ...uint64) *File {
		var raw []byte
		for _, word := range data {
			raw = binary.LittleEndian.AppendUint64(raw, word)
		}
		return fuzzed(t, elfSection{".text", elf.SHT_PROGBITS, 0, allocated, make([]byte, 0x100)},
			elfSection{".gopclntab", elf.SHT_PROGBITS, 0, elf.SHF_ALLOC, goTableOf(text)},
			elfSection{".noptrdata", elf.SHT_PROGBITS, 0, elf.SHF_ALLOC, raw})
	}
	at := program(0).elf.Section(".gopclntab").Addr
	module := make([]uint64, goModuleFuncData+1)
	module[0], module[goModuleText], module[goModuleFuncData] = at, text, tables
	other := slices.Clone(module)
	other[goModuleText] = text + 1
	for name, test := range map[string]struct {
		data []uint64
		want uint64
	}{
		"there": {slices.Concat([]uint64{1, at, 2}, other, module, []uint64{3}), tables},
		"cut":   {slices.Concat([]uint64{1}, module[:goModuleFuncData]), 0},
		"other": {other, 0},
		"none":  {nil, 0},
	} {
		f := program(test.data...)
		table, err := f.goTable()
		if err != nil || table == nil {
			t.Fatalf("%s: no table, %v", name, err)
		}
		for range 2 {
			if got := f.goModule(table).word(goModuleFuncData); got != test.want {
				t.Errorf("%s: %#x, want %#x", name, got, test.want)
			}
		}
	}
}

// Go's table has the functions, inlined calls and lines that debug information has.
func TestGoTableAgainstDebugInformation(t *testing.T) {
	for _, name := range []string{"go", "go-pie"} {
		f, headers := opened(t, programs.Build(t, name))
		table, err := f.goTable()
		if err != nil || !table.hasInlined() {
			t.Fatalf("%s: no table with inlined calls, %v", name, err)
		}
		info, err := f.debugInfo()
		if err != nil {
			t.Fatal(err)
		}
		inlined, all := 0, symbolsOf(headers)
		for i := 0; i < len(all); i += 1 + len(all)/300 {
			*f.pages.steps = maxSteps
			address := all[i].Value + all[i].Size/2
			got := table.frames(address)
			want, err := info.frames(address)
			if err != nil {
				t.Fatal(err)
			}
			if len(want) == 0 || strings.HasPrefix(all[i].Name, "type:") || f.codeSection(address).Name != ".text" {
				continue
			}
			if !slices.EqualFunc(got, want, sameFrame) {
				t.Errorf("%s: %s: %+v, want %+v", name, all[i].Name, got, want)
			}
			inlined += len(got) - 1
		}
		if inlined < 20 {
			t.Errorf("%s: only %d calls are inlined", name, inlined)
		}
	}
}

func sameFrame(a, b target.Frame) bool {
	return a.Function == b.Function && a.Line == b.Line && a.Inlined == b.Inlined
}

// A generic function of Go is named without its types, or as Go's reports print it, or as
// it was made for one of them.
func TestInstancesByName(t *testing.T) {
	const name = "main.(*Map[go.shape.int,go.shape.struct { X []int }]).Get"
	for wanted, means := range map[string]bool{
		name:                   true,
		"main.(*Map).Get":      true,
		"main.(*Map[...]).Get": true,
		"main.(*Map[int]).Get": false,
		"main.(*Map).Put":      false,
		"main.(*Ma).Get":       false,
		"main.(*Map[...])":     false,
		"main.Map.Get":         false,
	} {
		n := (&File{}).named(wanted)
		if got := n.byLinker([]byte(name)) || n.bySource([]byte(name)); got != means {
			t.Errorf("%s means %s: %t", wanted, name, got)
		}
	}
	if n := (&File{}).named("f"); n.bySource([]byte("f[")) || n.bySource([]byte("f]")) {
		t.Error("f[ and f] are no instances of f")
	}
}
