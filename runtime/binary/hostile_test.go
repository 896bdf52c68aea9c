package binary

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// part is a section of a program that is made up.
type part struct {
	name string
	text []byte
}

// madeUp is a program with a segment from 0x1000 on and the sections.
func madeUp(parts ...part) []byte {
	const header, segment, size = 64, 56, 64
	names := []byte("\x00")
	place := uint64(header + segment)
	texts, headers := new(bytes.Buffer), new(bytes.Buffer)
	binary.Write(headers, binary.LittleEndian, elf.Section64{})
	add := func(kind elf.SectionType, p part) {
		binary.Write(headers, binary.LittleEndian, elf.Section64{
			Name: uint32(len(names)), Type: uint32(kind),
			Off: place + uint64(texts.Len()), Size: uint64(len(p.text)),
		})
		names = append(append(names, p.name...), 0)
		texts.Write(p.text)
	}
	for _, p := range parts {
		add(elf.SHT_PROGBITS, p)
	}
	add(elf.SHT_STRTAB, part{".names", append(slices.Clone(names), ".names\x00"...)})
	var out bytes.Buffer
	binary.Write(&out, binary.LittleEndian, elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: 2, Machine: 62, Version: 1, Phoff: header,
		Shoff: place + uint64(texts.Len()), Ehsize: header, Phentsize: segment, Phnum: 1, Shentsize: size,
		Shnum: uint16(len(parts) + 2), Shstrndx: uint16(len(parts) + 1),
	})
	binary.Write(&out, binary.LittleEndian, elf.Prog64{
		Type: 1, Flags: 5, Vaddr: 0x1000, Filesz: 1 << 30, Memsz: 1 << 30,
	})
	out.Write(texts.Bytes())
	out.Write(headers.Bytes())
	return out.Bytes()
}

// unitWithEntries is a unit of version 5 with the entries, whose abbreviations are at 0.
func unitWithEntries(entries ...byte) []byte {
	unit := binary.LittleEndian.AppendUint32(nil, uint32(8+len(entries)))
	return append(append(unit, 5, 0, 1, 8, 0, 0, 0, 0), entries...)
}

// The shapes of entries: 1 a unit from 0x1000 on with a line table at 0, 2 a function
// there, 3 an argument with a type, 4 a function that is an instance of another entry, 5
// a pointer.
var shapes = []byte{
	1, 0x11, 1, 0x11, 0x01, 0x12, 0x0b, 0x10, 0x17, 0, 0,
	2, 0x2e, 1, 0x11, 0x01, 0x12, 0x0b, 0, 0,
	3, 0x05, 0, 0x49, 0x13, 0, 0,
	4, 0x2e, 1, 0x11, 0x01, 0x12, 0x0b, 0x31, 0x13, 0, 0,
	5, 0x0f, 0, 0x49, 0x13, 0, 0,
	0,
}

var (
	aUnit     = []byte{1, 0, 0x10, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0}
	aFunction = []byte{2, 0, 0x10, 0, 0, 0, 0, 0, 0, 0xff}
)

// program has the entries in one unit, and the line table.
func program(lines []byte, entries ...[]byte) []byte {
	all := unitWithEntries(slices.Concat(append([][]byte{aUnit}, entries...)...)...)
	return madeUp(part{".debug_info", all}, part{".debug_abbrev", shapes}, part{".debug_line", lines})
}

