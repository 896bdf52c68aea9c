package symbols

import (
	"bytes"
	"cmp"
	"debug/elf"
	"errors"
	"io"
	"slices"

	"github.com/ianlancetaylor/demangle"
)

// image is an ELF file's functions by address.
type image struct {
	segments []segment
	entries  []function
	names    [][]byte       // the string tables
	decoded  map[int]string // of entries whose names are mangled
	raw      bool           // names stay as they are
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

// The largest tables that are taken, and the most segments. The biggest programs that we know of stay below.
const (
	maxSection   = 256 << 20
	maxSegments  = 1 << 12
	maxFunctions = 8 << 20
	maxName      = 4 << 10
)

var errTooLarge = errors.New("an ELF file whose symbols are larger than those of any program")

// readImage reads the functions of .symtab and .dynsym. What it allocates is bounded by the size of the file's tables, which
// debug/elf reads in pieces, so that a header that lies costs nothing.
func readImage(from io.ReaderAt) (*image, error) {
	file, err := elf.NewFile(from)
	if err != nil {
		return nil, err
	}
	m := &image{}
	for _, p := range file.Progs {
		if p.Type == elf.PT_LOAD && len(m.segments) < maxSegments {
			m.segments = append(m.segments, segment{p.Off, p.Filesz, p.Vaddr})
		}
	}
	for _, kind := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} {
		if err := m.add(file, file.SectionByType(kind)); err != nil {
			return nil, err
		}
	}
	if file.SectionByType(elf.SHT_SYMTAB) == nil {
		m.addGo(file)
	}
	m.order()
	return m, nil
}

// add reads one symbol table. A file without it is no error.
func (m *image) add(file *elf.File, table *elf.Section) error {
	if table == nil || table.Link == 0 || int(table.Link) >= len(file.Sections) {
		return nil
	}
	names := file.Sections[table.Link]
	if table.Size > maxSection || names.Size > maxSection || compressed(table) || compressed(names) {
		return errTooLarge
	}
	symbols, err := table.Data()
	if err != nil {
		return err
	}
	text, err := names.Data()
	if err != nil {
		return err
	}
	m.names = append(m.names, text)
	m.parse(file, symbols)
	return nil
}

func compressed(s *elf.Section) bool { return s.Flags&elf.SHF_COMPRESSED != 0 }

// parse adds the functions of a table: entries of 24 bytes in files of 64 bits, of 16 in those of 32.
func (m *image) parse(file *elf.File, symbols []byte) {
	size := elf.Sym64Size
	if file.Class == elf.ELFCLASS32 {
		size = elf.Sym32Size
	}
	for ; len(symbols) >= size && len(m.entries) < maxFunctions; symbols = symbols[size:] {
		entry, info, section := decodeSymbol(file, symbols)
		kind := elf.ST_TYPE(info)
		if kind != elf.STT_FUNC && kind != elf.STT_GNU_IFUNC || section == uint16(elf.SHN_UNDEF) || entry.address == 0 {
			continue
		}
		entry.table = uint8(len(m.names) - 1)
		entry.rank = rank(m.text(entry), elf.ST_BIND(info))
		m.entries = append(m.entries, entry)
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

// readable returns the name of an entry; decoding takes microseconds, and stacks have the same functions again and again.
func (m *image) readable(i int) string {
	name := m.text(m.entries[i])
	if m.raw || !mangled(name) {
		return string(name)
	}
	text, known := m.decoded[i]
	if known {
		return text
	}
	if m.decoded == nil || len(m.decoded) >= maxDecoded {
		m.decoded = map[int]string{}
	}
	text = decode(string(name))
	m.decoded[i] = text
	return text
}

const (
	maxDecoded = 1 << 16
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

// bytesUsed is about what the image occupies.
func (m *image) bytesUsed() int {
	n := 24 * cap(m.entries)
	for _, names := range m.names {
		n += len(names)
	}
	return n
}
