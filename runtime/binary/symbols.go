package binary

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// symbol is a function of a symbol table, or of Go's table.
type symbol struct {
	address, size uint64
	name          uint32
	info          byte
	section       uint16
	version       uint16 // its number in the file; see versions
	old           bool   // programs that are linked today get another version
	suffix        []byte // the version where the linker put it into the name
}

func (s *symbol) indirect() bool { return elf.ST_TYPE(s.info) == elf.STT_GNU_IFUNC }

// visitor of functions. A name is valid until the next one is read.
type functionVisitor func(f *File, s symbol, name []byte) error

// eachFunction visits the functions that a program has names for: in its own tables of
// symbols and, where its linker's names were taken off, in Go's table, in .gnu_debugdata
// and in its debug file.
func (f *File) eachFunction(visit functionVisitor) error {
	if err := f.eachSymbol(visit); err != nil || f.elf.SectionByType(elf.SHT_SYMTAB) != nil {
		return err
	}
	table, err := f.goTable()
	if err != nil {
		return err
	}
	if table != nil {
		if err := table.eachName(f, visit); err != nil {
			return err
		}
	}
	for _, other := range []*File{f.packedFile(), f.debugFile()} {
		if other == nil || other == f {
			continue
		}
		if err := other.eachSymbol(visit); err != nil {
			return err
		}
	}
	return nil
}

// eachSymbol visits the functions of this file's symbol tables.
func (f *File) eachSymbol(visit functionVisitor) error {
	for _, table := range f.symbolTables() {
		names, err := f.open(f.elf.Sections[table.Link])
		if err != nil {
			return err
		}
		err = f.symbols(table, func(s symbol) error {
			at := names.from(uint64(s.name))
			name, suffix, versioned := bytes.Cut(at.view(maxName), []byte("@"))
			if versioned {
				s.suffix = bytes.TrimPrefix(suffix, []byte("@"))
				s.old = len(s.suffix) == len(suffix)
			}
			return visit(f, s, name)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// symbolTables returns those that can be read where they are: none is ever compressed.
func (f *File) symbolTables() (tables []*elf.Section) {
	for _, kind := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} {
		table := f.elf.SectionByType(kind)
		if table == nil || table.Link == 0 || int(table.Link) >= len(f.elf.Sections) {
			continue
		}
		if !compressed(table) && !compressed(f.elf.Sections[table.Link]) {
			tables = append(tables, table)
		}
	}
	return tables
}

// symbols visits the functions of a table.
func (f *File) symbols(table *elf.Section, visit func(symbol) error) error {
	return f.definitions(table, func(s symbol) error {
		if elf.ST_TYPE(s.info) != elf.STT_FUNC && !s.indirect() {
			return nil
		}
		return visit(s)
	})
}

// definitions visits what a table has of the file itself: entries of 24 bytes in files of
// 64 bits, of 16 in those of 32. The table is not kept.
func (f *File) definitions(table *elf.Section, visit func(symbol) error) error {
	buffer := make([]byte, elf.Sym64Size)
	if f.elf.Class == elf.ELFCLASS32 {
		buffer = buffer[:elf.Sym32Size]
	}
	versions := f.versionsOf(table)
	from := bufio.NewReaderSize(table.Open(), pageSize)
	for index := uint64(0); ; index++ {
		switch _, err := io.ReadFull(from, buffer); {
		case err == io.EOF, err == io.ErrUnexpectedEOF:
			return nil
		case err != nil:
			return err
		}
		if err := f.pages.step(1); err != nil {
			return err
		}
		s := decodeSymbol(f.elf.Class, buffer)
		if s.section == uint16(elf.SHN_UNDEF) || s.address == 0 {
			continue
		}
		if versions != nil {
			at := versions.from(2 * index)
			number := at.u16()
			s.version, s.old = number&^oldVersion, number&oldVersion != 0
		}
		if err := visit(s); err != nil {
			return err
		}
	}
}

func decodeSymbol(class elf.Class, b []byte) symbol {
	order := binary.LittleEndian
	if class == elf.ELFCLASS32 {
		return symbol{
			address: uint64(order.Uint32(b[4:])), size: uint64(order.Uint32(b[8:])),
			name: order.Uint32(b), info: b[12], section: order.Uint16(b[14:]),
		}
	}
	return symbol{
		address: order.Uint64(b[8:]), size: order.Uint64(b[16:]),
		name: order.Uint32(b), info: b[4], section: order.Uint16(b[6:]),
	}
}

// oldVersion marks in .gnu.version what programs that are linked today do not get.
const oldVersion = 0x8000

// versionsOf returns .gnu.version, which has a number for each symbol of .dynsym, or nil.
func (f *File) versionsOf(table *elf.Section) *section {
	header := f.elf.SectionByType(elf.SHT_GNU_VERSYM)
	if table.Type != elf.SHT_DYNSYM || header == nil || compressed(header) {
		return nil
	}
	return &section{pages: f.pages, offset: header.Offset, size: header.FileSize}
}

// maxVersions is more than any library has.
const maxVersions = 1 << 12

// version returns the name of a version by its number, or "". In .gnu.version_d each has
// 20 bytes (2 words of no use here, the number, how many names, a sum, where its names
// are, where the next version is) and names of 8 bytes, of which the first is its own.
func (f *File) version(number uint16) string {
	header := f.elf.SectionByType(elf.SHT_GNU_VERDEF)
	if number <= 1 || header == nil || int(header.Link) >= len(f.elf.Sections) {
		return ""
	}
	table, err := f.open(header)
	if err != nil {
		return ""
	}
	names, err := f.open(f.elf.Sections[header.Link])
	if err != nil {
		return ""
	}
	at := uint64(0)
	for range maxVersions {
		c := table.from(at)
		c.skip(4)
		own := c.u16()
		c.skip(6)
		name, next := uint64(c.u32()), uint64(c.u32())
		if own == number && c.err == nil {
			first := table.from(at + name)
			text := names.from(uint64(first.u32()))
			return text.text()
		}
		if c.err != nil || next == 0 {
			break
		}
		at += next
	}
	return ""
}

// versionOf returns the version of a function.
func (f *File) versionOf(s symbol) string {
	if s.suffix != nil {
		return string(s.suffix)
	}
	return f.version(s.version)
}

// maxNamed is how many functions may have one name.
const maxNamed = 1 << 10

type functions = []target.BinaryFunction
