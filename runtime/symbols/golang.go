package symbols

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"slices"
)

// A Go program names the functions of its own stacks by the section .gopclntab, which is there even when the symbols are not.
// Its header is, since Go 1.18 (https://github.com/golang/go/blob/go1.26.0/src/internal/abi/symtab.go, runtime/symtab.go):
//
//	0   magic; 7 the size of a pointer
//	8   how many functions; 16 files; 24 the address of the code, 0 since Go 1.26
//	32  where the names are; 40, 48, 56 other tables; 64 where the functions are
//
// and there, for each function, where its code is, from the start of all code, and where it is described; then where the code
// ends. A description has the place of the name at 4. (Rejected: package debug/gosym, which allocates what a header
// claims.)
const (
	goMagic118 = 0xfffffff0
	goMagic120 = 0xfffffff1
	goHeader   = 72
)

// goTable is the section, checked to hold as much as its header says.
type goTable struct {
	order     binary.ByteOrder
	names     []byte
	functions []byte
	count     int
	text      uint64
}

// addGo adds the functions of a program of 64 bits.
func (m *image) addGo(file *elf.File) error {
	section, text := file.Section(".gopclntab"), file.Section(".text")
	if section == nil || text == nil || compressed(section) || file.Class != elf.ELFCLASS64 {
		return nil
	}
	if !m.take(section.Size) {
		return errNoRoom
	}
	data, err := section.Data()
	if err != nil {
		return err
	}
	table, ok := readGoTable(data, file.ByteOrder)
	if !ok || !table.place(file.Entry, text.Addr) {
		return nil
	}
	if !m.take(functionSize * uint64(table.count)) {
		return errNoRoom
	}
	m.names, m.entries = append(m.names, table.names), slices.Grow(m.entries, table.count)
	m.addGoFunctions(table)
	return nil
}

func readGoTable(data []byte, order binary.ByteOrder) (t goTable, ok bool) {
	if len(data) < goHeader || data[7] != 8 {
		return t, false
	}
	magic, count := order.Uint32(data), order.Uint64(data[8:])
	names, functions := order.Uint64(data[32:]), order.Uint64(data[64:])
	if magic != goMagic118 && magic != goMagic120 || names > uint64(len(data)) || functions > uint64(len(data)) {
		return t, false
	}
	t = goTable{order: order, names: data[names:], functions: data[functions:], text: order.Uint64(data[24:])}
	if count == 0 || count > uint64(len(data)) || 8*count+4 > uint64(len(t.functions)) {
		return t, false
	}
	t.count = int(count)
	return t, true
}

// offset returns where function i begins; behind the last one, where the code ends.
func (t *goTable) offset(i int) uint64 { return uint64(t.order.Uint32(t.functions[8*i:])) }

// name returns where the name of function i is in the names.
func (t *goTable) name(i int) (uint32, bool) {
	at := uint64(t.order.Uint32(t.functions[8*i+4:]))
	if at+8 > uint64(len(t.functions)) {
		return 0, false
	}
	return t.order.Uint32(t.functions[at+4:]), true
}

// place finds out where the code begins, if the header does not say it: at .text, if the program's entry point is then where Go's
// is. In programs linked with C it may not be, and wrong names are worse than none.
func (t *goTable) place(entry, text uint64) bool {
	for i := 0; i < t.count && t.text == 0; i++ {
		name, ok := t.name(i)
		if ok && text+t.offset(i) == entry && int(name) < len(t.names) && bytes.HasPrefix(t.names[name:], []byte("_rt0_")) {
			t.text = text
		}
	}
	return t.text != 0
}

func (m *image) addGoFunctions(t goTable) {
	for i := 0; i < t.count; i++ {
		start, end := t.offset(i), t.offset(i+1)
		if name, ok := t.name(i); ok && start < end {
			m.entries = append(m.entries, function{address: t.text + start, size: end - start, name: name, table: uint8(len(m.names) - 1)})
		}
	}
}
