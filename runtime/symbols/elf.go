package symbols

import (
	"bufio"
	"bytes"
	"cmp"
	"debug/elf"
	"errors"
	"io"
	"math"
	"slices"

	"github.com/ianlancetaylor/demangle"
)

// image is an ELF file's functions by address.
type image struct {
	segments []segment
	entries  []function
	names    [][]byte // the string tables
	decoded  *decoded // of entries whose names are mangled
	raw      bool     // names stay as they are
	room     int      // for more
	bytes    int      // taken
}

// segment says where in memory, before the file is moved anywhere, a part of it goes.
type segment struct{ offset, size, address uint64 }

// function is 24 bytes, so that a table of a million takes no more than it must.
type function struct {
	address uint64
	size    uint64
	name    uint32
	table   uint8 // index into image.names
	rank    uint8 // of several names at one address the lowest is taken
}

// The largest headers, with the names of sections, that are taken.
const (
	maxHeaders = 8 << 20
	maxName    = 4 << 10
)

var errNoHeaders = errors.New("an ELF file with more sections than any program")

// readImage reads the functions of .symtab and .dynsym, if there is room for them. What it allocates is bounded by that, whatever
// the headers say.
func readImage(from io.ReaderAt, room int) (*image, error) {
	bounded := &boundedReader{from: from, left: maxHeaders}
	file, err := elf.NewFile(bounded)
	if err != nil {
		return nil, err
	}
	bounded.left = math.MaxInt
	m := &image{room: room}
	for _, p := range file.Progs {
		if p.Type == elf.PT_LOAD && m.take(segmentSize) {
			m.segments = append(m.segments, segment{p.Off, p.Filesz, p.Vaddr})
		}
	}
	for _, kind := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} {
		if err := m.add(file, file.SectionByType(kind)); err != nil {
			return nil, err
		}
	}
	if file.SectionByType(elf.SHT_SYMTAB) == nil {
		if err := m.addGo(file); err != nil {
			return nil, err
		}
	}
	m.order()
	return m, nil
}

// boundedReader fails when more is read than may be: debug/elf keeps the names of sections, and allocates as it reads.
type boundedReader struct {
	from io.ReaderAt
	left int
}

func (b *boundedReader) ReadAt(to []byte, offset int64) (int, error) {
	if len(to) > b.left {
		return 0, errNoHeaders
	}
	b.left -= len(to)
	return b.from.ReadAt(to, offset)
}

// take reports whether there is room for so many bytes, which are then taken.
func (m *image) take(bytes uint64) bool {
	if bytes > uint64(m.room) {
		return false
	}
	m.room -= int(bytes)
	m.bytes += int(bytes)
	return true
}

// add reads one symbol table. A file without it is no error.
func (m *image) add(file *elf.File, table *elf.Section) error {
	if table == nil || table.Link == 0 || int(table.Link) >= len(file.Sections) {
		return nil
	}
	names := file.Sections[table.Link]
	if compressed(table) || compressed(names) {
		return nil
	}
	if !m.take(names.Size) {
		return errNoRoom
	}
	text, err := names.Data()
	if err != nil {
		return err
	}
	count := 0
	if err := functions(file, table, func(function, byte) { count++ }); err != nil {
		return err
	}
	if !m.take(functionSize * uint64(count)) {
		return errNoRoom
	}
	m.names, m.entries = append(m.names, text), slices.Grow(m.entries, count)
	return functions(file, table, func(entry function, info byte) {
		entry.table = uint8(len(m.names) - 1)
		entry.rank = rank(m.text(entry), elf.ST_BIND(info))
		m.entries = append(m.entries, entry)
	})
}

func compressed(s *elf.Section) bool { return s.Flags&elf.SHF_COMPRESSED != 0 }

// functions visits those of a table: entries of 24 bytes in files of 64 bits, of 16 in those of 32. The table is not kept.
func functions(file *elf.File, table *elf.Section, visit func(entry function, info byte)) error {
	symbol := make([]byte, elf.Sym64Size)
	if file.Class == elf.ELFCLASS32 {
		symbol = symbol[:elf.Sym32Size]
	}
	from := bufio.NewReaderSize(table.Open(), 64<<10)
	for {
		switch _, err := io.ReadFull(from, symbol); {
		case err == io.EOF, err == io.ErrUnexpectedEOF:
			return nil
		case err != nil:
			return err
		}
		entry, info, section := decodeSymbol(file, symbol)
		kind := elf.ST_TYPE(info)
		if (kind == elf.STT_FUNC || kind == elf.STT_GNU_IFUNC) && section != uint16(elf.SHN_UNDEF) && entry.address != 0 {
			visit(entry, info)
		}
	}
}