// lineTable has the lists of folders and files.
func lineTable(lists ...byte) []byte {
	rest := append([]byte{1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1}, lists...)
	body := binary.LittleEndian.AppendUint32([]byte{5, 0, 8, 0}, uint32(len(rest)))
	body = append(append(body, rest...), 0, 9, 2, 0, 0x10, 0, 0, 0, 0, 0, 0, 1, 2, 100, 1, 0, 1, 1)
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// hostile are programs that cost a careless reader its memory, its stack or for ever.
func hostile() map[string][]byte {
	huge := []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1} // 2^42
	noLines := lineTable(0, 0, 0, 0)
	function := func(children ...byte) []byte { return append(slices.Clone(aFunction), children...) }
	instance := append([]byte{4}, aFunction[1:]...)
	return map[string][]byte{
		"files": program(lineTable(append([]byte{0, 0, 0}, huge...)...), function(0, 0)),
		// At 36: the argument's type is the argument, a pointer to itself, a function of
		// itself.
		"type of itself":     program(noLines, function(3, 36, 0, 0, 0, 0, 0)),
		"pointer to itself":  program(noLines, function(3, 41, 0, 0, 0, 5, 41, 0, 0, 0, 0, 0)),
		"instance of itself": program(noLines, append(instance, 26, 0, 0, 0, 0, 0)),
		"depth":              program(noLines, bytes.Repeat(aFunction, 100_000)),
		"units":              madeUp(part{".debug_info", make([]byte, 8<<20)}, part{".debug_abbrev", shapes}),
		"abbreviations": madeUp(part{".debug_info", unitWithEntries(0x7f)},
			part{".debug_abbrev", bytes.Repeat([]byte{1, 0x11, 0, 0, 0}, 1<<20)}),
		"attributes": madeUp(part{".debug_info", unitWithEntries(1)},
			part{".debug_abbrev", append([]byte{1, 0x11, 0}, bytes.Repeat([]byte{3, 8}, 1<<20)...)}),
		"functions": hugeGoTable(),
		"addresses": madeUp(part{".debug_info", unitWithEntries(aUnit...)}, part{".debug_abbrev", shapes},
			part{".debug_aranges", make([]byte, 1<<20)}),
	}
}

// hugeGoTable claims to have as many functions as a section of 2^63 bytes could hold.
func hugeGoTable() []byte {
	text := goELF()
	const header, segment, section = 64, 56, 64
	binary.LittleEndian.PutUint64(text[header+segment+2*section+32:], 1<<63-1)
	at := bytes.Index(text, binary.LittleEndian.AppendUint32(nil, goMagic120))
	binary.LittleEndian.PutUint64(text[at+8:], 768614336404564651) // times 24 is 8 more than 2^64
	return text
}

// askAll asks every question, and returns the errors.
func askAll(f *File) (errs []error) {
	for _, name := range []string{"compute", "main.main", ""} {
		list, err := f.Functions(name)
		errs = append(errs, err)
		for _, function := range list[:min(len(list), 4)] {
			_, err := f.Signature(function)
			errs = append(errs, err, askTypes(f, function.Address))
		}
	}
	_, err := f.Signature(target.BinaryFunction{Address: 0x1000})
	errs = append(errs, err, askTypes(f, 0x1000))
	for _, offset := range []uint64{0, 0x185, 0x233, 0x1041} {
		_, err := f.Frames(offset)
		errs = append(errs, err)
	}
	errs = append(errs, askAbout(f)...)
	if table, err := f.Table(1 << 20); err == nil {
		for offset := range uint64(64) {
			table.Lookup(offset * 64)
		}
	}
	return errs
}

// askAbout asks for names like a pattern, lines, markers, code and facts.
func askAbout(f *File) (errs []error) {
	for _, pattern := range []string{"*", "*::*", "ma[a-i]n*"} {
		count := 0
		errs = append(errs, f.Match(pattern, func(target.BinaryFunction) bool {
			count++
			return count < 1000
		}))
	}
	for _, file := range []string{"demo.c", "b", "/src/names.cc"} {
		_, err := f.Lines(file, 7)
		errs = append(errs, err)
	}
	_, err := f.Markers()
	errs = append(errs, err)
	_, err = f.Code(0x1000, 1<<10)
	f.Facts()
	return append(errs, err)
}

// maxVain is how often a question may find that it took too long before it ends: once in
// each of the inlined calls and references that it follows.
const maxVain = 1000

// What is wrong costs little memory, however large it claims to be, and no more steps
// than one question may.
func TestHostile(t *testing.T) {
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			f, err := New(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			f.patience = time.Minute
			size := grown(func() { askAll(f) })
			if size > 8<<20 || *f.pages.steps < -maxVain {
				t.Errorf("%d bytes are kept, %d steps are left", size, *f.pages.steps)
			}
		})
	}
}

