package render

import (
	"github.com/ponytrace/ponytrace/runtime/events"
)

// appendPrinta appends the format once per row: conversions take the parts of the key in turn, those
// marked with an at sign the value. A map without key has one row even if nothing was recorded.
func (p *printer) appendPrinta(b []byte, text string, t *events.Table) []byte {
	f := p.textFormat(text)
	if t.Map.Key == nil {
		return p.appendRow(b, f, onlyValue(t), nil)
	}
	for place := range t.Len() {
		row := t.Row(place)
		b = p.appendRow(b, f, t.Value(row), func(part int) events.Value { return t.KeyPart(row, part) })
	}
	return b
}

func (p *printer) appendRow(b []byte, f *format, value events.Value, key func(part int) events.Value) []byte {
	part := 0
	for i := range f.pieces {
		c := &f.pieces[i]
		b = append(b, c.before...)
		switch {
		case c.Value:
			b = p.appendConversion(b, c, value)
		case key != nil:
			b = p.appendConversion(b, c, key(part))
			part++
		}
	}
	return append(b, f.tail...)
}
