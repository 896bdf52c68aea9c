package binary

import (
	"bufio"
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"io"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// Table is the functions of a file by address. It does not need the file any more.
type Table struct {
	loads   []segment
	entries []function
	names   [][]byte // the string tables
	room    int      // for more
	bytes   int      // taken
}

// function is 24 bytes, so that a table of a million takes no more than it must.
type function struct {
	address uint64
	size    uint64
	name    uint32
	table   uint8 // index into Table.names
	rank    uint8 // of several names at one address the lowest is taken
}

// What a function occupies but for its name, and a segment.
const (
	functionSize = 24
	segmentSize  = 24
)

// Table reads the functions of .symtab and .dynsym, or else of Go's table, if there is
// room for so many bytes. What it allocates is bounded by that, whatever the headers
// hold.
func (f *File) Table(room int) (*Table, error) {
	t := &Table{room: room}
	for _, s := range f.loads {
		if t.take(segmentSize) {
			t.loads = append(t.loads, s)
		}
	}
	for _, header := range f.symbolTables() {
		if err := t.add(f.elf, header); err != nil {
			return nil, err
		}
	}
	if f.elf.SectionByType(elf.SHT_SYMTAB) == nil {
		if err := t.addGo(f); err != nil {
			return nil, err
		}
	}
	t.order()
	return t, nil
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

// Bytes is what the table occupies; nil is a file that could not be read.
func (t *Table) Bytes() int {
	if t == nil {
		return 0
	}
	return t.bytes
}

// take reports whether there is room for so many bytes, which are then taken.
func (t *Table) take(bytes uint64) bool {
	if bytes > uint64(t.room) {
		return false
	}
	t.room -= int(bytes)
	t.bytes += int(bytes)
	return true
}

// add reads one symbol table.
func (t *Table) add(file *elf.File, table *elf.Section) error {
	names := file.Sections[table.Link]
	if !t.take(names.Size) {
		return ErrNoRoom
	}
	text, err := names.Data()
	if err != nil {
		return err
	}
	count := 0
	if err := symbols(file, table, func(symbol) error { count++; return nil }); err != nil {
		return err
	}
	if !t.take(functionSize * uint64(count)) {
		return ErrNoRoom
	}
	t.names, t.entries = append(t.names, text), slices.Grow(t.entries, count)
	return symbols(file, table, func(s symbol) error {
		entry := function{address: s.address, size: s.size, name: s.name, table: uint8(len(t.names) - 1)}
		entry.rank = rank(t.text(entry), elf.ST_BIND(s.info))
		t.entries = append(t.entries, entry)
		return nil
	})
}

// symbol is an entry of a symbol table.
type symbol struct {
	address, size uint64
	name          uint32
	info          byte
	section       uint16
}

// symbols visits the functions of a table.
func symbols(file *elf.File, table *elf.Section, visit func(symbol) error) error {
	return definitions(file, table, func(s symbol) error {
		kind := elf.ST_TYPE(s.info)
		if kind != elf.STT_FUNC && kind != elf.STT_GNU_IFUNC {
			return nil
		}
		return visit(s)
	})
}

// definitions visits what a table has of the file itself: entries of 24 bytes in files of
// 64 bits, of 16 in those of 32. The table is not kept.
func definitions(file *elf.File, table *elf.Section, visit func(symbol) error) error {
	buffer := make([]byte, elf.Sym64Size)
	if file.Class == elf.ELFCLASS32 {
		buffer = buffer[:elf.Sym32Size]
	}
	from := bufio.NewReaderSize(table.Open(), pageSize)
	for {
		switch _, err := io.ReadFull(from, buffer); {
		case err == io.EOF, err == io.ErrUnexpectedEOF:
			return nil
		case err != nil:
			return err
		}
		s := decodeSymbol(file.Class, buffer)
		if s.section == uint16(elf.SHN_UNDEF) || s.address == 0 {
			continue
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

// rank prefers read to __read, and what is visible outside to what is not.
func rank(name []byte, bind elf.SymBind) uint8 {
	underscores := len(name) - len(bytes.TrimLeft(name, "_"))
	if Mangled(name) {
		underscores = 0
	}
	r := uint8(2 * min(underscores, 100))
	if bind == elf.STB_LOCAL {
		r++
	}
	return r
}

// maxMangled bounds the names that are taken for mangled ones.
const maxMangled = 1 << 10

// Mangled reports whether a name may be one of C++ or Rust.
func Mangled(name []byte) bool {
	marked := bytes.HasPrefix(name, []byte("_Z")) || bytes.HasPrefix(name, []byte("_R"))
	return marked && len(name) <= maxMangled
}

func (t *Table) order() {
	slices.SortStableFunc(t.entries, func(a, b function) int {
		return cmp.Or(cmp.Compare(a.address, b.address), cmp.Compare(a.rank, b.rank))
	})
	same := func(a, b function) bool { return a.address == b.address }
	t.entries = slices.Clip(slices.CompactFunc(t.entries, same))
}

// text returns a function's name, cut where it is longer than any.
func (t *Table) text(f function) []byte {
	table := t.names[f.table]
	if int(f.name) >= len(table) {
		return nil
	}
	name := table[f.name:min(len(table), int(f.name)+maxName)]
	if end := bytes.IndexByte(name, 0); end >= 0 {
		name = name[:end]
	}
	return name
}

// nesting is how many functions may lie inside one another.
const nesting = 8

// Lookup returns the name of the function that a byte of the file belongs to, and how far
// the byte is behind its start. A function without a size reaches up to the next one.
func (t *Table) Lookup(offset uint64) (name []byte, distance uint64, ok bool) {
	address, ok := addressOf(t.loads, offset)
	if !ok {
		return nil, 0, false
	}
	after, _ := slices.BinarySearchFunc(t.entries, address, func(f function, a uint64) int {
		if f.address <= a {
			return -1
		}
		return 1
	})
	for i := after - 1; i >= max(0, after-nesting); i-- {
		f := t.entries[i]
		if distance := address - f.address; distance < f.size || f.size == 0 && i == after-1 {
			return t.text(f), distance, true
		}
	}
	return nil, 0, false
}

// All visits the functions by address.
func (t *Table) All(visit func(name []byte, address uint64)) {
	for _, f := range t.entries {
		visit(t.text(f), f.address)
	}
}

// maxNamed is how many functions may have one name.
const maxNamed = 1 << 10

type functions = []target.BinaryFunction

// find returns the functions of a name, each address once. Those of static functions and
// of versions of a library's function are several.
func (f *File) find(name string) (found functions, err error) {
	for _, table := range f.symbolTables() {
		names, err := f.open(f.elf.Sections[table.Link])
		if err != nil {
			return nil, err
		}
		err = symbols(f.elf, table, func(s symbol) error {
			text := names.from(uint64(s.name))
			if text.is(name) {
				found = f.append(found, target.BinaryFunction{
					Name: name, Address: s.address, Size: s.size,
					Indirect: elf.ST_TYPE(s.info) == elf.STT_GNU_IFUNC,
				})
			}
			return f.pages.step(1)
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// append adds a function that lies in the file, unless its address is there already.
func (f *File) append(list functions, found target.BinaryFunction) functions {
	offset, inside := f.offset(found.Address)
	known := slices.ContainsFunc(list, func(b target.BinaryFunction) bool {
		return b.Address == found.Address
	})
	if !inside || known || len(list) >= maxNamed {
		return list
	}
	found.Offset = offset
	return append(list, found)
}
