package binary

import (
	"debug/elf"
	"strings"
)

// What an interface of Go holds is told by the address of the type's description
// (internal/abi.Type), or, if the interface has methods, by that of a table (ITab) whose
// second word is that address:
//
//	20  flags: 2 where the name has a * at its start that is another type's
//	23  kind: not 0, as it is in a table
//	40  where the name is, from the start of all types, in 4 bytes
//
// A name is a byte of flags, its length (since Go 1.17 as in DWARF, before in two bytes,
// the high one first) and its text. Where all types are is known to the description of
// the program.
//
// https://github.com/golang/go/blob/go1.26.0/src/internal/abi/type.go
const (
	goTypeFlags, goTypeKind, goTypeName = 20, 23, 40

	goTypeStar = 2
	// maxName116 is less than the length of any name in Go 1.17 and later: "int" has 3.
	maxName116 = 2
)

// GoType returns the name of a type of Go as Go's %T prints it, or "" where the file has
// none there. Its description, or with indirect the table that leads there, lies a distance
// behind the code that begins at an offset in the file: addresses of a process are not
// those of the file.
func (f *File) GoType(code, distance uint64, indirect bool) (string, error) {
	return ask(f, func() (string, error) {
		table, err := f.goTable()
		if table == nil || err != nil {
			return "", err
		}
		at := f.codeAddress(code) + distance
		if indirect {
			c := f.dataAt(at + wordSize)
			at = c.u64()
		}
		return f.goTypes(table).name(at), nil
	})
}

// codeAddress returns where in memory the code goes that is mapped from an offset on, which
// is at a multiple of the page's size, before the first byte of the code.
func (f *File) codeAddress(offset uint64) uint64 {
	for _, p := range f.elf.Progs {
		code := p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0
		if code && offset < p.Off+p.Filesz && p.Off < offset+max(p.Align, 1) {
			return p.Vaddr + offset - p.Off
		}
	}
	return 0
}

// dataAt reads from an address on.
func (f *File) dataAt(address uint64) cursor {
	if s, at := f.sectionAt(address); s != nil {
		return s.from(at)
	}
	return cursor{err: errEnds}
}

// goTypes is where the types of a program and their names are.
type goTypes struct {
	*File
	first, end uint64
	short      bool // names may have their length in two bytes
}

func (f *File) goTypes(t *goTable) goTypes {
	at, module := uint64(goModuleTypes), f.goModule(t)
	if !t.startLine {
		at -= 2
	}
	return goTypes{f, module.word(at), module.word(at + 1), t.word == 8}
}

func (g goTypes) has(address uint64) bool { return address >= g.first && address < g.end }

func (g goTypes) name(address uint64) string {
	if !g.has(address) {
		return ""
	}
	c := g.dataAt(address + goTypeFlags)
	star := c.u8()&goTypeStar != 0
	c.skip(goTypeKind - goTypeFlags - 1)
	kind := c.u8()
	c.skip(goTypeName - goTypeKind - 1)
	at := g.first + uint64(c.u32())
	if c.err != nil || kind == 0 || !g.has(at) {
		return ""
	}
	text := g.text(at + 1)
	if star {
		text = strings.TrimPrefix(text, "*")
	}
	return text
}

// text reads a length and as much text.
func (g goTypes) text(at uint64) string {
	c := g.dataAt(at)
	length := c.uleb()
	if g.short && length <= maxName116 {
		length = length<<8 | uint64(c.u8())
	}
	var text []byte
	for range min(length, maxName) {
		text = append(text, c.u8())
	}
	if c.err != nil {
		return ""
	}
	return string(text)
}
