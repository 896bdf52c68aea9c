package binary

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ianlancetaylor/demangle"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// fuzzed opens a program of the sections. What a question may cost is little, so that
// many are asked.
func fuzzed(t *testing.T, sections ...elfSection) *File {
	t.Helper()
	f, err := New(bytes.NewReader(elfOf(sections...)))
	if err != nil {
		t.Fatal(err)
	}
	f.patience, f.most = time.Minute, 50_000
	t.Cleanup(func() {
		if *f.pages.steps < -maxVain {
			t.Errorf("a question went on for %d steps more than it may", -*f.pages.steps)
		}
	})
	return f
}

// elfSection is a section, the Link of which is the number of one of the list, from 1 on.
type elfSection struct {
	name  string
	kind  elf.SectionType
	link  uint32
	flags elf.SectionFlag
	text  []byte
}

// elfOf is a program of x86_64 whose sections lie one behind the other, in a segment that
// has each byte at its offset and 0x1000.
func elfOf(sections ...elfSection) []byte {
	const header, segment, size, moved = 64, 56, 64, 0x1000
	var headers, texts bytes.Buffer
	names := []byte{0}
	place := uint64(header + segment)
	binary.Write(&headers, binary.LittleEndian, elf.Section64{})
	sections = append(sections, elfSection{name: ".shstrtab", kind: elf.SHT_STRTAB})
	for _, s := range sections {
		names = append(append(names, s.name...), 0)
	}
	sections[len(sections)-1].text = names
	name := uint32(1)
	for _, s := range sections {
		at := place + uint64(texts.Len())
		binary.Write(&headers, binary.LittleEndian, elf.Section64{
			Name: name, Type: uint32(s.kind), Flags: uint64(s.flags), Addr: at + moved, Off: at,
			Size: uint64(len(s.text)), Link: s.link, Entsize: 24,
		})
		name += uint32(len(s.name)) + 1
		texts.Write(s.text)
	}
	var out bytes.Buffer
	binary.Write(&out, binary.LittleEndian, elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: 2, Machine: 62, Version: 1, Phoff: header,
		Shoff: place + uint64(texts.Len()), Ehsize: header, Phentsize: segment, Phnum: 1, Shentsize: size,
		Shnum: uint16(len(sections) + 1), Shstrndx: uint16(len(sections)),
	})
	binary.Write(&out, binary.LittleEndian, elf.Prog64{
		Type: 1, Flags: 5, Vaddr: moved, Filesz: place + uint64(texts.Len()), Memsz: 1 << 30,
	})
	out.Write(texts.Bytes())
	out.Write(headers.Bytes())
	return out.Bytes()
}

// sectionsOf visits the programs of testdata with the text of each section; one that a
// program does not have is empty.
func sectionsOf(f *testing.F, visit func(section func(name string) []byte)) {
	for name, text := range fixtures(f) {
		file, err := elf.NewFile(bytes.NewReader(text))
		if err != nil {
			f.Fatal(name, err)
		}
		visit(func(name string) []byte {
			s := file.Section(name)
			if s == nil || s.Type == elf.SHT_NOBITS {
				return nil
			}
			text, err := s.Data()
			if err != nil {
				f.Fatal(err)
			}
			return text
		})
	}
}

const allocated = elf.SHF_ALLOC | elf.SHF_EXECINSTR

// FuzzSymbols has symbols, their versions, and code that chooses functions.
func FuzzSymbols(f *testing.F) {
	sectionsOf(f, func(section func(string) []byte) {
		f.Add(section(".symtab"), section(".strtab"), []byte(nil), []byte(nil), section(".text"))
		f.Add(section(".dynsym"), section(".dynstr"), section(".gnu.version"), section(".gnu.version_d"), section(".text"))
	})
	f.Fuzz(func(t *testing.T, symbols, names, versions, defined, code []byte) {
		file := fuzzed(t, elfSection{".text", elf.SHT_PROGBITS, 0, allocated, code},
			elfSection{".dynsym", elf.SHT_DYNSYM, 3, 0, symbols}, elfSection{".dynstr", elf.SHT_STRTAB, 0, 0, names},
			elfSection{".gnu.version", elf.SHT_GNU_VERSYM, 2, 0, versions},
			elfSection{".gnu.version_d", elf.SHT_GNU_VERDEF, 3, 0, defined})
		checkFunctions(t, file)
	})
}

