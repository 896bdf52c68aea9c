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
	// zero sets all values to 0.
	zero() error
}

// Map is a map of the running script. It is not safe for concurrent use.
type Map struct {
	object   *object.Map
	source   source
	carry    map[string]*carried
	patience time.Duration
}

// patience is how long a key must be idle before it is deleted. A program that looked it up just before the
// deletion, and was preempted, loses its update: after a second there is none.
const patience = time.Second

// carried is what to add to a key's kernel value to get its value since the last clear.
type carried struct {
	row  []byte
	kept bool // print the key even while it is 0: zero() does not remove keys
	seen bool
	used time.Time // the last generation with an event ended then
}

func newMap(m *object.Map, s source) *Map {
	return &Map{object: m, source: s, carry: map[string]*carried{}, patience: patience}
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
		return adds(m.object) && m.object.WriteOnly
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
	if c := m.carry[string(key)]; c != nil && t.Len() == 0 {
		t.Append(key, c.row)
	} else if c != nil {
		m.combine(t.rawValue(0), c.row)
	}
	if t.Len() == 0 {
		return Value{}, false, nil
	}
	return t.Value(0), true, nil
}

// settle applies the carry to rows fresh from the kernel and drops those without an event.
func (m *Map) settle(t *Table) {
	if len(m.carry) > 0 {
		m.apply(t)
	}
	if m.carries() || m.object.Value.Aggregation() {
		t.keep(func(row int) bool { return m.shows(t, row) })
	}
}

func (m *Map) apply(t *Table) {
	for row := range t.Len() {
		if c := m.carry[string(t.rawKey(row))]; c != nil {
			m.combine(t.rawValue(row), c.row)
			c.seen = true
		}
	}
	for key, c := range m.carry {
		if !c.seen {
			t.Append([]byte(key), c.row)
		}
		c.seen = false
	}
}

// shows reports whether a row is of this generation: counted in, zeroed, or a new integer.
func (m *Map) shows(t *Table, row int) bool {
	aggregation := m.object.Value.Aggregation()
	if aggregation && !t.Value(row).Empty() || !aggregation && !isZero(t.rawValue(row)) {
		return true
	}
	c := m.carry[string(t.rawKey(row))]
	if c == nil {
		return !aggregation
	}
	return c.kept
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
	m.carry = map[string]*carried{}
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
	if err := m.source.zero(); err != nil || !m.object.Value.Aggregation() {
		return err
	}
	m.carry = make(map[string]*carried, t.Len())
	for row := range t.Len() {
		m.carry[string(t.rawKey(row))] = &carried{row: make([]byte, t.ValueSize), kept: true}
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
	now := time.Now()
	for row := range printed.Len() {
		c := m.carry[string(printed.rawKey(row))]
		if c == nil {
			c = &carried{row: make([]byte, printed.ValueSize)}
			m.carry[string(printed.rawKey(row))] = c
		}
		m.take(c.row, printed.rawValue(row))
		c.kept, c.used = keep, now
	}
	return m.retire(now.Add(-m.patience))
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
func (m *Map) retire(since time.Time) error {
	for key, c := range m.carry {
		if !c.used.Before(since) || c.kept || m.object.Key == nil {
			continue
		}
		last := NewTable(m.object)
		if err := m.source.remove([]byte(key), last); err != nil {
			return err
		}
		if last.Len() > 0 {
			m.combine(c.row, last.rawValue(0))
		}
		if isZero(c.row) {
			delete(m.carry, key)
		}
	}
	return nil
}

// carryRest keeps what the deleted rows hold beyond what was printed.
func (m *Map) carryRest(rest, printed *Table, before map[string]*carried) {
	shown := make(map[string]int, printed.Len())
	for row := range printed.Len() {
		shown[string(printed.rawKey(row))] = row
	}
	for row := range rest.Len() {
		key, value := string(rest.rawKey(row)), rest.rawValue(row)
		if c := before[key]; c != nil {
			m.combine(value, c.row)
		}
		place, was := shown[key]
		switch {
		case was && adds(m.object):
			m.take(value, printed.rawValue(place))
		case was && string(value) == string(printed.rawValue(place)):
			continue
		}
		if !isZero(value) {
			m.carry[key] = &carried{row: append([]byte(nil), value...)}
		}
	}
}
