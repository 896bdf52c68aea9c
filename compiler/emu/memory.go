package emu

import (
	"encoding/binary"
	"slices"
)

// region is an object that the program may touch.
type region struct {
	bytes []byte
	// written marks the bytes that may be read; nil where all may.
	written []bool
	// reserved: a ring buffer record that is still to be submitted or discarded.
	reserved bool
	// The rest tells what it is, as in Region.
	kind  RegionKind
	frame int
	of    *Map
	key   []byte
	cpu   int
}

// Region n starts at firstRegion + n<<regionShift.
const (
	regionShift = 32
	firstRegion = 0xe000_0000_0000_0000
)

func addressOf(index int) uint64 { return firstRegion + uint64(index)<<regionShift }

//go:noinline
func (m *machine) newRegion(r region) (address uint64) {
	m.regions = append(m.regions, &r)
	return addressOf(len(m.regions) - 1)
}

// region finds the object around an address.
func (m *machine) region(address uint64) (r *region, offset uint64) {
	index := (address - firstRegion) >> regionShift
	if index >= uint64(len(m.regions)) {
		return nil, 0
	}
	return m.regions[index], address & (1<<regionShift - 1)
}

// object returns size bytes of an object that the program owns, for writing or for
// reading.
func (m *machine) object(address uint64, size int, writing bool) []byte {
	r, offset := m.region(address)
	if r == nil || offset+uint64(size) > uint64(len(r.bytes)) {
		m.fail("%d bytes at %#x are in no object", size, address)
	}
	if r.written != nil {
		m.mark(r.written[offset:offset+uint64(size)], writing)
	}
	if writing && m.tracer != nil {
		m.noteWrite(r, offset, size)
	}
	return r.bytes[offset : offset+uint64(size)]
}

func (m *machine) mark(written []bool, writing bool) {
	if !writing && slices.Contains(written, false) {
		m.fail("stack bytes are read before they are written")
	}
	for i := range written {
		written[i] = true
	}
}

// foreign returns size bytes of kernel or user memory, nil where there is none.
func (m *machine) foreign(address uint64, size int) []byte {
	for start, bytes := range m.Memory {
		if offset := address - start; address >= start && offset <= uint64(len(bytes)) && uint64(size) <= uint64(len(bytes))-offset {
			return bytes[offset : offset+uint64(size)]
		}
	}
	return nil
}

// load reads an object, or kernel memory as a direct load does: what is not there is 0.
func (m *machine) load(address uint64, size int) uint64 {
	if r, _ := m.region(address); r != nil {
		return number(m.object(address, size, false))
	}
	return number(m.foreign(address, size))
}

func (m *machine) store(address uint64, size int, n uint64) {
	var bytes [8]byte
	binary.LittleEndian.PutUint64(bytes[:], n)
	copy(m.object(address, size, true), bytes[:])
}

// number reads a little-endian number of up to 8 bytes.
func number(bytes []byte) uint64 {
	var whole [8]byte
	copy(whole[:], bytes)
	return binary.LittleEndian.Uint64(whole[:])
}