func decodeSymbol(file *elf.File, b []byte) (entry function, info uint8, section uint16) {
	order := file.ByteOrder
	entry.name = order.Uint32(b)
	if file.Class == elf.ELFCLASS32 {
		entry.address, entry.size = uint64(order.Uint32(b[4:])), uint64(order.Uint32(b[8:]))
		return entry, b[12], order.Uint16(b[14:])
	}
	entry.address, entry.size = order.Uint64(b[8:]), order.Uint64(b[16:])
	return entry, b[4], order.Uint16(b[6:])
}

// rank prefers read to __read, and what is visible outside to what is not.
func rank(name []byte, bind elf.SymBind) uint8 {
	underscores := len(name) - len(bytes.TrimLeft(name, "_"))
	if mangled(name) {
		underscores = 0
	}
	r := uint8(2 * min(underscores, 100))
	if bind == elf.STB_LOCAL {
		r++
	}
	return r
}

func (m *image) order() {
	slices.SortStableFunc(m.entries, func(a, b function) int {
		return cmp.Or(cmp.Compare(a.address, b.address), cmp.Compare(a.rank, b.rank))
	})
	m.entries = slices.CompactFunc(m.entries, func(a, b function) bool { return a.address == b.address })
	m.entries = slices.Clip(m.entries)
}

// text returns a function's name, cut where it is longer than any.
func (m *image) text(f function) []byte {
	table := m.names[f.table]
	if int(f.name) >= len(table) {
		return nil
	}
	name := table[f.name:min(len(table), int(f.name)+maxName)]
	if end := bytes.IndexByte(name, 0); end >= 0 {
		name = name[:end]
	}
	return name
}

// address returns where a byte of the file goes in memory.
func (m *image) address(offset uint64) (uint64, bool) {
	for _, s := range m.segments {
		if offset >= s.offset && offset-s.offset < s.size {
			return offset - s.offset + s.address, true
		}
	}
	return 0, false
}

// nesting is how many functions may lie inside one another.
const nesting = 8

// lookup returns the function that a byte of the file belongs to. One without a size reaches up to the next.
func (m *image) lookup(offset uint64) (Symbol, bool) {
	address, ok := m.address(offset)
	if !ok {
		return Symbol{}, false
	}
	after, _ := slices.BinarySearchFunc(m.entries, address, func(f function, a uint64) int {
		if f.address <= a {
			return -1
		}
		return 1
	})
	for i := after - 1; i >= max(0, after-nesting); i-- {
		f := m.entries[i]
		if distance := address - f.address; distance < f.size || f.size == 0 && i == after-1 {
			return Symbol{Name: m.readable(i), Offset: distance}, true
		}
	}
	return Symbol{}, false
}

// readable returns the name of an entry.
func (m *image) readable(i int) string {
	name := m.text(m.entries[i])
	if m.raw || !mangled(name) {
		return string(name)
	}
	if m.decoded == nil {
		m.decoded = &decoded{}
	}
	return m.decoded.text(name)
}

// decoded keeps names that were decoded, which takes microseconds: stacks have the same functions again and again.
type decoded struct {
	texts map[string]string
	bytes int
}

func (d *decoded) text(name []byte) string {
	text, known := d.texts[string(name)]
	if known {
		return text
	}
	text = decode(string(name))
	if d.bytes += len(name) + len(text); d.texts == nil || d.bytes > maxDecoded {
		d.texts, d.bytes = map[string]string{}, len(name)+len(text)
	}
	d.texts[string(name)] = text
	return text
}

const (
	maxDecoded = 4 << 20 // bytes of names, decoded or not
	// maxMangled bounds the names that are decoded, and longestDecoded, a power of two, what they decode to.
	maxMangled     = 1 << 10
	longestDecoded = 12
)

// mangled reports whether a name may be one of C++ or Rust.
func mangled(name []byte) bool {
	return len(name) <= maxMangled && (bytes.HasPrefix(name, []byte("_Z")) || bytes.HasPrefix(name, []byte("_R")))
}

func decode(name string) string {
	text, err := demangle.ToString(name, demangle.MaxLength(longestDecoded))
	if err != nil {
		return name
	}
	return text
}

// What a function occupies but for its name, and a segment.
const (
	functionSize = 24
	segmentSize  = 24
)

// bytesUsed is what the image occupies; nil is a file that could not be read.
func (m *image) bytesUsed() int {
	if m == nil {
		return 0
	}
	return m.bytes
}