// checkFunctions asks for functions in all ways. What is found lies in the file, each
// address once, by address; and is found by its name.
func checkFunctions(t *testing.T, file *File) {
	t.Helper()
	for _, name := range []string{"measure", "count@DEMO_1", "outer::shape::grow", ""} {
		if list, err := file.Functions(name); err == nil {
			checkFound(t, file, list)
		}
	}
	var all functions
	if err := file.Match("*", func(f target.BinaryFunction) bool {
		all = append(all, f)
		return len(all) < 100
	}); err != nil {
		return
	}
	checkFound(t, file, all)
	for i := 1; i < len(all); i++ {
		if all[i-1].Address >= all[i].Address {
			t.Errorf("%+v before %+v", all[i-1], all[i])
		}
	}
	for _, f := range all[:min(len(all), 3)] {
		list, err := file.Functions(f.Name)
		usual := !strings.ContainsAny(f.Name, "@") && f.ChosenAs == "" && len(f.Name) < maxName
		if err == nil && len(list) == 0 && usual {
			t.Errorf("%+v is not found by its name", f)
		}
	}
	if table, err := file.Table(1 << 20); err == nil && table.Bytes() > 1<<20 {
		t.Errorf("a table of %d bytes", table.Bytes())
	}
}

func checkFound(t *testing.T, file *File, list functions) {
	t.Helper()
	seen := map[uint64]bool{}
	for _, f := range list {
		if offset, inside := file.Offset(f.Address); !inside || offset != f.Offset || seen[f.Address] {
			t.Errorf("%+v is not in the file, or twice", f)
		}
		seen[f.Address] = true
	}
}

func FuzzNotes(f *testing.F) {
	sectionsOf(f, func(section func(string) []byte) {
		f.Add(section(".note.stapsdt"))
		f.Add(append(section(".note.gnu.build-id"), section(".note.stapsdt")...))
	})
	f.Fuzz(func(t *testing.T, notes []byte) {
		file := fuzzed(t, elfSection{".note.x", elf.SHT_NOTE, 0, 0, notes},
			elfSection{".stapsdt.base", elf.SHT_PROGBITS, 0, elf.SHF_ALLOC, []byte{0}})
		markers, err := file.Markers()
		if err == nil && len(markers)*20 > len(notes) {
			t.Errorf("%d markers of %d bytes", len(markers), len(notes))
		}
		if id := file.Facts().BuildID; len(id) > 2*maxBuildID || len(id) > 2*len(notes) {
			t.Errorf("the build ID is %q", id)
		}
	})
}

// FuzzDWARF has entries, shapes, texts and lists.
func FuzzDWARF(f *testing.F) {
	names := []string{
		".debug_info", ".debug_abbrev", ".debug_str", ".debug_line", ".debug_line_str",
		".debug_ranges", ".debug_rnglists", ".debug_aranges", ".debug_addr", ".debug_str_offsets",
	}
	sectionsOf(f, func(section func(string) []byte) {
		var all [10][]byte
		for i, name := range names {
			all[i] = section(name)
		}
		f.Add(all[0], all[1], all[2], all[3], all[4], all[5], all[6], all[7], all[8], all[9])
	})
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g, h, i, j, k []byte) {
		var sections []elfSection
		for n, text := range [][]byte{a, b, c, d, e, g, h, i, j, k} {
			if len(text) > 0 {
				sections = append(sections, elfSection{names[n], elf.SHT_PROGBITS, 0, 0, text})
			}
		}
		file := fuzzed(t, sections...)
		file.loads = []segment{{0, 0x1000, 0x400000}}
		for _, offset := range []uint64{0x170, 0x185, 0x233} {
			frames, err := file.Frames(offset)
			if err == nil && len(frames) > maxInlined {
				t.Errorf("%d frames at %#x", len(frames), offset)
			}
			_, _ = file.Signature(target.BinaryFunction{Address: 0x400000 + offset})
		}
	})
}

