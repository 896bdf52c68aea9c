package format

import (
	"encoding/binary"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// AppendRows appends the rows of a table by a format. Maps without key have one row even
// if nothing was recorded.
func (f *Formatter) AppendRows(b []byte, item report.Formatted) []byte {
	l := f.ofText(item.Format)
	for row := range item.Table.Rows() {
		b = f.appendRow(b, l, item.Table, row)
	}
	return b
}

func (f *Formatter) appendRow(b []byte, l *layout, t *report.Table, row report.Row) []byte {
	part, column := 0, 0
	for i := range l.pieces {
		c := &l.pieces[i]
		b = append(b, c.before...)
		switch {
		case c.Value:
			b = f.appendScaled(b, c, row.Value(column))
			column = min(column+1, len(t.Columns)-1)
		case t.Keyed():
			b = f.appendConversion(b, c, row.KeyPart(part).Value)
			part++
		}
	}
	return append(b, l.tail...)
}

// appendScaled appends a map's value: tables as such, stats with all they hold by %s,
// everything else as its number.
func (f *Formatter) appendScaled(b []byte, c *piece, v report.Value) []byte {
	start := len(b)
	switch {
	case Multiline(v.Type):
		return f.AppendValue(b, v)
	case v.Divisor() == 1 || !v.Type.Aggregation() && v.Type.Kind != types.Int:
		return f.appendConversion(b, c, v.Value)
	case c.Verb == 's':
		return pad(cut(f.AppendValue(b, v), start, c.Precision), start, c)
	}
	return f.appendConversion(b, c, quotient(v))
}

// quotient is a number divided, as a value of its own.
func quotient(v report.Value) events.Value {
	t := types.Uint64
	if v.Type.Signed {
		t = types.Int64
	}
	return events.Decode(t, binary.NativeEndian.AppendUint64(nil, v.Number()))
}
