package records

import (
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// reportAge is how old a printed table may be for a clear in another clause to take
// exactly that away.
const reportAge = 100 * time.Millisecond

// Tables are the maps of the script as they are printed and cleared. One goroutine uses
// them.
type Tables struct {
	Failure  error // the first of reading or clearing
	store    *events.Store
	now      func() time.Time
	shown    map[*object.MapSpec]shown
	divisors map[*object.MapSpec]int64
}

// shown is the table that was printed last of a map.
type shown struct {
	table *events.Table
	when  time.Time
}

// NewTables returns the maps that lie in the store. What was printed gets old by the clock.
func NewTables(store *events.Store, now func() time.Time) *Tables {
	return &Tables{
		store: store, now: now, shown: map[*object.MapSpec]shown{},
		divisors: map[*object.MapSpec]int64{},
	}
}

// Keep remembers the first failure; tracing goes on.
func (t *Tables) Keep(err error) {
	if t.Failure == nil {
		t.Failure = err
	}
}

// Of reads a map to print it.
func (t *Tables) Of(m *object.MapSpec) *events.Table {
	return t.Read(m, (*events.Map).Read)
}

// ForEvent reads a map to print it for an event.
func (t *Tables) ForEvent(m *object.MapSpec, event *object.Event) *events.Table {
	if event.Cleared {
		return t.Read(m, (*events.Map).ReadToClear)
	}
	return t.Of(m)
}

func (t *Tables) Read(m *object.MapSpec, read func(*events.Map) (*events.Table, error)) *events.Table {
	table, err := read(t.store.Map(m))
	if err != nil {
		t.Keep(err)
		table = events.NewTable(m)
	}
	table.Divisor = t.divisors[m]
	return table
}

// printed is the table that the user has just seen of the event's map, or nil.
func (t *Tables) printed(event *object.Event) *events.Table {
	last, ok := t.shown[event.Map]
	delete(t.shown, event.Map)
	if !ok || !event.Printed && t.now().Sub(last.when) > reportAge {
		return nil
	}
	return last.table
}

// Truncate keeps the largest or smallest entries of a map. What the user has just seen
// decides, so that a trunc() behind a print() removes what was printed, and no event that
// came since.
func (t *Tables) Truncate(event *object.Event) {
	m := event.Map
	if m.Key == nil || event.Top == 0 {
		t.Keep(t.store.Map(m).Clear(t.printed(event)))
		return
	}
	table := t.printed(event)
	if table == nil {
		table = t.Of(m)
	}
	table.Sort()
	if kept, dropped := table.Split(event.Top); dropped.Len() > 0 {
		t.Keep(t.store.Map(m).Keep(kept, table))
	}
}

// Normalize sets what the values of a map are divided by when they print.
func (t *Tables) Normalize(event *object.Event) {
	t.divisors[event.Map] = max(event.Divisor, 1)
}

// Remember is called with what the user sees now of a map.
func (t *Tables) Remember(m *object.MapSpec, table *events.Table) {
	t.shown[m] = shown{table, t.now()}
}

// Clear removes what the user has just seen of the event's map, or all.
func (t *Tables) Clear(event *object.Event) {
	t.Keep(t.store.Map(event.Map).Clear(t.printed(event)))
}

// Zero sets it to 0.
func (t *Tables) Zero(event *object.Event) {
	t.Keep(t.store.Map(event.Map).Zero(t.printed(event)))
}

// At is what a map holds at a key by now. One that it does not hold is zero, as in
// printf.
func (t *Tables) At(m *object.MapSpec, key []byte) events.Value {
	value, found, err := t.store.Map(m).Lookup(key)
	if err != nil {
		t.Keep(err)
	}
	if !found {
		return events.Decode(m.Value, make([]byte, m.Value.Size))
	}
	return value
}