// FuzzLines has a line table, and asks for what it has.
func FuzzLines(f *testing.F) {
	sectionsOf(f, func(section func(string) []byte) { f.Add(section(".debug_line"), section(".debug_line_str"), 7) })
	f.Add(lineTable(0, 0, 2, 1, 8, 2, 0x0b, 2, 'a', 0, 0, '/', 'b', 0, 0), []byte(nil), 1)
	f.Fuzz(func(t *testing.T, lines, texts []byte, line int) {
		file := fuzzed(t, elfSection{".text", elf.SHT_PROGBITS, 0, allocated, make([]byte, 0x100)},
			elfSection{".debug_info", elf.SHT_PROGBITS, 0, 0, unitWithEntries(aUnit...)},
			elfSection{".debug_abbrev", elf.SHT_PROGBITS, 0, 0, shapes},
			elfSection{".debug_line", elf.SHT_PROGBITS, 0, 0, lines},
			elfSection{".debug_line_str", elf.SHT_PROGBITS, 0, 0, texts})
		file.loads = []segment{{0, 0x1000, 0x400000}}
		for i := range file.elf.Progs {
			file.elf.Progs[i].Vaddr, file.elf.Progs[i].Filesz = 0x400000, 0x1000
		}
		for _, name := range []string{"demo.c", "b", "/b"} {
			places, err := file.Lines(name, line)
			for i, p := range places {
				if offset, inside := file.Offset(p.Address); err != nil || !inside || offset != p.Offset ||
					i > 0 && places[i-1].Address >= p.Address || !strings.HasSuffix(p.File, name) {
					t.Errorf("%+v, %v", places, err)
				}
			}
			for _, p := range places {
				if _, err := file.Frames(p.Offset); err != nil {
					t.Errorf("%#x has no frames: %v", p.Offset, err)
				}
			}
		}
	})
}

func FuzzGoTable(f *testing.F) {
	f.Add(goTableOf(0x1000), []byte(nil))
	f.Add(goTableOf(0), make([]byte, 8*(goModuleFuncData+2)))
	sectionsOf(f, func(section func(string) []byte) {
		if table := section(".gopclntab"); table != nil {
			f.Add(table, section(".noptrdata"))
		}
	})
	f.Fuzz(func(t *testing.T, table, data []byte) {
		file := fuzzed(t, elfSection{".text", elf.SHT_PROGBITS, 0, allocated, make([]byte, 0x100)},
			elfSection{".gopclntab", elf.SHT_PROGBITS, 0, elf.SHF_ALLOC, table},
			elfSection{".noptrdata", elf.SHT_PROGBITS, 0, elf.SHF_ALLOC, data})
		checkFunctions(t, file)
		for _, offset := range []uint64{0, 0x40, 0x80, 0x100} {
			if frames, err := file.Frames(offset); err == nil && len(frames) > maxInlined {
				t.Errorf("%d frames", len(frames))
			}
		}
	})
}

// FuzzNames has a linker's name: whoever asks for what it stands for finds it, as if all
// names were decoded.
func FuzzNames(f *testing.F) {
	for _, name := range []string{
		"_ZN5outer5shape4growIlEET_S2_", "_ZNSt6vectorIiSaIiEE9push_backEOi", "_ZN12_GLOBAL__N_13fooEi", "_ZNK3FooclEi",
		"_RNvXNtCs4T4zK9Otvt5_5names5innerAmj3_NtB2_3Sum3sum", "_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE",
		"_ZN3FoocvbEv", "_ZZ4mainENKUlvE_clEv", "_ZN5boost6system3getB5cxx11Ev", "_ZN3FoonwEm", "_Z1fPFivE", "_ZSt4endlIcSt11char_traitsIcEERSt13basic_ostreamIT_T0_ES6_",
		"_RNCNvCs1234_7mycrate3foo0B3_", "_Zv02AE", "_ZF1A0", "_ZThn8_N1B1fEv", "_ZN4main4main28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !Mangled([]byte(name)) || cloned(name) || strings.Contains(name, "$u") {
			return // $u61$ is an a, which no compiler writes so
		}
		file := &File{pages: &pages{steps: new(int)}}
		for _, options := range [][]demangle.Option{nil, {demangle.NoParams}, {demangle.NoParams, demangle.NoTemplateParams}} {
			text := decode(name, options...)
			if text == name {
				continue
			}
			*file.pages.steps = maxSteps
			if joined.MatchString(text) {
				continue // of vendors' operators, which no compiler has
			}
			part := len(options) > 1 && strings.Contains(text, "<") // of operator<, or of Rust
			if len(options) == 0 && !strings.Contains(text, "(") || part {
				continue
			}
			if !file.named(text).bySource([]byte(name)) {
				t.Errorf("%q is not %q", text, name)
			}
			like, err := file.like(escaped.Replace(text[:len(text)/2]) + "*" + escaped.Replace(text[len(text)/2:]))
			if err != nil || !like.bySource([]byte(name)) {
				t.Errorf("%q does not match %q: %v", text, name, err)
			}
		}
	})
}

// joined are operators that decoding makes of a name.
var joined = regexp.MustCompile(`operator\w`)

var escaped = strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, `\`, `\\`)
