package binary

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"regexp"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/vmtest/programs"
)

// attributeGoType is where a type's description is, from the start of all types on since
// Go 1.26, before an address.
const attributeGoType = 0x2904

var (
	importPath = regexp.MustCompile(`[a-z0-9.]+/`)
	plainName  = regexp.MustCompile(`^[a-z/]+\.[A-Za-z]+$`)
)

// The names are those that debug information has, but for the folders of packages.
func TestGoTypes(t *testing.T) {
	for _, name := range []string{"go", "go-pie", "go-cgo"} {
		f, headers := opened(t, programs.Build(t, name))
		table, err := f.goTable()
		if err != nil {
			t.Fatal(err)
		}
		data, err := headers.DWARF()
		if err != nil {
			t.Fatal(err)
		}
		first, known := f.goTypes(table).first, 0
		for r := data.Reader(); ; {
			e, err := r.Next()
			if e == nil || err != nil {
				break
			}
			at, described := e.Val(attributeGoType).(uint64)
			want, named := e.Val(dwarf.AttrName).(string)
			plain := named && plainName.MatchString(want)
			if !described || at == 0 || !plain || e.Tag != dwarf.TagStructType {
				continue
			}
			if at < first {
				at += first
			}
			want = importPath.ReplaceAllString(want, "")
			code := codeOf(t, headers)
			got, err := f.GoType(code.Off, at-code.Vaddr, false)
			if err != nil || got != want {
				t.Errorf("%s: %#x: %q, %v; want %q", name, at, got, err, want)
			}
			known++
		}
		if known < 50 {
			t.Errorf("%s: only %d types", name, known)
		}
	}
}

func codeOf(t *testing.T, headers *elf.File) *elf.Prog {
	for _, p := range headers.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 {
			return p
		}
	}
	t.Fatal("no code")
	return nil
}

// typedProgram is a program with one type, the table of an interface 64 bytes behind that,
// and its name; and where the type is.
func typedProgram(
	t *testing.T, magic uint32, flags byte, name string, missing bool,
) (*File, uint64) {
	words := func(list ...uint64) []byte {
		var out bytes.Buffer
		binary.Write(&out, binary.LittleEndian, list)
		return out.Bytes()
	}
	program := func(table, text, first uint64) *File {
		header := words(uint64(magic)|8<<56|1<<48, 1, 0)
		if magic != goMagic116 {
			header = append(header, words(text)...)
		}
		header = append(header, words(72, 72, 72, 72, 72, 0, 0, 0, 0)...)
		described := make([]byte, 128, 256)
		described[goTypeFlags], described[goTypeKind], described[goTypeName] = flags, 1, 128
		copy(described[72:], words(first))
		described = append(append(described, 1), name...)
		module := make([]uint64, goModuleFuncData+8)
		at := goModuleTypes
		if magic != goMagic120 {
			at -= 2
		}
		module[0], module[goModuleText] = table, text
		module[at], module[at+1] = first, first+uint64(len(described))
		if missing {
			module[0] = 0
		}
		return fuzzed(t, elfSection{".text", elf.SHT_PROGBITS, 0, allocated, make([]byte, 0x100)},
			elfSection{".gopclntab", elf.SHT_PROGBITS, 0, elf.SHF_ALLOC, header},
			elfSection{".rodata", elf.SHT_PROGBITS, 0, elf.SHF_ALLOC, described},
			elfSection{".noptrdata", elf.SHT_PROGBITS, 0, elf.SHF_ALLOC, words(module...)})
	}
	address := func(name string) uint64 { return program(0, 0, 0).elf.Section(name).Addr }
	first := address(".rodata")
	return program(address(".gopclntab"), address(".text"), first), first
}

// Where the types are follows from the version of the table, and so does how a name has
// its length.
func TestGoTypeVersions(t *testing.T) {
	long := strings.Repeat("long", 75)
	for _, test := range []struct {
		name     string
		magic    uint32
		length   string
		text     string
		flags    byte
		want     string
		missing  bool
		indirect bool
	}{
		{name: "1.26", magic: goMagic120, length: "\x09", text: "main.Pony", want: "main.Pony"},
		{name: "star", magic: goMagic120, length: "\x0a", text: "*main.Pony", flags: 2, want: "main.Pony"},
		{name: "pointer", magic: goMagic120, length: "\x0a", text: "*main.Pony", want: "*main.Pony"},
		{name: "table", magic: goMagic120, length: "\x09", text: "main.Pony", indirect: true, want: "main.Pony"},
		{name: "1.18", magic: goMagic118, length: "\xac\x02", text: long, want: long},
		{name: "1.17", magic: goMagic116, length: "\xac\x02", text: long, want: long},
		{name: "1.16", magic: goMagic116, length: "\x00\x09", text: "main.Pony", want: "main.Pony"},
		{name: "1.16, long", magic: goMagic116, length: "\x01\x2c", text: long, want: long},
		{name: "no description", magic: goMagic120, length: "\x09", text: "main.Pony", missing: true},
		{name: "behind the end", magic: goMagic120, length: "\xff\xff\x7f", text: "main.Pony"},
	} {
		f, at := typedProgram(t, test.magic, test.flags, test.length+test.text, test.missing)
		if test.indirect {
			at += 64
		}
		code := codeOf(t, f.elf)
		got, err := f.GoType(code.Off, at-code.Vaddr, test.indirect)
		if err != nil || got != test.want {
			t.Errorf("%s: %q, %v; want %q", test.name, got, err, test.want)
		}
		if got, err := f.GoType(code.Off, at-code.Vaddr+8, false); got != "" || err != nil {
			t.Errorf("%s: %q, %v where no type is", test.name, got, err)
		}
		if got, err := f.GoType(code.Off, at-code.Vaddr+4096, test.indirect); got != "" || err != nil {
			t.Errorf("%s: %q, %v behind all types", test.name, got, err)
		}
	}
}
