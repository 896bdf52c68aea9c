package binary

import (
	"encoding/binary"

	"github.com/ponytrace/ponytrace/runtime/binary/cfi"
)

// A probe on returns exchanges the word on top of the stack where a function is entered,
// which must be the address that it returns to. What the stack has there is told by the
// tables for unwinding (package cfi), in stripped files as well. .eh_frame_hdr has the
// entries of .eh_frame by address:
//
//	1 byte   version, 1
//	3 bytes  how the next two numbers and the table are written; linkers write 1b 03 3b
//	4 bytes  distance to .eh_frame
//	4 bytes  how many entries there are
//	         the entries: where a function begins and where its entry is, each in 4 bytes
//	         with a sign, from the start of this section on
//
// Static programs may lack it; then only their first instruction is known to be no call's.
const (
	usualHeader  = 0x3b031b01
	headerSize   = 12
	searchedSize = 8
	// maxFrameEntry bounds an entry of .eh_frame; the largest of a C library has 300 bytes.
	maxFrameEntry = 64 << 10
)

// calledAt reports whether the address to return to is on top of the stack at a place, as
// it is where a function is entered by a call; known is false where the file does not
// tell.
func (f *File) calledAt(address uint64) (called, known bool) {
	if address == f.elf.Entry { // the kernel jumps there
		return false, true
	}
	entry, ok := f.frameEntry(address)
	if !ok {
		return false, false
	}
	shared, ok := f.sharedEntry(entry)
	if !ok {
		return false, false
	}
	offset, _ := f.offset(address)
	rule, known := cfi.At(shared, entry, offset, f.offset)
	switch rule.Kind {
	case cfi.Stack:
		called = rule.CFA == 1
	case cfi.Linkage:
		called = address&15 < uint64(rule.CFA)
	}
	return called, known
}

// frameEntry finds the entry that an address may belong to: the last that does not begin
// behind it.
func (f *File) frameEntry(address uint64) (entry cfi.Entry, ok bool) {
	header := f.elf.Section(".eh_frame_hdr")
	if header == nil || compressed(header) {
		return entry, false
	}
	s := &section{pages: f.pages, offset: header.Offset, size: header.FileSize}
	c := s.from(0)
	if c.u32() != usualHeader {
		return entry, false
	}
	c.skip(4)
	low, high := uint64(0), uint64(c.u32())
	if c.err != nil || high > header.FileSize/searchedSize {
		return entry, false
	}
	at := uint64(0)
	for low < high {
		middle := (low + high) / 2
		c := s.from(headerSize + middle*searchedSize)
		begins, place := header.Addr+uint64(int32(c.u32())), header.Addr+uint64(int32(c.u32()))
		switch {
		case c.err != nil:
			return entry, false
		case begins > address:
			high = middle
		default:
			low, at = middle+1, place
		}
	}
	return f.frameEntryAt(at)
}

// sharedEntry is the common entry of another.
func (f *File) sharedEntry(of cfi.Entry) (cfi.Entry, bool) {
	distance := uint64(binary.LittleEndian.Uint32(of.Text))
	if distance == 0 || distance > of.Address {
		return cfi.Entry{}, false
	}
	return f.frameEntryAt(of.Address - distance)
}

// frameEntryAt reads the entry at an address, which is that of its length.
func (f *File) frameEntryAt(address uint64) (entry cfi.Entry, ok bool) {
	s, at := f.sectionAt(address)
	if s == nil {
		return entry, false
	}
	c := s.from(at)
	length := c.u32()
	if length < 4 || length > maxFrameEntry {
		return entry, false
	}
	entry.Address = address + 4
	for range length {
		entry.Text = append(entry.Text, c.u8())
	}
	return entry, c.err == nil
}
