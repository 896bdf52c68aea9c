package records

import (
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// A table is taken for printed once, and by a clause of its own only while it is new.
func TestPrintedTable(t *testing.T) {
	m := &object.MapSpec{}
	table := &events.Table{}
	for _, test := range []struct {
		age     time.Duration
		printed bool // by the same clause
		want    *events.Table
	}{
		{0, false, table}, {0, true, table}, {time.Minute, true, table}, {time.Minute, false, nil},
	} {
		tables := NewTables(nil, time.Now)
		tables.shown[m] = shown{table, time.Now().Add(-test.age)}
		event := &object.Event{Map: m, Printed: test.printed}
		if got := tables.printed(event); got != test.want {
			t.Errorf("%+v: %p", test, got)
		}
		if tables.printed(event) != nil {
			t.Errorf("%+v: it is printed twice", test)
		}
	}
}
