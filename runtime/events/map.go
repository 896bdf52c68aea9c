package events

import (
	"os"
	"sync"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// source reads and empties the kernel's copy of a map.
type source interface {
	// Read appends the merged rows to t.
	Read(t *Table) error
	// Lookup appends the row of one key to t, if there is one.
	Lookup(key []byte, t *Table) error
}

// Map is a map of the running script.
type Map struct {
	mutex   sync.Mutex
	spec    *object.MapSpec // as the script has it
	object  *object.MapSpec // as the kernel keeps it
	slot    slotSource      // nil for a map with keys
	now     *generation     // that programs use
	other   *generation     // empty, or left by programs; nil for a map that is not emptied while they run
	word    *uint64         // tells programs which of the two to use
	grace   func()          // returns when all programs that run now are over; nil where none does
	carry   *carry
	kept    map[string]bool // keys to print even while they are 0: zero() does not remove keys
	taken   int             // rows that clears have removed, less those that they put in
	forgets bool            // rows may go and come back: the kernel drops keys, or programs delete them

	draining bool   // other is not empty yet
	quiet    bool   // and no program uses it any more
	pinned   bool   // a clear may still ask for what was read last
	again    bool   // a clear waits until other is empty
	seeds    *Table // what programs are to find after the next turn
	closed   bool
	drained  sync.Cond
	failure  error
}

func newMap(m *object.MapSpec, s source) *Map {
	kept := m.InKernel()
	live := &Map{
		spec: m, object: kept, now: &generation{source: s}, carry: newCarry(kept.Value.Size),
		forgets: m.Deleted,
	}
	live.slot, _ = s.(slotSource)
	live.drained.L = &live.mutex
	return live
}

// adds reports whether values change by addition only.
func adds(m *object.MapSpec) bool {
	return additive(m.Value) || m.Additive && m.Value.Kind == types.Int && m.Value.Size == 8
}

// subtracts reports whether a clear leaves the kernel's values alone for now, and hides
// what was shown of them.
func (m *Map) subtracts() bool {
	return m.slot == nil || m.object.Storage == object.CPUSlot && adds(m.object)
}

// Read copies the map. The rows are in no order.
func (m *Map) Read() (*Table, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.summarized(m.read())
}

func (m *Map) summarized(t *Table, err error) (*Table, error) {
	if err != nil {
		return nil, err
	}
	return Summarize(m.spec, t), nil
}

func (m *Map) read() (*Table, error) {
	if err := m.finish(); err != nil {
		return nil, err
	}
	t, err := m.collect()
	if err == nil {
		m.pinned = true
	}
	return t, err
}

// Peek copies the map for somebody who is not going to clear it. Between a print and the
// clear after it, it leaves alone what that clear is going to hide.
func (m *Map) Peek() (*Table, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.closed {
		return nil, os.ErrClosed
	}
	t, err := m.collect()
	if err == nil {
		t.raw = nil
	}
	return m.summarized(t, err)
}

// collect puts together all that the map holds by now.
func (m *Map) collect() (*Table, error) {
	t, err := m.gather(source.Read)
	if err != nil {
		return nil, err
	}
	for key, place := range m.carry.places {
		m.fold(t, []byte(key), m.carry.row(place))
	}
	t.keep(func(row int) bool { return m.shows(t, row) })
	t.index = nil
	return t, nil
}

// ReadToClear is Read for a map that is going to be cleared. Where only the runtime reads
// the map, programs go over to the other kernel map first, so that values that are
// replaced (a maximum, an assigned number) are not hidden with those that follow.
func (m *Map) ReadToClear() (*Table, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if err := m.finish(); err != nil {
		return nil, err
	}
	if m.other == nil || m.draining || !m.object.WriteOnly || adds(m.object) {
		return m.summarized(m.read())
	}
	m.exchange()
	latest := m.now
	m.now = nil
	t, err := m.read()
	m.now = latest
	if err == nil {
		t.turned = true
	}
	return m.summarized(t, err)
}

// gather puts together what was not cleared of the generations, the newest first.
func (m *Map) gather(read func(s source, t *Table) error) (*Table, error) {
	all := NewTable(m.object)
	var raw []rawRows
	for i, g := range m.generations() {
		rows := NewTable(m.object)
		if err := read(g.source, rows); err != nil {
			return nil, err
		}
		if m.other != nil || m.slot != nil {
			raw = append(raw, rawRows{g, rows.clone()})
		}
		m.hide(g, rows)
		if i == 0 {
			all = rows
			continue
		}
		for row := range rows.Len() {
			m.fold(all, rows.rawKey(row), rows.rawValue(row))
		}
	}
	all.raw = raw
	return all, m.failure
}

// generations are those that have rows.
func (m *Map) generations() []*generation {
	switch {
	case m.now == nil: // ReadToClear leaves it out
		return []*generation{m.other}
	case m.draining:
		return []*generation{m.now, m.other}
	}
	return []*generation{m.now}
}

// fold adds an older row of a key to t.
func (m *Map) fold(t *Table, key, older []byte) {
	if row, ok := t.find(key); ok {
		m.combine(t.rawValue(row), older)
		return
	}
	t.Append(key, older)
}

// combine adds an older row of a key to a newer one, which alone counts where values are
// replaced.
func (m *Map) combine(row, older []byte) {
	if t := m.rows(); t != nil {
		t.Record.Merge(t, row, older)
	}
}

// shows reports whether a row of an aggregation has any event, or is to be printed
// without.
func (m *Map) shows(t *Table, row int) bool {
	return !m.object.Value.Aggregation() || !t.Value(row).Empty() || m.kept[string(t.rawKey(row))]
}

// plainTotal stands for a 64-bit integer that is only added to.
var plainTotal = types.NewAggregation(&types.Aggregation{
	Name: "total", Adds: true,
	Words:     func(*types.Type) int { return 1 },
	Merge:     types.AddWords,
	Subtract:  types.SubtractWords,
	Restarted: types.NearerZero,
}, true)

// Lookup returns the value of a key.
func (m *Map) Lookup(key []byte) (Value, bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	keys := m.storedKeys(key)
	t, err := m.gather(func(s source, t *Table) (err error) {
		for i := 0; i < len(keys) && err == nil; i++ {
			err = s.Lookup(keys[i], t)
		}
		return err
	})
	if err != nil {
		return Value{}, false, err
	}
	for _, key := range keys {
		if row, ok := m.carry.find(key); ok {
			m.fold(t, key, row)
		}
	}
	t.keep(func(row int) bool { return m.shows(t, row) })
	if t.Len() == 0 {
		return Value{}, false, nil
	}
	return Summarize(m.spec, t).Value(0), true, nil
}

// Clear removes all keys. printed is the table that the user was shown last, if no event
// was handled since; what is in the map beyond it stays for the next report. Without it
// all that is there goes.
func (m *Map) Clear(printed *Table) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	printed = rowsOf(printed)
	if !m.subtracts() {
		m.kept = nil
		return m.slot.clear(printed)
	}
	printed, err := m.orRead(printed)
	if err != nil {
		return err
	}
	m.forget(printed)
	if printed.turned {
		return nil
	}
	return m.turn()
}

