package binary

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/internal/vmtest/programs"
)

// opened are a file as we read it and as package debug/elf does.
func opened(t *testing.T, path string) (*File, *elf.File) {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	headers, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { headers.Close() })
	return f, headers
}

// symbolsOf are the functions that package debug/elf finds, with their names.
func symbolsOf(headers *elf.File) (functions []elf.Symbol) {
	own, _ := headers.Symbols()
	dynamic, _ := headers.DynamicSymbols()
	for _, s := range append(own, dynamic...) {
		kind := elf.ST_TYPE(s.Info)
		if (kind == elf.STT_FUNC || kind == elf.STT_GNU_IFUNC) && s.Section != elf.SHN_UNDEF && s.Value != 0 {
			s.Name, _, _ = strings.Cut(s.Name, "@")
			functions = append(functions, s)
		}
	}
	return functions
}

// realFiles are those of this machine that a test also reads, if they are there.
func realFiles() (paths []string) {
	for _, path := range []string{
		"/lib/x86_64-linux-gnu/libc.so.6", "/bin/bash", "/usr/bin/python3", "/usr/local/bin/postgres",
		"/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
	} {
		if _, err := os.Stat(path); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// Every function that package debug/elf finds is found, by its name and by a pattern.
func TestFunctionsOfPrograms(t *testing.T) {
	var paths []string
	for _, name := range []string{"c", "c-static", "c-stripped", "cpp", "rust", "go"} {
		paths = append(paths, programs.Build(t, name))
	}
	for _, path := range append(paths, realFiles()...) {
		t.Run(filepath.Base(path), func(t *testing.T) { compareFunctions(t, path) })
	}
}

func compareFunctions(t *testing.T, path string) {
	f, headers := opened(t, path)
	want := symbolsOf(headers)
	if len(want) == 0 {
		t.Fatal("package debug/elf finds none")
	}
	all := map[uint64]target.BinaryFunction{}
	err := f.Match("*", func(f target.BinaryFunction) bool {
		if before, twice := all[f.Address]; twice {
			t.Errorf("%+v and %+v", before, f)
		}
		all[f.Address] = f
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	step := max(1, len(want)/100) // each by its name takes long
	for i, s := range want {
		_, listed := all[s.Value]
		chooses := elf.ST_TYPE(s.Info) == elf.STT_GNU_IFUNC
		if !listed && !chooses && !strings.HasSuffix(s.Name, ".cold") {
			t.Errorf("%s at %#x is not listed", s.Name, s.Value)
		}
		if i%step != 0 {
			continue
		}
		found, err := f.Functions(s.Name)
		there := slices.ContainsFunc(found, func(b target.BinaryFunction) bool {
			same := b.Address == s.Value && (b.Size == s.Size || s.Size == 0)
			return same || chooses && b.ChosenAs == s.Name
		})
		if err != nil || !there {
			t.Errorf("%s at %#x of %d bytes: %+v, %v", s.Name, s.Value, s.Size, found, err)
		}
	}
}

// What a function of libc is chosen from are those that have its name in theirs.
func TestChoicesOfPrograms(t *testing.T) {
	f, headers := opened(t, programs.Build(t, "c-static"))
	chooses := 0
	for _, s := range symbolsOf(headers) {
		if elf.ST_TYPE(s.Info) != elf.STT_GNU_IFUNC {
			continue
		}
		list, err := f.Functions(s.Name)
		if err != nil || len(list) == 0 {
			t.Errorf("%s: %v, %v", s.Name, list, err)
		}
		if len(list) < leastChoices || list[0].Indirect {
			continue
		}
		chooses++
		for _, function := range list {
			if function.ChosenAs != s.Name || function.Indirect || !chosenName(s.Name, function.Name) {
				t.Errorf("%s is chosen from %+v", s.Name, function)
			}
		}
	}
	if chooses < 20 {
		t.Errorf("only %d functions are chosen", chooses)
	}
}

// others are functions that have names of others: an implementation serves both.
var others = map[string]string{
	"index": "strchr", "rindex": "strrchr", "bcmp": "memcmp", "memcpy": "memmove",
	"mempcpy": "memmove", "memcpy_chk": "memmove_chk", "memmove": "memcpy",
}

func chosenName(name, choice string) bool {
	name = strings.TrimPrefix(strings.TrimPrefix(strings.TrimLeft(name, "_"), "libc_"), "new_")
	other, has := others[name]
	return strings.Contains(choice, "_"+name+"_") || has && strings.Contains(choice, "_"+other+"_")
}

// Every line with code is found where package debug/dwarf has it.
func TestLinesOfPrograms(t *testing.T) {
	for _, name := range []string{"c", "c-O0", "c-dwarf4", "c-static", "c-debuglink", "cpp", "rust"} {
		t.Run(name, func(t *testing.T) { compareLinesOf(t, programs.Build(t, name)) })
	}
}

func compareLinesOf(t *testing.T, path string) {
	f, headers := opened(t, path)
	if _, err := os.Stat(path + ".debug"); err == nil {
		headers, _ = elf.Open(path + ".debug")
		defer headers.Close()
	}
	data, err := headers.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[int][]uint64{}
	units := data.Reader()
	for {
		unit, err := units.Next()
		if err != nil {
			t.Fatal(err)
		}
		if unit == nil {
			break
		}
		if unit.Tag == dwarf.TagCompileUnit {
			addLines(t, data, unit, want, f.isCode)
		}
		units.SkipChildren()
	}
	compared := 0
	for file, lines := range want {
		if !strings.HasPrefix(filepath.Base(file), "target.") {
			continue
		}
		for line, addresses := range lines {
			places, err := f.Lines(filepath.Base(file), line)
			var got []uint64
			for _, p := range places {
				got = append(got, p.Address)
			}
			slices.Sort(addresses)
			if addresses = slices.Compact(addresses); err != nil || !slices.Equal(got, addresses) {
				t.Errorf("%s:%d: %#x, %v, want %#x", file, line, got, err, addresses)
			}
			compared++
		}
	}
	if compared < 10 {
		t.Errorf("only %d lines were compared", compared)
	}
}

// By Go's table a stripped program has the lines of the one that is not.
func TestLinesOfGo(t *testing.T) {
	whole, _ := opened(t, programs.Build(t, "go"))
	stripped, _ := opened(t, programs.Build(t, "go-stripped"))
	text, err := os.ReadFile("../../internal/vmtest/programs/golang/main.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Count(string(text), "\n") {
		want, missing := whole.Lines("golang/main.go", line+1)
		got, err := stripped.Lines("golang/main.go", line+1)
		if missing == nil && err != nil {
			t.Errorf("line %d is found only with debug information: %v", line+1, err)
		}
		for _, place := range got {
			found++
			frames, err := stripped.Frames(place.Offset)
			if err != nil || len(frames) == 0 || frames[0].Line != line+1 || frames[0].File != place.File {
				t.Errorf("%+v is in %+v, %v", place, frames, err)
			}
		}
		if len(got) < len(want)/2 {
			t.Errorf("line %d has %d places, with debug information %d", line+1, len(got), len(want))
		}
	}
	if found < 20 {
		t.Errorf("only %d places were found", found)
	}
	if _, err := stripped.Lines("main.go", 1); err == nil || !strings.Contains(err.Error(), "has no code") {
		t.Errorf("%v", err)
	}
}

// addLines adds where the lines of a unit begin: the first statement of each run of rows
// of a line.
func addLines(t *testing.T, data *dwarf.Data, unit *dwarf.Entry, lines map[string]map[int][]uint64, isCode func(uint64) bool) {
	rows, err := data.LineReader(unit)
	if err != nil || rows == nil {
		t.Fatalf("%v, %v", rows, err)
	}
	var row, last dwarf.LineEntry
	inside, code := false, false
	for rows.Next(&row) == nil {
		if !inside {
			code = isCode(row.Address)
		}
		continues := inside && row.File == last.File && row.Line == last.Line
		if code && row.IsStmt && !row.EndSequence && !continues && row.File != nil {
			file := filepath.Clean(row.File.Name)
			if lines[file] == nil {
				lines[file] = map[int][]uint64{}
			}
			lines[file][row.Line] = append(lines[file][row.Line], row.Address)
		}
		last, inside = row, !row.EndSequence
	}
}

// What addr2line prints for addresses all over the code is what stacks show.
func TestFramesOfPrograms(t *testing.T) {
	for _, name := range []string{"c", "c-O0", "c-dwarf4", "c-fixed", "cpp", "cpp-O0", "rust"} {
		t.Run(name, func(t *testing.T) { compareFrames(t, programs.Build(t, name)) })
	}
}

func compareFrames(t *testing.T, path string) {
	f, headers := opened(t, path)
	arguments := []string{"-f", "-i", "-a", "-e", path}
	all := symbolsOf(headers)
	for i := 0; i < len(all); i += max(1, len(all)/100) {
		s := all[i]
		for at := s.Value; at < s.Value+s.Size; at += max(3, s.Size/4) {
			arguments = append(arguments, fmt.Sprintf("%#x", at))
		}
	}
	text, err := exec.Command("addr2line", arguments...).Output()
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for block := range strings.SplitSeq("\n"+string(text), "\n0x") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		if len(lines) < 3 || strings.Contains(block, ":?") || strings.HasSuffix(lines[2], ":0") {
			continue // only its symbol is known
		}
		address, err := strconv.ParseUint(lines[0], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		compared += compareFrame(t, f, address, lines[1:])
	}
	if compared < 20 {
		t.Errorf("only %d frames were compared", compared)
	}
}

var lineNumber = regexp.MustCompile(`:(\d+)( \(discriminator \d+\))?$`)

// compareFrame compares with pairs of lines: a function, and its file and line. Files are
// compared with package debug/dwarf alone: addr2line takes some for others.
func compareFrame(t *testing.T, f *File, address uint64, lines []string) int {
	offset, inside := f.Offset(address)
	frames, err := f.Frames(offset)
	if err != nil || !inside {
		t.Errorf("%#x: %v", address, err)
		return 0
	}
	var got, want []string
	for _, frame := range frames {
		got = append(got, fmt.Sprintf("%s:%d", frame.Function, frame.Line))
	}
	for i := 0; i+1 < len(lines); i += 2 {
		number := lineNumber.FindStringSubmatch(lines[i+1])
		if number == nil {
			t.Fatalf("addr2line prints %q", lines)
		}
		want = append(want, strings.TrimSuffix(lines[i], ".cold")+":"+number[1])
	}
	if !slices.Equal(got, want) {
		t.Errorf("%#x: %q, want %q", address, got, want)
	}
	return len(frames)
}

// readelf lists the same USDT probes.
func TestMarkersOfPrograms(t *testing.T) {
	paths := append([]string{"testdata/usdt", "testdata/markers"}, realFiles()...)
	for _, path := range paths {
		f, _ := opened(t, path)
		markers, err := f.Markers()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range markers {
			got = append(got, fmt.Sprintf("%s:%s %#x %s", m.Provider, m.Name, m.Address, m.Arguments))
		}
		want := markersOf(t, path)
		if strings.HasPrefix(path, "testdata") && len(want) == 0 {
			t.Errorf("%s: readelf lists none", path)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d markers, want %d:\n%q\n%q", path, len(got), len(want), got, want)
		}
	}
}

var markerText = regexp.MustCompile(`Provider: (.*)\n\s+Name: (.*)\n\s+Location: 0x0*([0-9a-f]+), .*\n\s+Arguments: (.*)\n`)

func markersOf(t *testing.T, path string) (list []string) {
	text, err := exec.Command("readelf", "-nW", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range markerText.FindAllStringSubmatch(string(text), -1) {
		list = append(list, fmt.Sprintf("%s:%s 0x%s %s", m[1], m[2], m[3], m[4]))
	}
	return list
}