// The made-up program is one that would be understood, but for what is wrong with it.
func TestMadeUp(t *testing.T) {
	files := lineTable(0, 0, 2, 1, 8, 2, 0x0b, 2, 'a', 0, 0, '/', 'b', 0, 0)
	f, err := New(bytes.NewReader(program(files, aFunction, []byte{0, 0})))
	if err != nil {
		t.Fatal(err)
	}
	frames, err := f.Frames(1)
	if want := []target.Frame{{Offset: 1, File: "/b", Line: 1}}; err != nil || !slices.Equal(frames, want) {
		t.Errorf("%+v, %v, want %+v", frames, err, want)
	}
	function, err := f.Signature(target.BinaryFunction{Address: 0x1000})
	if err != nil || len(function.Params) != 0 {
		t.Errorf("%v, %v", function, err)
	}
}

func fixtures(t testing.TB) map[string][]byte {
	texts := map[string][]byte{"symbols": smallELF(), "go": goELF()}
	paths, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if text, err := os.ReadFile(path); err == nil && bytes.HasPrefix(text, []byte(elf.ELFMAG)) {
			texts[filepath.Base(path)] = text
		}
	}
	if len(texts) < 10 {
		t.Fatalf("there are %d programs", len(texts))
	}
	return texts
}

// Whatever a file claims to be, reading it ends.
func FuzzFile(f *testing.F) {
	for _, text := range fixtures(f) {
		f.Add(text)
	}
	for _, text := range hostile() {
		if len(text) <= 64<<10 { // larger ones leave no time for others
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := New(bytes.NewReader(text))
		if err != nil {
			return
		}
		file.patience, file.most = time.Minute, 100_000
		askAll(file)
		if *file.pages.steps < -maxVain {
			t.Errorf("a question went on for %d steps more than it may", -*file.pages.steps)
		}
	})
}

// Programs with a few bytes changed, which lie in headers and debug information more
// often than in code: the fixtures have little else.
func TestDamaged(t *testing.T) {
	all := fixtures(t)
	for seed := range testkit.Seeds(t, 30, 3000) {
		random := rand.New(rand.NewPCG(seed, 1))
		for _, name := range slices.Sorted(maps.Keys(all)) {
			damaged := bytes.Clone(all[name])
			for range 1 + random.IntN(4) {
				damaged[random.IntN(len(damaged))] = byte(random.Uint32())
			}
			f, err := New(bytes.NewReader(damaged))
			if err != nil {
				continue
			}
			f.patience = time.Minute
			for _, err := range askAll(f) {
				if errors.Is(err, safeopen.ErrSlow) {
					t.Errorf("%s, seed %d: %v", name, seed, err)
				}
			}
		}
	}
}

// A file that its owner cuts off while it is read has what was read, and an error for the
// rest.
func TestTruncated(t *testing.T) {
	text, err := os.ReadFile("testdata/demo")
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{0, 100, 0x200, 0x400, int64(len(text)) - 100} {
		path := filepath.Join(t.TempDir(), "demo")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"compute", "none"} {
			if list, err := f.Functions(name); err == nil && len(list) > 0 && size <= 0x400 {
				t.Errorf("of %d bytes: %v", size, list)
			}
		}
		if _, err := f.Signature(target.BinaryFunction{Address: 0x400190}); err == nil && size <= 0x400 {
			t.Errorf("of %d bytes the arguments are known", size)
		}
		askAll(f)
		f.Close()
	}
}

// stuck is a file whose disk does not answer any more.
type stuck struct {
	io.ReaderAt
	answer chan struct{}
	stops  bool
}

func (s *stuck) ReadAt(b []byte, offset int64) (int, error) {
	if s.stops {
		<-s.answer
	}
	return s.ReaderAt.ReadAt(b, offset)
}

