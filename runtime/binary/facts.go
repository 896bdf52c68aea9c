package binary

import (
	"bytes"
	"debug/elf"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// Offset returns where in the file the byte of an address is.
func (f *File) Offset(address uint64) (uint64, bool) { return f.offset(address) }

// Address returns where the linker put a byte of the file.
func (f *File) Address(offset uint64) (uint64, bool) { return f.address(offset) }

// maxCode bounds what is returned of the code at once.
const maxCode = 1 << 20

// Code returns bytes of code: no more than there are in the segment.
func (f *File) Code(offset uint64, n int) ([]byte, error) {
	return ask(f, func() (code []byte, err error) {
		for _, p := range f.elf.Progs {
			if p.Type != elf.PT_LOAD || p.Flags&elf.PF_X == 0 || offset-p.Off >= p.Filesz {
				continue
			}
			s := &section{pages: f.pages, offset: p.Off, size: p.Filesz}
			c := s.from(offset - p.Off)
			for range min(uint64(max(n, 0)), maxCode, p.Filesz-(offset-p.Off)) {
				code = append(code, c.u8())
			}
			return code, c.err
		}
		return nil, nil
	})
}

// architectures are the names that a Target has for machines, and two that only programs
// may be for.
var architectures = map[elf.Machine]string{
	elf.EM_X86_64: "x86_64", elf.EM_AARCH64: "arm64", elf.EM_386: "386", elf.EM_ARM: "arm",
}

// BuildID is what the facts have of it; an error where it took too long to read.
func (f *File) BuildID() (string, error) {
	return ask(f, func() (string, error) { return f.buildID(), nil })
}

// Facts describes the file. What cannot be read is taken to be absent, but for the
// machine, which is known since the file was opened.
func (f *File) Facts() target.BinaryFacts {
	facts, err := ask(f, func() (target.BinaryFacts, error) {
		facts := target.BinaryFacts{
			Arch: architectures[f.elf.Machine], BuildID: f.buildID(), Go: f.goVersion(),
		}
		f.linkage(&facts)
		debug := f.debugFile()
		facts.DWARF = debug.elf.Section(".debug_info") != nil
		facts.Stripped = f.elf.SectionByType(elf.SHT_SYMTAB) == nil && f.packedFile() == nil &&
			debug.elf.SectionByType(elf.SHT_SYMTAB) == nil
		return facts, nil
	})
	if err != nil {
		facts.Arch = architectures[f.elf.Machine]
	}
	return facts
}

// dfPIE is the flag in .dynamic by which linkers mark programs among what may be
// anywhere; older ones only name the loader.
const dfPIE = 0x08000000

// linkage tells programs from libraries, and what needs a loader from what does not.
func (f *File) linkage(facts *target.BinaryFacts) {
	loader := false
	for _, p := range f.elf.Progs {
		loader = loader || p.Type == elf.PT_INTERP
	}
	d := f.dynamic()
	movable := f.elf.Type == elf.ET_DYN
	facts.PIE = movable && !d.named && (loader || d.flags&dfPIE != 0)
	facts.Library = movable && !facts.PIE
	facts.Static = !loader && !d.needs
}

// maxDynamic is more than any file has entries in .dynamic.
const maxDynamic = 1 << 12

// dynamic is what the linker left for the loader in .dynamic.
type dynamic struct {
	flags uint64
	needs bool // libraries
	named bool // as libraries are, also those that can be run, as libc can
}

// dynamic reads pairs of a kind and a number.
func (f *File) dynamic() (d dynamic) {
	table, err := f.section(".dynamic")
	if table == nil || err != nil {
		return d
	}
	word := 8
	if f.elf.Class == elf.ELFCLASS32 {
		word = 4
	}
	c := table.from(0)
	for range maxDynamic {
		kind, n := elf.DynTag(c.number(word)), c.number(word)
		if c.err != nil || kind == elf.DT_NULL {
			break
		}
		switch kind {
		case elf.DT_NEEDED:
			d.needs = true
		case elf.DT_SONAME:
			d.named = true
		case elf.DT_FLAGS_1:
			d.flags = n
		}
	}
	return d
}

// goInfo begins the section that Go writes its version to: then a byte of no use here,
// and flags, of which bit 1 says that the version follows at goInfoVersion, its length
// first. Before Go 1.18 the address of a string follows here.
const (
	goInfo        = "\xff Go buildinf:"
	goInfoInline  = 2
	goInfoVersion = 32
	maxGoVersion  = 64
)

// goVersion returns the version of Go that made the program, "go" where it does not tell,
// and "" for other programs.
func (f *File) goVersion() string {
	s, err := f.section(".go.buildinfo")
	if s == nil || err != nil {
		if f.elf.Section(".gopclntab") != nil || f.elf.Section(".data.rel.ro.gopclntab") != nil {
			return "go"
		}
		return ""
	}
	c := s.from(0)
	var magic [len(goInfo)]byte
	for i := range magic {
		magic[i] = c.u8()
	}
	c.skip(1)
	flags := c.u8()
	if !bytes.Equal(magic[:], []byte(goInfo)) {
		return "go"
	}
	length := uint64(0)
	if flags&goInfoInline != 0 {
		c.skip(goInfoVersion - c.at)
		length = c.uleb()
	} else {
		text := f.dataAt(c.u64())
		c = f.dataAt(text.u64())
		length = text.u64()
	}
	var version []byte
	for range min(length, maxGoVersion) {
		version = append(version, c.u8())
	}
	if c.err != nil {
		return "go"
	}
	return string(version)
}
