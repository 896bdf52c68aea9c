package events

import (
	"encoding/binary"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// Values of some aggregations are summaries of what the kernel keeps
// (object.MapSpec.Stored). A Map handles the kernel's rows alone, so that what it
// promises about them holds, and makes tables of summaries for those who ask, and of
// these the rows again.

// Summarize makes a table of the values of a map from one of the rows that the kernel
// keeps.
func Summarize(m *object.MapSpec, stored *Table) *Table {
	if m.Stored == nil {
		return stored
	}
	shown := NewTable(m)
	shown.stored = stored
	whole := make(types.Row, m.Value.Record.Stored(m.Value).Row.Size)
	value := make(types.Row, m.Value.Size)
	shown.eachKey(func(key []byte, rows []int) {
		clear(whole)
		for _, row := range rows {
			copy(whole[shown.partOf(row)*stored.ValueSize:], stored.rawValue(row))
		}
		m.Value.Record.Summarize(m.Value, value, whole)
		shown.Append(key, value)
	})
	return shown
}

// eachKey visits the keys of a table of summaries with the rows that are theirs, in the
// order of the first ones.
func (t *Table) eachKey(visit func(key []byte, rows []int)) {
	places := map[string]int{}
	var all [][]int
	for row := range t.stored.Len() {
		key := t.stored.rawKey(row)[:t.KeySize]
		place, known := places[string(key)]
		if !known {
			place = len(all)
			places[string(key)] = place
			all = append(all, nil)
		}
		all[place] = append(all[place], row)
	}
	for _, rows := range all {
		visit(t.stored.rawKey(rows[0])[:t.KeySize], rows)
	}
}

// partOf is which part of its value a stored row is.
func (t *Table) partOf(row int) int {
	if t.Map.Parts == 0 {
		return 0
	}
	part := binary.NativeEndian.Uint64(t.stored.rawKey(row)[t.KeySize:])
	return int(min(part, uint64(t.Map.Parts-1)))
}

// rowsOf returns the stored rows of a table of summaries; of other tables themselves.
func rowsOf(t *Table) *Table {
	if t == nil || t.stored == nil {
		return t
	}
	return t.stored
}

// storedOf returns those rows of all that belong to the keys of some summaries.
func storedOf(some, all *Table) *Table {
	if all.stored == nil {
		return some
	}
	kept := NewTable(all.stored.Map)
	for row := range all.stored.Len() {
		key := all.stored.rawKey(row)
		if _, ok := some.find(key[:some.KeySize]); ok {
			kept.Append(key, all.stored.rawValue(row))
		}
	}
	return kept
}

// storedKeys are the kernel's keys for a key of the script.
func (m *Map) storedKeys(key []byte) [][]byte {
	if m.spec.Parts == 0 {
		return [][]byte{key}
	}
	keys := make([][]byte, m.spec.Parts)
	for part := range keys {
		keys[part] = binary.NativeEndian.AppendUint64(append([]byte(nil), key...), uint64(part))
	}
	return keys
}
