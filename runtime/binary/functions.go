package binary

import (
	"bytes"
	"cmp"
	"debug/elf"
	"slices"
)

// Table is the functions of a file by address. It does not need the file any more.
type Table struct {
	loads   []segment
	entries []function
	names   []byte // each with a zero behind it
	room    int    // for more
	bytes   int    // taken
	inlines bool   // Go's table tells what was inlined
}

// function is 24 bytes, so that a table of a million takes no more than it must.
type function struct {
	address uint64
	size    uint64
	name    uint32 // where it is in Table.names
	version uint16
	flags   flags
	rank    uint8 // of several names at one address the lowest is taken
}

// flags are what else is known of a function.
type flags uint8

const (
	isIndirect flags = 1 << iota
	isOld
	hasSuffix // its version is behind its name
	isChosen  // the name that it is chosen as is behind its own
)

// What a function occupies but for its name, and a segment.
const (
	functionSize = 24
	segmentSize  = 24
)

// Table reads the functions of the file, if there is room for so many bytes. What it
// allocates is bounded by that, whatever the headers hold.
func (f *File) Table(room int) (*Table, error) {
	*f.pages.steps = f.most
	return f.wholeTable(room)
}

func (f *File) wholeTable(room int) (*Table, error) {
	t := &Table{room: room}
	for _, s := range f.loads {
		if t.take(segmentSize) {
			t.loads = append(t.loads, s)
		}
	}
	count, long := 0, 0
	err := f.eachFunction(func(_ *File, _ symbol, name []byte) error {
		count, long = count+1, long+len(name)+1
		if functionSize*count+long > room {
			return ErrNoRoom
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	t.entries, t.names = make([]function, 0, count), make([]byte, 0, long)
	err = f.eachFunction(func(_ *File, s symbol, name []byte) error { return t.add(s, name) })
	if err != nil {
		return nil, err
	}
	t.order()
	if golang, err := f.goTable(); err == nil {
		t.inlines = golang.hasInlined()
	}
	return t, nil
}

// Bytes is what the table occupies; nil is a file that could not be read.
func (t *Table) Bytes() int {
	if t == nil {
		return 0
	}
	return t.bytes
}

// Inlines reports whether the file has Go's table of inlined calls.
func (t *Table) Inlines() bool { return t != nil && t.inlines }

// take reports whether there is room for so many bytes, which are then taken.
func (t *Table) take(bytes uint64) bool {
	if bytes > uint64(t.room) {
		return false
	}
	t.room -= int(bytes)
	t.bytes += int(bytes)
	return true
}

// add adds a function, with texts that follow its name.
func (t *Table) add(s symbol, name []byte, more ...[]byte) error {
	long := len(name) + 1
	for _, text := range more {
		long += len(text) + 1
	}
	if !t.take(uint64(functionSize + long)) {
		return ErrNoRoom
	}
	entry := function{
		address: s.address, size: s.size, name: uint32(len(t.names)),
		version: s.version, rank: rank(name, elf.ST_BIND(s.info)),
	}
	if s.indirect() {
		entry.flags |= isIndirect
	}
	if s.old {
		entry.flags |= isOld
	}
	if s.suffix != nil && len(more) > 0 {
		entry.flags |= hasSuffix
	}
	t.names = append(append(t.names, name...), 0)
	for _, text := range more {
		t.names = append(append(t.names, text...), 0)
	}
	t.entries = append(t.entries, entry)
	return nil
}

func (t *Table) order() {
	slices.SortStableFunc(t.entries, func(a, b function) int {
		return cmp.Or(cmp.Compare(a.address, b.address), cmp.Compare(a.rank, b.rank))
	})
	same := func(a, b function) bool { return a.address == b.address }
	t.entries = slices.Clip(slices.CompactFunc(t.entries, same))
}

// text returns a function's name.
func (t *Table) text(f function) []byte {
	name, _, _ := bytes.Cut(t.names[f.name:], []byte{0})
	return name
}

// behind returns the text that follows it.
func (t *Table) behind(f function) []byte {
	_, rest, _ := bytes.Cut(t.names[f.name:], []byte{0})
	text, _, _ := bytes.Cut(rest, []byte{0})
	return text
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
