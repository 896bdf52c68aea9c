package events

import (
	"bytes"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// memory is the mmapped value of an array map. Words are read and written atomically:
// programs do the same on other CPUs at the same time.
type memory []byte

func (m memory) word(offset int) *uint64 { return (*uint64)(unsafe.Pointer(&m[offset])) }

// copyOut copies size bytes, by whole words where possible.
func (m memory) copyOut(to []byte, offset int) {
	for i := 0; i < len(to); i += 8 {
		if offset%8 != 0 || len(to)-i < 8 {
			copy(to[i:], m[offset+i:])
			return
		}
		word := atomic.LoadUint64(m.word(offset + i))
		*(*[8]byte)(to[i:]) = *(*[8]byte)(unsafe.Pointer(&word))
	}
}

func (m memory) clear(offset, size int) {
	for i := 0; i < size; i += 8 {
		if offset%8 != 0 || size-i < 8 {
			clear(m[offset+i : offset+size])
			return
		}
		atomic.StoreUint64(m.word(offset+i), 0)
	}
}

// slotSource is the memory of a map without key.
type slotSource interface {
	source
	// clear resets the value; printed is what the user has seen of it, nil for nothing.
	clear(printed *Table) error
	// zero sets the value to 0; printed as for clear.
	zero(printed *Table) error
}

// slot is a map without key in the kernel map "data".
type slot struct {
	object *object.MapSpec
	data   memory
}

func (s *slot) Read(t *Table) error {
	if atomic.LoadUint64(s.data.word(s.object.Present)) == 0 {
		return nil
	}
	row := make([]byte, t.ValueSize)
	s.data.copyOut(row, s.object.Offset)
	t.Append(nil, row)
	return nil
}

func (s *slot) Lookup(_ []byte, t *Table) error { return s.Read(t) }

// zero resets the value and keeps the map; of one that is counted up, what came after it
// was printed stays.
func (s *slot) zero(printed *Table) error {
	if printed == nil || !adds(s.object) {
		s.data.clear(s.object.Offset, s.object.Value.Size)
		return nil
	}
	present := s.data.word(s.object.Present)
	s.subtract(present, printed)
	atomic.StoreUint64(present, 1)
	return nil
}

// clear resets the value; of one that is counted up, what came after it was printed
// stays.
func (s *slot) clear(printed *Table) error {
	present := s.data.word(s.object.Present)
	if printed != nil && adds(s.object) {
		s.subtract(present, printed)
		return nil
	}
	atomic.StoreUint64(present, 0)
	return s.zero(nil)
}

// subtract takes off what was printed; what was added meanwhile stays.
func (s *slot) subtract(present *uint64, printed *Table) {
	shown := uint64(0)
	if printed.Len() > 0 {
		shown = printed.Value(0).Uint()
	}
	atomic.StoreUint64(present, 0)
	if atomic.AddUint64(s.data.word(s.object.Offset), -shown) != 0 {
		atomic.StoreUint64(present, 1)
	}
}

// cpuSlot is an aggregation without key: one row per CPU in the kernel map "percpu".
type cpuSlot struct {
	object *object.MapSpec
	rows   memory
	stride int
}

func (s *cpuSlot) each(visit func(offset int)) {
	for start := 0; start+s.object.Offset+s.object.Value.Size <= len(s.rows); start += s.stride {
		visit(start + s.object.Offset)
	}
}

func (s *cpuSlot) Read(t *Table) error {
	row, merged := make([]byte, t.ValueSize), make([]byte, t.ValueSize)
	s.each(func(offset int) {
		s.rows.copyOut(row, offset)
		Merge(s.object.Value, merged, row)
	})
	t.Append(nil, merged)
	return nil
}

func (s *cpuSlot) Lookup(_ []byte, t *Table) error { return s.Read(t) }

func (s *cpuSlot) zero(printed *Table) error {
	return s.clear(printed)
}

// clear resets the rows. One that has a flag keeps it where it changed since it was
// printed.
func (s *cpuSlot) clear(printed *Table) error {
	s.each(func(offset int) {
		if s.object.Value.Record.Flagged {
			s.clearFlag(offset, printed)
		} else {
			s.rows.clear(offset, s.object.Value.Size)
		}
	})
	return nil
}

func (s *cpuSlot) clearFlag(offset int, printed *Table) {
	value, set := s.rows.word(offset), s.rows.word(offset+8)
	before := atomic.LoadUint64(value)
	if printed != nil && s.unseen(printed, before) {
		return
	}
	atomic.StoreUint64(set, 0)
	if atomic.LoadUint64(value) != before {
		atomic.StoreUint64(set, 1)
	}
}

// unseen reports whether a value changes what was printed.
func (s *cpuSlot) unseen(printed *Table, value uint64) bool {
	if printed.Len() == 0 {
		return true
	}
	t, shown := s.object.Value, printed.Value(0).Raw
	row, merged := make(types.Row, len(shown)), slices.Clone(shown)
	row.SetWord(0, value)
	row.SetWord(1, 1)
	t.Record.Merge(t, merged, row)
	return !bytes.Equal(merged, shown)
}

// sharedSlot is an aggregation without key whose only row lies in the kernel map "data",
// because the script reads it. What the script reads must be 0 after a clear, so nothing
// is carried here: the printed words are taken off in place.
type sharedSlot struct{ cpuSlot }

func newSharedSlot(m *object.MapSpec, data memory) *sharedSlot {
	return &sharedSlot{cpuSlot{object: m, rows: data, stride: max(1, len(data))}}
}

func (s *sharedSlot) zero(printed *Table) error {
	return s.clear(printed)
}

// clear takes off what was printed, or all that is there.
func (s *sharedSlot) clear(printed *Table) error {
	if !additive(s.object.Value) {
		return s.cpuSlot.clear(printed)
	}
	if printed == nil {
		printed = NewTable(s.object)
		_ = s.Read(printed)
	}
	if printed.Len() > 0 {
		s.subtract(printed.Value(0))
	}
	return nil
}

// subtract takes off words one by one. A flag remains if the total moved; programs store
// it after the total.
func (s *sharedSlot) subtract(shown Value) {
	if s.object.Value.Record.Flagged {
		set := s.rows.word(s.object.Offset + 8)
		atomic.StoreUint64(set, 0)
		if atomic.AddUint64(s.rows.word(s.object.Offset), -shown.Word(0)) != 0 {
			atomic.StoreUint64(set, 1)
		}
		return
	}
	for i := range shown.Words() {
		atomic.AddUint64(s.rows.word(s.object.Offset+8*i), -shown.Word(i))
	}
}
