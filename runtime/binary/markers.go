package binary

import (
	"debug/elf"

	"github.com/ponytrace/ponytrace/compiler/target"
)

const (
	markerOwner = "stapsdt"
	markerNote  = 3
	// markerBase is the section whose address shows how far prelink moved the program
	// since the note was written.
	markerBase = ".stapsdt.base"
)

// Markers returns the USDT probes of a program of 64 bits. A note has three addresses, of
// the place, of the section markerBase and of the semaphore or 0; then provider, name and
// arguments as texts.
func (f *File) Markers() ([]target.Marker, error) {
	return ask(f, func() (list []target.Marker, err error) {
		if f.elf.Class != elf.ELFCLASS64 {
			return nil, nil
		}
		base := f.elf.Section(markerBase)
		f.notes(func(n note) bool {
			if n.owner != markerOwner || n.kind != markerNote {
				return true
			}
			if m, ok := f.marker(n.text, base); ok {
				list = append(list, m)
			}
			return true
		})
		return list, nil
	})
}

// marker reads a note. One whose place is not code is left out.
func (f *File) marker(text []byte, base *elf.Section) (m target.Marker, ok bool) {
	s := &section{pages: f.pages, size: uint64(len(text)), text: text}
	c := s.from(0)
	moved, semaphore := uint64(0), uint64(0)
	m.Address = c.u64()
	if was := c.u64(); base != nil && was != 0 {
		moved = base.Addr - was
	}
	m.Address += moved
	if semaphore = c.u64(); semaphore != 0 {
		m.Semaphore, ok = f.offset(semaphore + moved)
		if !ok {
			return m, false
		}
	}
	m.Provider, m.Name, m.Arguments = c.text(), c.text(), c.text()
	m.Offset, ok = f.offset(m.Address)
	return m, ok && c.err == nil && f.isCode(m.Address)
}
