package binary

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"errors"
	"maps"
	"runtime"
	"slices"
	"testing"
)

// The names of sections are those that debug/elf reads.
func TestNamesOfSections(t *testing.T) {
	all := fixtures(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f, err := New(bytes.NewReader(all[name]))
		if err != nil {
			t.Fatal(name, err)
		}
		want, err := elf.NewFile(bytes.NewReader(all[name]))
		if err != nil {
			t.Fatal(name, err)
		}
		for i, s := range f.elf.Sections {
			if s.SectionHeader != want.Sections[i].SectionHeader {
				t.Errorf("%s: %+v, want %+v", name, s.SectionHeader, want.Sections[i].SectionHeader)
			}
		}
	}
}

// named is a program with so many sections, whose names all begin at 1 in a table.
func named(count int, table []byte, flags elf.SectionFlag) []byte {
	sections := make([]elfSection, count)
	text := elfOf(sections...)
	headers := binary.LittleEndian.Uint64(text[40:])
	place := uint64(len(text))
	for i := range uint64(count + 2) {
		binary.LittleEndian.PutUint32(text[headers+64*i:], 1)
	}
	last := text[headers+64*uint64(count+1):]
	binary.LittleEndian.PutUint64(last[8:], uint64(flags))
	binary.LittleEndian.PutUint64(last[24:], place)
	binary.LittleEndian.PutUint64(last[32:], uint64(len(table)))
	return append(text, table...)
}

// Headers cost what is kept of them, however long the names claim to be.
func TestLargeHeaders(t *testing.T) {
	long := append(bytes.Repeat([]byte{'a'}, 1<<20), 0)
	var packed bytes.Buffer
	binary.Write(&packed, binary.LittleEndian, elf.Chdr64{Type: 1, Size: 1 << 25})
	w := zlib.NewWriter(&packed)
	for range 1 << 5 {
		w.Write(long[:1<<20])
	}
	w.Close()
	many := elfOf()
	binary.LittleEndian.PutUint16(many[56:], maxLoads+1)
	many = append(many[:64], slices.Concat(bytes.Repeat(many[64:64+56], maxLoads), many[64:])...)
	binary.LittleEndian.PutUint64(many[40:], binary.LittleEndian.Uint64(many[40:])+56*maxLoads)
	foreign := elfOf()
	binary.LittleEndian.PutUint16(foreign[62:], 7)
	beyond := elfOf()
	binary.LittleEndian.PutUint32(beyond[binary.LittleEndian.Uint64(beyond[40:]):], 1<<20)
	for _, test := range []struct {
		name string
		text []byte
		want error
	}{
		{"long names", named(1000, long, 0), nil},
		{"packed names", named(3, packed.Bytes(), elf.SHF_COMPRESSED), errNoNames},
		{"sections", named(maxSections, long, 0), errNoHeaders},
		{"segments", many, errNoSegments},
		{"no section of names", foreign, errNoNames},
		{"a name beyond the end", beyond, errNoNames},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f, err := New(bytes.NewReader(test.text))
		runtime.ReadMemStats(&after)
		if made := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, test.want) || made > 8<<20 {
			t.Errorf("%s: %d bytes are made, %v, want %v", test.name, made, err, test.want)
		}
		if f != nil && f.elf.Sections[1].Name != string(long[:maxSectionName]) {
			t.Errorf("%s: the first name has %d bytes", test.name, len(f.elf.Sections[1].Name))
		}
	}
}
