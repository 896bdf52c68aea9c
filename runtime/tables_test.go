package runtime

import (
	"errors"
	"maps"
	"os"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// rows are the counts of a map by their keys.
func rows(table *events.Table) map[int64]float64 {
	list := map[int64]float64{}
	for row := range table.Len() {
		list[table.KeyPart(table.Row(row), 0).Int()] = float64(table.Value(table.Row(row)).Number())
	}
	return list
}

func sameRows(t *testing.T, got *events.Table, want map[int64]float64) {
	t.Helper()
	if !maps.Equal(rows(got), want) {
		t.Errorf("%v, want %v", rows(got), want)
	}
}

// A clear takes away what was printed, and no event since.
func TestClearOfWhatWasPrinted(t *testing.T) {
	s := open(t, counting(object.PrintMap), Options{})
	m := s.object.Maps[0]
	event := &object.Event{Map: m, Printed: true}
	parallel(t, s, "count", 1, 10)
	s.tables.Remember(m, s.tables.Of(m))
	parallel(t, s, "count", 1, 5)
	s.tables.Clear(event)
	if table := s.tables.Of(m); table.Len() != 1 || table.Value(0).Number() != 5 {
		t.Errorf("%+v, want 5", table)
	}
	s.tables.Clear(event)
	if table := s.tables.Of(m); table.Len() != 0 {
		t.Errorf("%+v, want nothing", table)
	}
}

// A zero keeps the keys.
func TestZeroOfATable(t *testing.T) {
	s, m, _ := keyed(t)
	s.tables.Zero(&object.Event{Map: m})
	sameRows(t, s.tables.Of(m), map[int64]float64{1: 0, 2: 0, 3: 0})
}

func TestTableKeepsRowsAndDivisor(t *testing.T) {
	s, m, _ := keyed(t)
	s.tables.Truncate(&object.Event{Map: m, Top: 1})
	s.tables.Normalize(&object.Event{Map: m, Divisor: 10})
	table := s.tables.Of(m)
	if sameRows(t, table, map[int64]float64{2: 30}); table.Divisor != 10 {
		t.Errorf("divided by %d", table.Divisor)
	}
	if s.tables.Normalize(&object.Event{Map: m}); s.tables.Of(m).Divisor != 1 {
		t.Error("divided by 0")
	}
	if n := s.tables.At(m, number(2)).Number(); n != 30 {
		t.Errorf("at the key 2: %v", n)
	}
	if n := s.tables.At(m, number(99)).Number(); n != 0 {
		t.Errorf("at a key that is not there: %v", n)
	}
}

// The first failure is the session's; a map that cannot be read prints as an empty one.
func TestTablesKeepTheFirstFailure(t *testing.T) {
	s, m, _ := keyed(t)
	s.store.Close()
	if table := s.tables.Read(m, (*events.Map).Peek); table.Len() != 0 {
		t.Errorf("%d rows of a closed map", table.Len())
	}
	s.tables.Keep(errors.New("later"))
	if !errors.Is(s.tables.Failure, os.ErrClosed) {
		t.Error(s.tables.Failure)
	}
}
