package report

import (
	"iter"
	"math"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// Table is a map, or several that printa() puts side by side, at one moment.
type Table struct {
	Name    string // of the map, without its at sign
	Columns []Column
	keyed   bool
	lead    *events.Table // whose order counts
	// first and end are the places of the rows that print, in that order.
	first, end int
}

// Column is the values of one map. Those of one table have their rows in common.
type Column struct {
	Map     *object.MapSpec
	table   *events.Table
	divisor int64
	last    uint64
}

// NewTable sorts a map as the settings ask for and keeps the top rows: the last ones, or
// the first where the largest come first; all when top is 0. Values are divided by the
// divisor unless it is 0, and by the table's own.
func NewTable(settings *object.Settings, t *events.Table, top, divisor int64) *Table {
	first, end := 0, t.Len()
	switch largestFirst := order(settings, t); {
	case top <= 0 || top >= int64(end):
	case largestFirst:
		end = int(top)
	default:
		first = end - int(top)
	}
	column := Column{t.Map, t, scale(t, divisor), lastInterval(t)}
	return &Table{
		Name: t.Map.Name, Columns: []Column{column}, keyed: t.Map.Key != nil,
		lead: t, first: first, end: end,
	}
}

// SideBySide has a row for each key of any of the tables, in the order of the first. A
// key that a map lacks has 0 there, as in DTrace.
func SideBySide(settings *object.Settings, tables []*events.Table) *Table {
	first := tables[0]
	keyed := first.Map.Key != nil
	if keyed {
		tables = events.Align(tables)
		first = tables[0]
		order(settings, first)
	}
	t := &Table{Name: first.Map.Name, keyed: keyed, lead: first, end: first.Len()}
	last := lastInterval(first)
	for _, table := range tables {
		t.Columns = append(t.Columns, Column{table.Map, table, scale(table, 1), last})
	}
	return t
}

// order sorts the rows and reports whether the largest come first.
func order(settings *object.Settings, t *events.Table) (largestFirst bool) {
	switch settings.SortBy {
	case "key":
		t.SortByKey()
	case "largest":
		return t.SortLargest()
	default:
		t.Sort()
	}
	return false
}

// scale is what values of a table are divided by.
func scale(t *events.Table, divisor int64) int64 {
	a, b := max(divisor, 1), max(t.Divisor, 1)
	if a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

// Keyed reports whether rows have keys.
func (t *Table) Keyed() bool { return t.keyed }

// Empty reports whether nothing was recorded. A table without keys has one row even then,
// of zeroes.
func (t *Table) Empty() bool { return t.lead.Len() == 0 }

// Rows returns the rows in the order in which they print.
func (t *Table) Rows() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		if !t.keyed {
			yield(Row{t, 0})
			return
		}
		for place := t.first; place < t.end; place++ {
			if !yield(Row{t, t.lead.Row(place)}) {
				return
			}
		}
	}
}

// Row is a view of a row.
type Row struct {
	table *Table
	row   int
}

// KeyParts returns the number of parts of the key.
func (r Row) KeyParts() int { return r.table.lead.KeyParts() }

// KeyPart returns a part of the key.
func (r Row) KeyPart(part int) Value { return Plain(r.table.lead.KeyPart(r.row, part)) }

// Value returns the value in a column.
func (r Row) Value(column int) Value {
	c := &r.table.Columns[column]
	return Value{c.value(r.row), c.divisor, c.last}
}

// value is zero where nothing was assigned to a map without key.
func (c *Column) value(row int) events.Value {
	if row >= c.table.Len() {
		return events.Decode(c.Map.Value, make([]byte, c.Map.Value.Size))
	}
	return c.table.Value(row)
}
