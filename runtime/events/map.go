package events

import (
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// source reads and empties the kernel's copy of a map.
type source interface {
	// read appends the merged rows to t.
	read(t *Table) error
	// lookup appends the row of one key to t, if there is one.
	lookup(key []byte, t *Table) error
	// clear empties the map; printed is what the user has seen of it, nil for nothing. It returns rows
	// that arrived since then and had to be taken out of the kernel, or nil.
	clear(printed *Table) (*Table, error)
	// remove deletes one key and appends its last row to t.
	remove(key []byte, t *Table) error
	// zero sets all values to 0; printed as for clear.
	zero(printed *Table) error
}

// Map is a map of the running script. It is not safe for concurrent use.
type Map struct {
	object   *object.Map
	source   source
	carry    *carry
	opened   time.Time
	patience time.Duration
	evicts   bool // the kernel drops keys by itself
}

// patience is how long a key must be idle before it is deleted. A program that looked it up just before the
// deletion, and was preempted, loses its update: after a second there is none.
const patience = time.Second

func newMap(m *object.Map, s source) *Map {
	return &Map{object: m, source: s, carry: newCarry(m.Value.Size), opened: time.Now(), patience: patience}
}

// adds reports whether values change by addition only.
func adds(m *object.Map) bool {
	return additive(m.Value) || m.Additive && m.Value.Kind == types.Int && m.Value.Size == 8
}

// carries reports whether clear leaves the kernel's values alone.
func (m *Map) carries() bool {
	switch m.object.Storage {
	case object.CPUSlot:
		return adds(m.object)
	case object.Hash, object.CPUHash:
		return adds(m.object) && m.object.WriteOnly && !m.evicts
	}
	return false
}

// Read copies the map. The rows are in no order.
func (m *Map) Read() (*Table, error) {
	t := NewTable(m.object)
	if err := m.source.read(t); err != nil {
		return nil, err
	}
	m.settle(t)
	return t, nil
}

// Lookup returns the value of a key.
func (m *Map) Lookup(key []byte) (Value, bool, error) {
	t := NewTable(m.object)
	if err := m.source.lookup(key, t); err != nil {
		return Value{}, false, err
	}
	if place, ok := m.carry.find(key); ok && t.Len() == 0 {
		t.Append(key, m.carry.row(place))
	} else if ok {
		m.combine(t.rawValue(0), m.carry.row(place))
	}
	if t.Len() == 0 {
		return Value{}, false, nil
	}
	return t.Value(0), true, nil
}

// settle applies the carry to rows fresh from the kernel and drops those without an event.
func (m *Map) settle(t *Table) {
	if len(m.carry.places) > 0 {
		m.apply(t)
	}
	if m.carries() || m.object.Value.Aggregation() {
		t.keep(func(row int) bool { return m.shows(t, row) })
	}
}

func (m *Map) apply(t *Table) {
	for row := range t.Len() {
		if place, ok := m.carry.find(t.rawKey(row)); ok {
			m.combine(t.rawValue(row), m.carry.row(place))
			m.carry.states[place].seen = true
		}
	}
	for key, place := range m.carry.places {
		if state := &m.carry.states[place]; state.seen {
			state.seen = false
		} else {
			t.Append([]byte(key), m.carry.row(place))
		}
	}
}

// shows reports whether a row is of this generation: counted in, zeroed, or a new integer.
func (m *Map) shows(t *Table, row int) bool {
	aggregation := m.object.Value.Aggregation()
	if aggregation && !t.Value(row).Empty() || !aggregation && !isZero(t.rawValue(row)) {
		return true
	}
	place, carried := m.carry.find(t.rawKey(row))
	if !carried {
		return !aggregation
	}
	return m.carry.states[place].kept
}

// combine adds what was carried to a row from the kernel.
func (m *Map) combine(row, carried []byte) {
	t := m.object.Value
	if !t.Aggregation() {
		t = plainCount
	}
	Merge(t, row, carried)
	if t.Kind == types.Sum {
		into := Value{t, row}
		into.setWord(1, boolWord(into.Word(0) != 0))
	}
}

// plainCount stands for a 64-bit integer that is only added to.
var plainCount = types.NewAggregation(types.Count, false)

// Clear removes all keys. printed is the table that the user was shown last, if no event was handled
// since; what is in the map beyond it stays for the next report. Without it all that is there goes.
func (m *Map) Clear(printed *Table) error {
	if m.carries() {
		return m.advance(printed, false)
	}
	rest, err := m.source.clear(printed)
	if err != nil {
		return err
	}
	before := m.carry
	m.carry = newCarry(m.object.Value.Size)
	if rest != nil && printed != nil && (adds(m.object) || m.object.Value.Aggregation()) {
		m.carryRest(rest, printed, before)
	}
	return nil
}

// Zero sets the value of every key to 0 and keeps the keys.
func (m *Map) Zero(printed *Table) error {
	if m.carries() {
		return m.advance(printed, true)
	}
	t, err := m.Read()
	if err != nil {
		return err
	}
	if err := m.source.zero(printed); err != nil || !m.object.Value.Aggregation() {
		return err
	}
	m.carry = newCarry(m.object.Value.Size)
	for row := range t.Len() {
		m.carry.states[m.carry.add(t.rawKey(row))].kept = true
	}
	return nil
}

// Remove removes the keys of a table, which holds what the user was shown of them last.
func (m *Map) Remove(t *Table) error {
	if m.carries() {
		return m.advance(t, false)
	}
	for row := range t.Len() {
		key := t.rawKey(row)
		if err := m.source.remove(key, NewTable(m.object)); err != nil {
			return err
		}
		if _, carried := m.carry.find(key); carried {
			m.carry.drop(string(key))
		}
	}
	return nil
}

// advance begins a new generation: what was printed is taken off by the carry.
func (m *Map) advance(printed *Table, keep bool) (err error) {
	if printed == nil {
		if printed, err = m.Read(); err != nil {
			return err
		}
	}
	now := time.Since(m.opened)
	for row := range printed.Len() {
		place := m.carry.add(printed.rawKey(row))
		m.take(m.carry.row(place), printed.rawValue(row))
		m.carry.states[place] = state{used: now, kept: keep}
	}
	return m.retire(now - m.patience)
}

// take subtracts a printed row.
func (m *Map) take(row, printed []byte) {
	t := m.object.Value
	if !t.Aggregation() {
		t = plainCount
	}
	subtract(t, row, printed)
}

// retire deletes the keys that had no event since the given time.
func (m *Map) retire(since time.Duration) error {
	if m.object.Key == nil {
		return nil
	}
	for key, place := range m.carry.places {
		if state := m.carry.states[place]; state.used >= since || state.kept {
			continue
		}
		last := NewTable(m.object)
		if err := m.source.remove([]byte(key), last); err != nil {
			return err
		}
		if last.Len() > 0 {
			m.combine(m.carry.row(place), last.rawValue(0))
		}
		if isZero(m.carry.row(place)) {
			m.carry.drop(key)
		}
	}
	return nil
}

// carryRest keeps what the deleted rows hold beyond what was printed.
func (m *Map) carryRest(rest, printed *Table, before *carry) {
	shown := make(map[string]int, printed.Len())
	for row := range printed.Len() {
		shown[string(printed.rawKey(row))] = row
	}
	for row := range rest.Len() {
		key, value := rest.rawKey(row), rest.rawValue(row)
		if place, ok := before.find(key); ok {
			m.combine(value, before.row(place))
		}
		place, was := shown[string(key)]
		switch {
		case was && adds(m.object):
			m.take(value, printed.rawValue(place))
		case was && string(value) == string(printed.rawValue(place)):
			continue
		case was && m.object.Value.Kind == types.TimeSeries:
			dropSeen(Value{m.object.Value, value}, printed.Value(place))
		}
		if !isZero(value) {
			copy(m.carry.row(m.carry.add(key)), value)
		}
	}
}
