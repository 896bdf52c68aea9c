package events

import (
	"sync/atomic"

	"github.com/ponytrace/ponytrace/compiler/types"
)

// generation is a place that a map's values are in, with what the user has seen of it.
type generation struct {
	source
	shown *Table // the rows as the kernel had them when they were printed, and then cleared; or nil
}

// rawRows are the rows of a generation as they were read.
type rawRows struct {
	generation *generation
	rows       *Table
}

// hide leaves in t, which has rows of the generation, what came after the shown rows.
func (m *Map) hide(g *generation, t *Table) {
	if g.shown == nil {
		return
	}
	t.keep(func(i int) bool {
		before, ok := g.shown.find(t.rawKey(i))
		return !ok || m.unseen(t.rawValue(i), g.shown.rawValue(before))
	})
}

// unseen takes from a row what it was when it was printed, and reports whether anything
// is left.
func (m *Map) unseen(row, before []byte) bool {
	t := m.rows()
	switch {
	case t == nil:
		return string(row) != string(before)
	case t.Record.Adds && m.forgets && m.began(row, before):
		return true
	}
	t.Record.Subtract(t, row, before)
	return !isZero(row)
}

// began reports whether the kernel has dropped a row, and begun a new one of the same
// key: it has counted less.
func (m *Map) began(row, before []byte) bool {
	switch t := m.rows(); {
	case t != nil && t.Record.Restarted != nil:
		return t.Record.Restarted(t, row, before)
	case m.object.Value.Kind == types.Int:
		return types.NearerZero(m.object.Value, row, before)
	}
	return types.AnyLess(m.object.Value, row, before)
}

// rows is the aggregation that rows are of, plainTotal for numbers that are only added
// to, and nil for other values.
func (m *Map) rows() *types.Type {
	switch {
	case m.object.Value.Aggregation():
		return m.object.Value
	case adds(m.object):
		return plainTotal
	}
	return nil
}

// turn makes programs use the other kernel map from now on. It is too early for that
// while the other one has rows. Without another one no program runs any more.
func (m *Map) turn() error {
	if m.slot != nil {
		return nil
	}
	if m.other == nil {
		rows, err := m.now.source.(Hash).Take()
		m.taken += rows.Len()
		return err
	}
	if err := m.finish(); err != nil {
		return err
	}
	switch {
	case m.draining:
		m.again = true
	case m.empty():
		m.now.shown = nil
	default:
		m.exchange()
	}
	return nil
}

// empty reports whether there is nothing to turn for. To ask the kernel takes as long as
// to read the map.
func (m *Map) empty() bool {
	return m.seeds == nil && (m.now.shown == nil || m.now.shown.Len() == 0) && m.now.source.(Hash).Empty()
}

// exchange makes the turn. Seeds are carried already, so that reports leave them out.
func (m *Map) exchange() {
	if m.seeds != nil {
		m.seed(m.other, m.seeds)
		m.other.shown, m.seeds = m.seeds, nil
	}
	m.now, m.other = m.other, m.now
	atomic.StoreUint64(m.word, 1-atomic.LoadUint64(m.word))
	m.draining, m.quiet = true, m.grace == nil
	if m.grace != nil {
		go m.drain()
	}
}

// drain waits until no program uses the other kernel map, and empties it.
func (m *Map) drain() {
	m.grace()
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.closed {
		return
	}
	m.quiet = true
	if !m.pinned {
		m.failure = m.finish()
	}
	m.drained.Broadcast()
}

// finish empties the other kernel map if no program uses it any more, and makes the turn
// that waited for that.
func (m *Map) finish() error {
	if !m.draining || !m.quiet {
		return nil
	}
	if err := m.take(m.other); err != nil {
		return err
	}
	m.draining = false
	if !m.again {
		return nil
	}
	m.again = false
	return m.turn()
}

// settle waits until the other kernel map is empty.
func (m *Map) settle() error {
	m.again = false
	for m.draining && !m.quiet {
		m.drained.Wait()
	}
	return m.finish()
}

// take empties a kernel map that no program uses, and carries what was not printed.
func (m *Map) take(g *generation) error {
	rows, err := g.source.(Hash).Take()
	if err != nil {
		return err
	}
	m.taken += rows.Len() + m.gone(g, rows)
	m.hide(g, rows)
	g.shown = nil
	for i := range rows.Len() {
		key, row := rows.rawKey(i), rows.rawValue(i)
		if before, ok := m.carry.find(key); ok {
			m.combine(row, before)
			copy(before, row)
		} else {
			m.carry.add(key, row)
		}
	}
	return nil
}

// gone returns how many of the rows that were shown the kernel has dropped since: nothing
// is lost with them.
func (m *Map) gone(g *generation, rows *Table) (n int) {
	if g.shown == nil || m.object.Inserted == 0 || m.object.Deleted {
		return 0
	}
	for i := range g.shown.Len() {
		row, ok := rows.find(g.shown.rawKey(i))
		if !ok || m.began(rows.rawValue(row), g.shown.rawValue(i)) {
			n++
		}
	}
	return n
}

// seed puts rows into a kernel map that is empty, as far as it has room, and returns how
// many.
func (m *Map) seed(g *generation, rows *Table) (placed int) {
	for placed < rows.Len() && g.source.(Hash).Put(rows.rawKey(placed), rows.rawValue(placed)) == nil {
		placed++
	}
	m.taken -= placed
	return placed
}