// orRead returns what was printed, or where that is nothing what is there.
func (m *Map) orRead(printed *Table) (*Table, error) {
	if printed != nil {
		return printed, nil
	}
	return m.read()
}

// forget hides from now on what was read for a table.
func (m *Map) forget(printed *Table) {
	for _, r := range printed.raw {
		m.taken += m.gone(r.generation, r.rows)
		r.generation.shown = r.rows
	}
	m.carry, m.kept, m.pinned, m.seeds = newCarry(m.object.Value.Size), nil, false, nil
}

// Zero sets the value of every key to 0 and keeps the keys.
func (m *Map) Zero(printed *Table) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	printed = rowsOf(printed)
	rows, err := m.orRead(printed)
	if err != nil {
		return err
	}
	if m.subtracts() {
		zero := make([]byte, m.object.Value.Size)
		err = m.replace(rows, rows, func(int) []byte { return zero })
	} else {
		err = m.slot.zero(printed)
	}
	m.keep(rows)
	return err
}

// keep has rows printed even while they have no event.
func (m *Map) keep(rows *Table) {
	m.kept = map[string]bool{}
	for row := range rows.Len() {
		m.kept[string(rows.rawKey(row))] = true
	}
}

// Keep removes all that was printed but some rows of it.
func (m *Map) Keep(rows, printed *Table) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	rows = storedOf(rows, printed)
	return m.replace(rowsOf(printed), rows, rows.rawValue)
}

// replace puts values in the place of all that was printed. They are carried, and
// programs that read the map find them after the turn. Where programs delete keys the
// kernel's rows have to be the only ones, so that the turn is waited for.
func (m *Map) replace(printed, rows *Table, value func(row int) []byte) error {
	m.forget(printed)
	seeds := NewTable(m.object)
	for i := range rows.Len() {
		seeds.Append(rows.rawKey(i), value(i))
	}
	switch {
	case m.slot == nil && m.other == nil:
		if err := m.turn(); err != nil {
			return err
		}
		m.carryAll(seeds, m.seed(m.now, seeds))
		return nil
	case m.object.Deleted:
		if err := m.settle(); err != nil {
			return err
		}
		m.carryAll(seeds, m.seed(m.other, seeds))
		return m.turn()
	case !m.object.WriteOnly:
		m.seeds = seeds
	}
	m.carryAll(seeds, 0)
	return m.turn()
}

func (m *Map) carryAll(rows *Table, from int) {
	for i := from; i < rows.Len(); i++ {
		m.carry.add(rows.rawKey(i), rows.rawValue(i))
	}
}

// Processes calls visit with the ID of each process that has addresses in the map.
func (m *Map) Processes(visit func(pid int)) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, g := range m.generations() {
		t := NewTable(m.object)
		if err := g.Read(t); err != nil {
			return err
		}
		t.processes(visit)
	}
	return nil
}

// Dropped returns how many of the keys that programs have inserted the kernel has removed
// by itself before they were shown and cleared.
func (m *Map) Dropped(inserted uint64) (int, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	left := int(inserted) - m.taken
	for _, g := range m.generations() {
		t := NewTable(m.object)
		if err := g.Read(t); err != nil {
			return 0, err
		}
		left -= t.Len() + m.gone(g, t)
	}
	return max(0, left), m.failure
}

// close keeps the map from being emptied later.
func (m *Map) close() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.closed = true
}