func TestStuck(t *testing.T) {
	text, err := os.ReadFile("testdata/demo")
	if err != nil {
		t.Fatal(err)
	}
	from := &stuck{bytes.NewReader(text), make(chan struct{}), false}
	f, err := New(from)
	if err != nil {
		t.Fatal(err)
	}
	from.stops, f.patience = true, time.Millisecond
	defer close(from.answer)
	for range 8 { // more than there may be waiting
		if _, err := f.Functions("compute"); !errors.Is(err, safeopen.ErrSlow) {
			t.Errorf("%v, want %v", err, safeopen.ErrSlow)
		}
	}
	if arch := f.Facts().Arch; arch != "x86_64" {
		t.Errorf("a program for %q", arch)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// Programs of other machines are refused by name.
func TestForeign(t *testing.T) {
	made := func(order binary.ByteOrder, data elf.Data, machine elf.Machine) io.ReaderAt {
		var out bytes.Buffer
		ident := [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(data), 1}
		binary.Write(&out, order, elf.Header64{
			Ident: ident, Type: 2, Machine: uint16(machine), Version: 1, Ehsize: 64,
		})
		return bytes.NewReader(out.Bytes())
	}
	for want, text := range map[string]io.ReaderAt{
		"RISCV":               made(binary.LittleEndian, elf.ELFDATA2LSB, elf.EM_RISCV),
		"S390, big-endian":    made(binary.BigEndian, elf.ELFDATA2MSB, elf.EM_S390),
		"AARCH64, big-endian": made(binary.BigEndian, elf.ELFDATA2MSB, elf.EM_AARCH64),
		"386 of 64 bits":      made(binary.LittleEndian, elf.ELFDATA2LSB, elf.EM_386),
		"ARM of 64 bits":      made(binary.LittleEndian, elf.ELFDATA2LSB, elf.EM_ARM),
	} {
		if _, err := New(text); !errors.Is(err, ErrForeign) || !strings.HasSuffix(err.Error(), ": "+want) {
			t.Errorf("%v, want %v: %s", err, ErrForeign, want)
		}
	}
	if _, err := New(made(binary.LittleEndian, elf.ELFDATA2LSB, elf.EM_AARCH64)); err != nil {
		t.Error(err)
	}
}

// symbolTable has functions without a size, at addresses.
func symbolTable(info byte, addresses ...uint64) []byte {
	text := make([]byte, elf.Sym64Size)
	for _, address := range addresses {
		symbol := make([]byte, elf.Sym64Size)
		symbol[0], symbol[4], symbol[6] = 1, info, 1
		binary.LittleEndian.PutUint64(symbol[8:], address)
		text = append(text, symbol...)
	}
	return text
}

// What functions without a size are up to is known only in a section of code.
func TestEndsOutsideOfCode(t *testing.T) {
	data := uint64(64 + 56 + 0x1000)
	const function = 0x12
	f, err := New(bytes.NewReader(elfOf(elfSection{".data", elf.SHT_PROGBITS, 0, elf.SHF_ALLOC, make([]byte, 64)},
		elfSection{".symtab", elf.SHT_SYMTAB, 3, 0, symbolTable(function, data, data+16, data+32)},
		elfSection{".strtab", elf.SHT_STRTAB, 0, 0, []byte("\x00f\x00")})))
	if err != nil {
		t.Fatal(err)
	}
	list, err := f.Functions("f")
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, found := range list {
		if found.Size != 0 {
			t.Errorf("%+v has a size", found)
		}
	}
	if err := f.Match("f*", func(found target.BinaryFunction) bool {
		if found.Size != 0 {
			t.Errorf("%+v has a size", found)
		}
		return true
	}); err != nil {
		t.Error(err)
	}
}

// Each address is looked for in all sections, which counts as work.
func TestManySections(t *testing.T) {
	sections := make([]elfSection, maxSections-5)
	code := elfSection{".text", elf.SHT_PROGBITS, 0, allocated, make([]byte, 1<<18)}
	var addresses []uint64
	for i := range uint64(1 << 18) {
		addresses = append(addresses, 0x1000+64+56+i)
	}
	sections = append([]elfSection{code, {".symtab", elf.SHT_SYMTAB, 3, 0, symbolTable(0x12, addresses...)},
		{".strtab", elf.SHT_STRTAB, 0, 0, []byte("\x00f\x00")}}, sections...)
	f, err := New(bytes.NewReader(elfOf(sections...)))
	if err != nil {
		t.Fatal(err)
	}
	f.patience = time.Minute
	if err := f.Match("f*", func(target.BinaryFunction) bool { return true }); !errors.Is(err, errSteps) {
		t.Errorf("%v, want %v", err, errSteps)
	}
}

// A function that jumps to more places than are followed is not read to its end.
func TestManyJumps(t *testing.T) {
	var code []byte
	for i := range uint32(50_000) {
		code = binary.LittleEndian.AppendUint32(append(code, 0x0f, 0x84), 1<<20+i*2*partSize)
	}
	f, err := New(bytes.NewReader(elfOf(elfSection{".text", elf.SHT_PROGBITS, 0, allocated, code})))
	if err != nil {
		t.Fatal(err)
	}
	start := uint64(0x1000 + 64 + 56)
	b, err := f.body(extent{start, start + uint64(len(code))}, decodeX86)
	if err != nil || len(b.code) != len(code) {
		t.Fatalf("%d bytes, %v", len(b.code), err)
	}
	*f.pages.steps = maxSteps
	if _, _, known := b.targets(); known || *f.pages.steps < maxSteps-1000 {
		t.Errorf("known: %t, after %d steps", known, maxSteps-*f.pages.steps)
	}
}

// withShapes opens a program with a function at 0x1000 that has entries inside, and shapes
// of them from number 6 on, after what is of no function. Its texts are one.
func withShapes(t *testing.T, types []byte, function []byte, shape ...byte) *File {
	t.Helper()
	list := slices.Concat(shapes[:len(shapes)-1], shape, []byte{0})
	unit := unitWithEntries(slices.Concat(aUnit, types, aFunction, function, []byte{0, 0})...)
	f, err := New(bytes.NewReader(madeUp(part{".debug_info", unit}, part{".debug_abbrev", list},
		part{".debug_str", append(bytes.Repeat([]byte{'a'}, maxLabel), 0)})))
	if err != nil {
		t.Fatal(err)
	}
	f.patience, f.most = time.Minute, 1<<19
	return f
}

// firstType is where the first of the types is in .debug_info.
const firstType = 12 + 14

// Shapes of arguments: with a type whose form is told by the argument, a place, a type, a
// place and the type of a number.
var (
	indirectType = []byte{6, 0x05, 0, 0x49, 0x16, 0, 0}
	placed       = []byte{6, 0x05, 0, 0x02, 0x18, 0, 0}
	typed        = []byte{6, 0x05, 0, 0x49, 0x13, 0, 0}
	placedNumber = []byte{6, 0x05, 0, 0x02, 0x18, 0x49, 0x13, 0, 0, 7, 0x24, 0, 0x0b, 0x0b, 0x3e, 0x0b, 0, 0}
	// An enumeration, whose constants have a text for their name.
	enumeration = []byte{7, 0x04, 1, 0x0b, 0x0b, 0, 0, 8, 0x28, 0, 0x03, 0x0e, 0x1c, 0x0b, 0, 0}
)

func argumentsOf(f *File) (*target.Function, error) {
	return f.Signature(target.BinaryFunction{Name: "function", Address: 0x1000})
}

// A form that leads to another form is damaged, however many there are.
func TestIndirectForms(t *testing.T) {
	f := withShapes(t, nil, append([]byte{6}, bytes.Repeat([]byte{0x16}, 1<<20)...), indirectType...)
	info, err := f.debugInfo()
	if err != nil {
		t.Fatal(err)
	}
	*f.pages.steps = f.most
	_, err = info.prototype(target.BinaryFunction{Address: 0x1000})
	if !errors.Is(err, errForm) || *f.pages.steps < f.most-8*pageSteps {
		t.Errorf("%v after %d steps, want %v", err, f.most-*f.pages.steps, errForm)
	}
}

// Operations of an expression are work, and what they add up to is bounded.
func TestLongExpressions(t *testing.T) {
	literals := bytes.Repeat([]byte{opLiteral0}, 1<<20)
	f := withShapes(t, nil, append([]byte{6, 0x80, 0x80, 0x40}, literals...), placed...)
	if _, err := argumentsOf(f); !errors.Is(err, errSteps) {
		t.Errorf("%v, want %v", err, errSteps)
	}
	adding := bytes.Repeat([]byte{opPlusUconst, 0x80, 0x80, 0x80, 0x80, 0x04}, 4)
	argument := slices.Concat([]byte{6, byte(2 + len(adding)), opBase0, 0}, adding, []byte{firstType, 0, 0, 0})
	f = withShapes(t, []byte{7, 8, encodingSigned}, argument, placedNumber...)
	function, err := argumentsOf(f)
	if err != nil || len(function.Params) != 1 || len(function.Params[0].Pieces) != 0 || function.Params[0].Absent != isComputed {
		t.Errorf("%+v, %v", function, err)
	}
}

// Long names of constants do not fill memory: each byte that is kept is work.
func TestLongNames(t *testing.T) {
	constants := bytes.Repeat([]byte{8, 0, 0, 0, 0, 1}, maxEnumerators)
	types := slices.Concat([]byte{7, 4}, constants, []byte{0})
	argument := []byte{6, firstType, 0, 0, 0}
	f := withShapes(t, types, bytes.Repeat(argument, 200), append(slices.Clone(typed), enumeration...)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := argumentsOf(f)
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, errSteps) || made > 8<<20 {
		t.Errorf("%d bytes are made, %v, want %v", made, err, errSteps)
	}
}

// An enumeration is a number. Elements of no size cost nothing, but to print a billion of
// them would.
func TestTypesOfNoSize(t *testing.T) {
	shape := slices.Concat(typed, []byte{
		7, 0x04, 0, 0x0b, 0x06, 0, 0, // an enumeration
		8, 0x13, 0, 0, 0, // a struct
		9, 0x01, 1, 0x49, 0x13, 0, 0, 10, 0x21, 0, 0x37, 0x06, 0, 0, // an array
	})
	number := func(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
	for size, known := range map[uint32]bool{0: false, 1: true, 2: true, 3: false, 4: true, 8: true, 9: false, 16: false, 1 << 30: false} {
		f := withShapes(t, append([]byte{7}, number(size)...), append([]byte{6}, number(firstType)...), shape...)
		if function, err := argumentsOf(f); err != nil || (function.Params[0].Type != nil) != known {
			t.Errorf("an enumeration of %d bytes: %+v, %v", size, function, err)
		}
	}
	array := slices.Concat([]byte{9}, number(firstType), []byte{10}, number(1<<30), []byte{10}, number(5), []byte{0})
	f := withShapes(t, append([]byte{8}, array...), append([]byte{6}, number(firstType+1)...), shape...)
	function, err := argumentsOf(f)
	if err != nil {
		t.Fatal(err)
	}
	for of := function.Params[0].Type; of != nil && of.Elem != nil; of = of.Elem {
		if of.Count != 0 {
			t.Errorf("%s has %d elements of no size", of, of.Count)
		}
	}
}

// What is kept of a file is counted: its functions for frames and for places too.
func TestHeld(t *testing.T) {
	var addresses []uint64
	for i := range uint64(1000) {
		addresses = append(addresses, 0x1000+64+56+i)
	}
	f, err := New(bytes.NewReader(elfOf(elfSection{".text", elf.SHT_PROGBITS, 0, allocated, make([]byte, 1000)},
		elfSection{".symtab", elf.SHT_SYMTAB, 3, 0, symbolTable(0x12, addresses...)},
		elfSection{".strtab", elf.SHT_STRTAB, 0, 0, []byte("\x00f\x00")})))
	if err != nil {
		t.Fatal(err)
	}
	f.patience = time.Minute
	if _, err := f.Frames(64 + 56); err != nil {
		t.Fatal(err)
	}
	names := f.Held()
	if _, err := f.Placement(64 + 56); err != nil {
		t.Fatal(err)
	}
	if least := 1000 * (functionSize + 2); names < least || f.Held() < names+1000*extentSize {
		t.Errorf("%d bytes are held with names, and %d with places", names, f.Held())
	}
	f.starts, f.most = nil, 2000
	if _, err := f.Placement(64 + 56); !errors.Is(err, errSteps) {
		t.Errorf("%v, want %v", err, errSteps)
	}
}

// inMemoryOf is a section that has the text.
func inMemoryOf(text ...byte) *section {
	steps := maxSteps
	return &section{pages: &pages{steps: &steps}, size: uint64(len(text)), text: text}
}

// The shapes behind the last one of a unit are those of another unit, however often one is
// asked for that is not there.
func TestShapesOfAnotherUnit(t *testing.T) {
	shapes := inMemoryOf(1, 0x11, 1, 0, 0, 0, 2, 0x2e, 0, 0, 0, 0)
	u := &unit{debugInfo: &debugInfo{abbrev: shapes, pages: shapes.pages}}
	for range 2 {
		if shape, err := u.abbreviation(2); err == nil {
			t.Errorf("%+v", shape)
		}
	}
	if _, err := u.abbreviation(1); err != nil {
		t.Error(err)
	}
}

// An index that leads nowhere is not the address, list or text at 0.
func TestIndexesThatLeadNowhere(t *testing.T) {
	const all = 0x7f // bytes from address 0 on
	lists := inMemoryOf(3, 0, all, 0, 1, 9, 4, 0, all, 0, 2, 0, 0, 0)
	places := inMemoryOf(3, 0, all, 1, opRegister0, 0, 1, 9, 4, 0, all, 1, opRegister0, 0, 2, 0, 0, 0)
	u := &unit{debugInfo: &debugInfo{rangeLists: lists, locLists: places, str: inMemoryOf('x', 0), pages: lists.pages},
		version: 5, address: 8, place: 4}
	for _, at := range []uint64{0, 4, 10} {
		u.rangeList(at, func(low, high uint64) bool {
			t.Errorf("the list at %d has %#x to %#x", at, low, high)
			return true
		})
	}
	for _, at := range []uint64{0, 6, 14} {
		if _, _, ok := u.inLocationLists(at, 5); ok {
			t.Errorf("the list at %d has a place", at)
		}
	}
	e := &entry{attributes: []attribute{{1, formRangesIndex, 9}, {dwarf.AttrRanges, formRangesIndex, 9}, {dwarf.AttrName, formStringIndex, 9}}}
	if name := u.text(e, dwarf.AttrName); name != "" || u.covers(e, 5) {
		t.Errorf("%q has the address: %t", name, u.covers(e, 5))
	}
	if _, _, ok := u.listedLocation(attribute{form: formListIndex, n: 9}, 5); ok {
		t.Error("there is a place")
	}
}

// A function in several parts begins where the first of them does.
func TestBeginOfParts(t *testing.T) {
	ranges := inMemoryOf(slices.Concat(binary.LittleEndian.AppendUint32(nil, 0x2000), binary.LittleEndian.AppendUint32(nil, 0x2100),
		binary.LittleEndian.AppendUint32(nil, 0x1000), binary.LittleEndian.AppendUint32(nil, 0x1010), make([]byte, 8))...)
	u := &unit{debugInfo: &debugInfo{ranges: ranges, pages: ranges.pages}, version: 4, address: 4, place: 4}
	parts := attribute{dwarf.AttrRanges, formPlace, 0}
	if at := u.begin(&entry{attributes: []attribute{parts}}); at != 0x2000 {
		t.Errorf("it begins at %#x", at)
	}
	low := attribute{dwarf.AttrLowpc, formAddress, 0x1000}
	if at := u.begin(&entry{attributes: []attribute{parts, low}}); at != 0x1000 {
		t.Errorf("it begins at %#x", at)
	}
}

// What is around a large function is not read as a whole, so that a jump into it may be
// anywhere.
func TestJumpIntoLargeFunction(t *testing.T) {
	size := maxBody - 100
	code := append(bytes.Repeat([]byte{0x90}, size), make([]byte, near)...)
	start := uint64(0x1000 + 64 + 56)
	code[size+200] = 0xe9 // a jump to the fourth byte
	distance := 3 - (size + 205)
	binary.LittleEndian.PutUint32(code[size+201:], uint32(int32(distance)))
	f, err := New(bytes.NewReader(elfOf(elfSection{".text", elf.SHT_PROGBITS, 0, allocated, code})))
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.body(extent{start, start + uint64(size)}, decodeX86)
	if err != nil {
		t.Fatal(err)
	}
	if !b.enteredAt(start + 3) {
		t.Error("nothing jumps there")
	}
}

// A compressed section is not read where it is too large, packed or unpacked.
func TestCompressedSections(t *testing.T) {
	const packed = 1 << 16
	for _, test := range []struct{ size, unpacked uint64 }{{packed, maxUnpacked + 1}, {packed, 1 << 63}, {1 << 33, 1}} {
		var header bytes.Buffer
		binary.Write(&header, binary.LittleEndian, elf.Chdr64{Type: uint32(elf.COMPRESS_ZLIB), Size: test.unpacked})
		text := elfOf(elfSection{".debug_info", elf.SHT_PROGBITS, 0, elf.SHF_COMPRESSED, append(header.Bytes(), make([]byte, packed)...)})
		binary.LittleEndian.PutUint64(text[binary.LittleEndian.Uint64(text[40:])+64+32:], test.size)
		from := &sparse{text: text}
		f, err := New(from)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.debugInfo(); err != errPacked || from.read > 16*pageSize {
			t.Errorf("%+v: %v after %d bytes, want %v", test, err, from.read, errPacked)
		}
	}
}
