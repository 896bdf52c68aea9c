package event

import (
	"encoding/binary"

	"github.com/ponytrace/ponytrace/compiler/types"
)

// Where objects lie: those of a type one after the other in a stretch of their own, the
// types in the order in which they come.
const (
	kernelMemory = 0xffff_8880_0000_0000
	userMemory   = 0x7f00_0000_0000
	stretch      = 1 << 28
	apart        = 1 << 20
)

const (
	maxObject = 64 << 10 // bytes of one object
	maxMemory = 16 << 20 // bytes of all events of a text
)

// addresses gives out stretches; all events of a text have one of it.
type addresses struct {
	kernel, user map[string]uint64
	left         int  // bytes that may still be laid out
	full         bool // more were wanted
}

func newAddresses() *addresses {
	return &addresses{kernel: map[string]uint64{}, user: map[string]uint64{}, left: maxMemory}
}

func (a *addresses) of(name string, user bool) uint64 {
	known, first := a.kernel, uint64(kernelMemory)
	if user {
		known, first = a.user, userMemory
	}
	start, found := known[name]
	if !found {
		start = first + uint64(len(known))*stretch
		known[name] = start
	}
	return start
}

// area is memory that something points to.
type area struct {
	address uint64
	bytes   []byte
	given   []bool // bytes that the event says
	typ     *types.Type
}

// memory is that of one event.
type memory struct {
	*addresses
	objects map[uint64]*area
	count   map[uint64]int // objects in a stretch
}

func newMemory(a *addresses) *memory {
	return &memory{addresses: a, objects: map[uint64]*area{}, count: map[uint64]int{}}
}

// add lays out an object at an address, or at the next one for its name where that is 0.
// It returns nil where there is no room.
func (m *memory) add(address uint64, typ *types.Type, size int, name string, user bool) *area {
	if !m.take(size, size) {
		return nil
	}
	if address == 0 {
		start := m.of(name, user)
		address = start + uint64(m.count[start])*apart
		if m.count[start]++; m.count[start] > stretch/apart {
			return nil
		}
	}
	for _, other := range m.objects {
		if address < other.address+uint64(len(other.bytes)) && other.address < address+uint64(size) {
			return nil
		}
	}
	made := &area{address: address, bytes: make([]byte, size), given: make([]bool, size), typ: typ}
	m.objects[address] = made
	return made
}

// take sets bytes aside for an object of a size.
func (m *memory) take(size, bytes int) bool {
	if size > maxObject || bytes > m.left {
		m.full = m.full || bytes > m.left
		return false
	}
	m.left -= bytes
	return true
}

// grow makes an object as long as size.
func (m *memory) grow(o *area, size int) bool {
	more := size - len(o.bytes)
	if more <= 0 {
		return true
	}
	if !m.take(size, more) {
		return false
	}
	o.bytes, o.given = append(o.bytes, make([]byte, more)...), append(o.given, make([]bool, more)...)
	return true
}

// text lays out a text with its ending zero.
func (m *memory) text(text, name string, user bool) *area {
	made := m.add(0, textType, len(text)+1, name, user)
	if made != nil {
		copy(made.bytes, text)
	}
	return made
}

var textType = types.NewInt(1, true)

// place is where a value lies: some bytes of a root or an object.
type place struct {
	bytes []byte
	given []bool
	typ   *types.Type // nil where nothing is known
	// Of a bitfield, as in types.Field.
	bitOffset, bitSize int
	name               string // of the last step that led here
	user               bool   // pointers from here lead to memory of the process
}

func (p place) isGiven() bool {
	for _, given := range p.given {
		if given {
			return true
		}
	}
	return false
}

func (p place) mark() {
	for i := range p.given {
		p.given[i] = true
	}
}

func (p place) number() uint64 {
	var word [8]byte
	copy(word[:], p.bytes)
	return binary.LittleEndian.Uint64(word[:])
}

// put writes a number, in a bitfield its bits alone.
//
//go:noinline
func (p place) put(n uint64) {
	if p.bitSize > 0 && p.bitSize < 64 {
		mask := uint64(1)<<p.bitSize - 1
		n = p.number()&^(mask<<p.bitOffset) | n&mask<<p.bitOffset
	}
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], n)
	copy(p.bytes, word[:])
}

// part is size bytes from an offset on.
func (p place) part(offset, size int, typ *types.Type, name string) (place, bool) {
	if offset < 0 || size < 0 || offset+size > len(p.bytes) {
		return place{}, false
	}
	return place{
		bytes: p.bytes[offset : offset+size], given: p.given[offset : offset+size],
		typ: typ, name: name, user: p.user,
	}, true
}

func (o *area) place(name string, user bool) place {
	return place{bytes: o.bytes, given: o.given, typ: o.typ, name: name, user: user}
}
