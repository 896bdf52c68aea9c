package binary

import (
	"debug/elf"
	"encoding/hex"
)

const (
	// maxNotes bounds how many notes are looked at, and maxNote what is kept of one.
	maxNotes = 1 << 14
	maxNote  = 4 << 10

	buildIDNote = 3 // NT_GNU_BUILD_ID
	maxBuildID  = 64
)

// note is a record that a compiler, linker or programmer has left in a file.
type note struct {
	owner string
	kind  uint32
	text  []byte
}

// notes visits those of all sections of notes until visit returns false. A section that
// makes no sense ends early.
func (f *File) notes(visit func(note) bool) {
	left := maxNotes
	for _, header := range f.elf.Sections {
		if header.Type != elf.SHT_NOTE || compressed(header) {
			continue
		}
		s := &section{pages: f.pages, offset: header.Offset, size: header.FileSize}
		for c := s.from(0); c.at < s.size && left > 0; left-- {
			n, ok := readNote(&c)
			if !ok {
				break
			}
			if !visit(n) {
				return
			}
		}
	}
}

// readNote reads the lengths of owner and text, the kind, the owner with its zero, the
// text. Both are padded to words of 4 bytes.
func readNote(c *cursor) (n note, ok bool) {
	owner, text := uint64(c.u32()), uint64(c.u32())
	n.kind = c.u32()
	after := c.at + (owner+3)&^3
	if owner > maxNote || text > maxNote {
		return n, false
	}
	n.owner = c.text()
	c.skip(after - c.at)
	for range text {
		n.text = append(n.text, c.u8())
	}
	c.skip((4 - text%4) % 4)
	return n, c.err == nil
}

// buildID returns in hexadecimal what the linker wrote to tell this file and its debug
// file from all others, or "".
func (f *File) buildID() (id string) {
	f.notes(func(n note) bool {
		if n.owner == "GNU" && n.kind == buildIDNote && len(n.text) > 1 && len(n.text) <= maxBuildID {
			id = hex.EncodeToString(n.text)
		}
		return id == ""
	})
	return id
}
