package render

import (
	"encoding/binary"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// appendPrinta appends the format once per key: conversions take the parts of the key in turn, those marked with an at sign
// the values of the maps in turn, and from the last map on always that of the last. A key that a map lacks has 0 there, as in
// DTrace. Maps without key have one row even if nothing was recorded. Rows are in the order of the first map.
func (p *printer) appendPrinta(b []byte, text string, tables []*events.Table) []byte {
	f := p.textFormat(text)
	values := make([]scaled, len(tables))
	first := tables[0]
	if first.Map.Key == nil {
		for i, t := range tables {
			values[i] = scaled{onlyValue(t), scale(t, 1)}
		}
		return p.appendRow(b, f, values, nil)
	}
	tables = events.Align(tables)
	first = tables[0]
	p.sort(first)
	for place := range first.Len() {
		row := first.Row(place)
		for i, t := range tables {
			values[i] = scaled{t.Value(row), scale(t, 1)}
		}
		b = p.appendRow(b, f, values, func(part int) events.Value { return first.KeyPart(row, part) })
	}
	return b
}

// scaled is a value and what it is divided by.
type scaled struct {
	events.Value
	divisor int64
}

func (p *printer) appendRow(b []byte, f *format, values []scaled, key func(part int) events.Value) []byte {
	part, next := 0, 0
	for i := range f.pieces {
		c := &f.pieces[i]
		b = append(b, c.before...)
		switch {
		case c.Value:
			b = p.appendScaled(b, c, values[next])
			next = min(next+1, len(values)-1)
		case key != nil:
			b = p.appendConversion(b, c, key(part))
			part++
		}
	}
	return append(b, f.tail...)
}

// appendScaled appends a map's value: tables as such, stats with all they hold by %s, everything else as its number.
func (p *printer) appendScaled(b []byte, c *piece, v scaled) []byte {
	start := len(b)
	switch {
	case tabular(v.Type):
		return p.appendValue(b, v.Value, v.divisor)
	case v.divisor == 1 || !v.Type.Aggregation() && v.Type.Kind != types.Int:
		return p.appendConversion(b, c, v.Value)
	case c.Verb == 's':
		return pad(cut(p.appendValue(b, v.Value, v.divisor), start, c.Precision), start, c)
	}
	return p.appendConversion(b, c, quotient(v.Value, v.divisor))
}

// quotient is a number divided, as a value of its own.
func quotient(v events.Value, divisor int64) events.Value {
	n := number(v)
	if v.Type.Signed {
		return events.Decode(types.Int64, binary.NativeEndian.AppendUint64(nil, uint64(int64(n)/divisor)))
	}
	return events.Decode(types.Uint64, binary.NativeEndian.AppendUint64(nil, n/uint64(divisor)))
}
