package runtime

import (
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// reportAge is how old a printed table may be for a clear in another clause to take
// exactly that away.
const reportAge = 100 * time.Millisecond

// tables are the maps of the script as they are printed and cleared. One goroutine uses
// them.
type tables struct {
	store    *events.Store
	shown    map[*object.MapSpec]shown
	divisors map[*object.MapSpec]int64
	failure  error // the first of reading or clearing
}

// shown is the table that was printed last of a map.
type shown struct {
	table *events.Table
	when  time.Time
}

func newTables(store *events.Store) *tables {
	return &tables{store: store, shown: map[*object.MapSpec]shown{}, divisors: map[*object.MapSpec]int64{}}
}

// keep remembers the first failure; tracing goes on.
func (t *tables) keep(err error) {
	if t.failure == nil {
		t.failure = err
	}
}

// of reads a map to print it.
func (t *tables) of(m *object.MapSpec) *events.Table {
	return t.read(m, (*events.Map).Read)
}

// forEvent reads a map to print it for an event.
func (t *tables) forEvent(m *object.MapSpec, event *object.Event) *events.Table {
	if event.Cleared {
		return t.read(m, (*events.Map).ReadToClear)
	}
	return t.of(m)
}

func (t *tables) read(m *object.MapSpec, read func(*events.Map) (*events.Table, error)) *events.Table {
	table, err := read(t.store.Map(m))
	if err != nil {
		t.keep(err)
		table = events.NewTable(m)
	}
	table.Divisor = t.divisors[m]
	return table
}

// printed is the table that the user has just seen of the event's map, or nil.
func (t *tables) printed(event *object.Event) *events.Table {
	last, ok := t.shown[event.Map]
	delete(t.shown, event.Map)
	if !ok || !event.Printed && time.Since(last.when) > reportAge {
		return nil
	}
	return last.table
}

// truncate keeps the largest or smallest entries of a map. What the user has just seen
// decides, so that a trunc() behind a print() removes what was printed, and no event that
// came since.
func (t *tables) truncate(event *object.Event) {
	m := event.Map
	if m.Key == nil || event.Top == 0 {
		t.keep(t.store.Map(m).Clear(t.printed(event)))
		return
	}
	table := t.printed(event)
	if table == nil {
		table = t.of(m)
	}
	table.Sort()
	if kept, dropped := table.Split(event.Top); dropped.Len() > 0 {
		t.keep(t.store.Map(m).Keep(kept, table))
	}
}

// normalize sets what the values of a map are divided by when they print.
func (t *tables) normalize(event *object.Event) {
	t.divisors[event.Map] = max(event.Divisor, 1)
}

// remember is called with what the user sees now of a map.
func (t *tables) remember(m *object.MapSpec, table *events.Table) {
	t.shown[m] = shown{table, time.Now()}
}

// clear removes what the user has just seen of the event's map, or all.
func (t *tables) clear(event *object.Event) {
	t.keep(t.store.Map(event.Map).Clear(t.printed(event)))
}

// zero sets it to 0.
func (t *tables) zero(event *object.Event) {
	t.keep(t.store.Map(event.Map).Zero(t.printed(event)))
}

// at is what a map holds at a key by now. One that it does not hold is zero, as in
// printf.
func (t *tables) at(m *object.MapSpec, key []byte) events.Value {
	value, found, err := t.store.Map(m).Lookup(key)
	if err != nil {
		t.keep(err)
	}
	if !found {
		return events.Decode(m.Value, make([]byte, m.Value.Size))
	}
	return value
}
