package render

import (
	"io"
	"strings"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
)

type text struct{ printer }

// NewText returns a renderer that prints as bpftrace does.
func NewText(w io.Writer, settings object.Settings, names Names) Renderer {
	return &text{newPrinter(w, settings, names)}
}

func (r *text) Printf(event *object.Event, args []events.Value) {
	r.keep(r.appendFormat(r.buf, r.eventFormat(event), args))
}

func (r *text) Value(value events.Value) {
	r.keep(append(r.appendValue(r.buf, value, 1), '\n'))
}

func (r *text) Key(t *events.Table, row int) {
	r.lastInterval = lastInterval(t)
	r.keep(append(r.appendValue(r.buf, t.Value(row), scale(t, 1)), '\n'))
}

func (r *text) Map(t *events.Table, top, divisor int64) {
	r.sort(t)
	divisor = scale(t, divisor)
	if t.Map.Key == nil {
		r.unkeyed(t, divisor)
		return
	}
	for place := firstPlace(t, top); place < t.Len(); place++ {
		row := t.Row(place)
		b := append(append(r.buf, '@'), t.Map.Name...)
		b = append(r.appendKey(append(b, '['), t, row, ", "), ']')
		r.keep(r.appendTitled(b, t.Value(row), divisor))
	}
}

// unkeyed prints a map without key. One that never was assigned prints as zero, but no empty table.
func (r *text) unkeyed(t *events.Table, divisor int64) {
	value := onlyValue(t)
	if t.Len() == 0 && tabular(value.Type) && !r.alwaysHeads(value.Type) {
		return
	}
	b := append(append(r.buf, '@'), t.Map.Name...)
	r.keep(r.appendTitled(b, value, divisor))
}

// appendTitled ends the line of a map's name and key with the value.
func (r *text) appendTitled(b []byte, value events.Value, divisor int64) []byte {
	if tabular(value.Type) {
		b = append(b, ":\n"...)
	} else {
		b = append(b, ": "...)
	}
	return append(r.appendValue(b, value, divisor), '\n')
}

func (r *text) Printa(format string, tables []*events.Table) {
	r.keep(r.appendPrinta(r.buf, format, tables))
}

func (r *text) Cat(text []byte) { r.keep(appendSafe(r.buf, text)) }

func (r *text) System(output []byte) { r.keep(append(r.buf, output...)) }

func (r *text) Join(texts []events.Value, separator string) {
	r.keep(append(appendJoined(r.buf, texts, separator), '\n'))
}

// messageKinds are the words that precede messages on standard error.
var messageKinds = map[string]string{"warnf": "WARNING", "errorf": "ERROR"}

// Message returns the line as bpftrace writes it: file:1:9-30: WARNING: text.
func (r *text) Message(kind string, event *object.Event, args []events.Value) (string, bool) {
	text := strings.TrimSuffix(r.Format(event, args), "\n")
	return event.Source.String() + ": " + messageKinds[kind] + ": " + text + "\n", false
}

func (r *text) Time(format string, now time.Time) {
	r.keep(appendTime(r.buf, format, r.local(now)))
}

func (r *text) Text(s string) { r.keep(append(r.buf, s...)) }

// Probes and losses are told by the session on standard error.
func (r *text) Attaching(int) {}
func (r *text) Attached(int)  {}
func (r *text) NotAttached()  {}
func (r *text) Lost(uint64)   {}

func tabular(t *types.Type) bool {
	return t.Kind == types.Hist || t.Kind == types.LinearHist || t.Kind == types.TimeSeries
}

// firstPlace is where the last top rows of a sorted table begin.
func firstPlace(t *events.Table, top int64) int {
	if top <= 0 || top >= int64(t.Len()) {
		return 0
	}
	return t.Len() - int(top)
}

// onlyValue is the value of a map without key; zero when nothing was assigned.
func onlyValue(t *events.Table) events.Value {
	if t.Len() > 0 {
		return t.Value(0)
	}
	return events.Decode(t.Map.Value, make([]byte, t.Map.Value.Size))
}

// appendKey appends the parts of a key. A key that is one tuple goes without its parentheses.
func (p *printer) appendKey(b []byte, t *events.Table, row int, separator string) []byte {
	if t.KeyParts() == 1 && t.KeyPart(row, 0).Type.Kind == types.Tuple {
		return p.appendParts(b, t.KeyPart(row, 0), separator)
	}
	for i := range t.KeyParts() {
		if i > 0 {
			b = append(b, separator...)
		}
		b = p.appendValue(b, t.KeyPart(row, i), 1)
	}
	return b
}
