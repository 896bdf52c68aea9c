package render

import (
	"bytes"
	"io"
	"math/bits"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
)

type jsonLines struct {
	printer
	scratch []byte
	// attaching: what is printed waits for the line that tells how many probes are attached. That is probes, if the lines become too
	// many before.
	attaching bool
	probes    int
}

// maxWaiting is how many bytes of lines wait.
const maxWaiting = 16 << 20

// NewJSON returns a renderer that prints one JSON object a line.
func NewJSON(w io.Writer, settings object.Settings, names Names) Renderer {
	return &jsonLines{printer: newPrinter(w, settings, names)}
}

// begin opens the object of a line, end closes it.
func (r *jsonLines) begin(kind string) []byte {
	b := append(append(r.buf, `{"type": "`...), kind...)
	return append(b, `", "data": `...)
}

func (r *jsonLines) end(b []byte) { r.keep(append(b, "}\n"...)) }

// say prints an object that holds text.
func (r *jsonLines) say(kind string, text []byte) {
	r.scratch = text
	r.end(appendQuoted(r.begin(kind), text))
}

func (r *jsonLines) Printf(event *object.Event, args []events.Value) {
	r.say("printf", r.appendFormat(r.scratch[:0], r.eventFormat(event), args))
}

func (r *jsonLines) Printa(format string, tables []*events.Table) {
	if lines := r.appendPrinta(r.scratch[:0], format, tables); len(lines) > 0 {
		r.say("printf", lines)
	}
}

func (r *jsonLines) Cat(text []byte) { r.say("cat", appendSafe(r.scratch[:0], text)) }

func (r *jsonLines) System(output []byte) { r.say("syscall", appendSafe(r.scratch[:0], output)) }

func (r *jsonLines) Join(texts []events.Value, separator string) {
	r.say("join", appendJoined(r.scratch[:0], texts, separator))
}

// Message prints the members that bpftrace prints, with the place where the script says it.
func (r *jsonLines) Message(kind string, event *object.Event, args []events.Value) (string, bool) {
	b := append(append(r.buf, `{"type": "`...), kind...)
	r.scratch = r.appendFormat(r.scratch[:0], r.eventFormat(event), args)
	b = appendQuoted(append(b, `", "msg": `...), r.scratch)
	if source := event.Source.Source; source != nil {
		line, column := source.Position(event.Source.Start)
		b = appendQuoted(append(b, `, "filename": `...), []byte(source.Name))
		b = strconv.AppendInt(append(b, `, "line": `...), int64(line), 10)
		b = strconv.AppendInt(append(b, `, "col": `...), int64(column), 10)
	}
	r.end(b)
	return "", true
}

func (r *jsonLines) Time(format string, now time.Time) {
	r.say("time", appendTime(r.scratch[:0], format, r.local(now)))
}

// Text prints nothing for the blank lines that part reports for readers.
func (r *jsonLines) Text(s string) {
	if strings.TrimSpace(s) != "" {
		r.say("printf", append(r.scratch[:0], s...))
	}
}

func (r *jsonLines) Attaching(n int) { r.attaching, r.probes = true, n }

func (r *jsonLines) Attached(n int) {
	if !r.attaching && r.probes > 0 {
		return // it was told early
	}
	waiting := r.buf
	r.buf, r.attaching = nil, false
	r.tell("attached_probes", "probes", uint64(n))
	r.keep(append(r.buf, waiting...))
}

func (r *jsonLines) NotAttached() {
	if r.attaching {
		r.buf, r.attaching = nil, false
	}
}

// keep and Flush write nothing as long as lines wait.
func (r *jsonLines) keep(b []byte) {
	r.buf = b
	switch {
	case !r.attaching:
		r.printer.keep(b)
	case len(b) > maxWaiting:
		r.Attached(r.probes)
	}
}

func (r *jsonLines) Flush() error {
	if r.attaching {
		return nil
	}
	return r.printer.Flush()
}

func (r *jsonLines) Lost(n uint64) { r.tell("lost_events", "events", n) }

// tell prints a number twice, as bpftrace does for those that parse it.
func (r *jsonLines) tell(kind, what string, n uint64) {
	b := append(append(r.buf, `{"type": "`...), kind...)
	b = strconv.AppendUint(append(b, `", "count": `...), n, 10)
	b = append(append(append(b, `, "data": {"`...), what...), `": `...)
	r.end(append(strconv.AppendUint(b, n, 10), '}'))
}

func (r *jsonLines) Value(value events.Value) {
	r.end(r.appendValue(r.begin("value"), value, 1))
}

func (r *jsonLines) Key(t *events.Table, row int) {
	r.end(r.appendValue(r.begin("value"), t.Value(row), scale(t, 1)))
}

func (r *jsonLines) Map(t *events.Table, top, divisor int64) {
	if t.Len() == 0 && (t.Map.Key != nil || tabular(t.Map.Value)) {
		return
	}
	r.sort(t)
	divisor = scale(t, divisor)
	b := append(append(r.begin(mapKind(t.Map.Value)), `{"@`...), t.Map.Name...)
	b = append(b, `": `...)
	if t.Map.Key == nil {
		b = r.appendValue(b, onlyValue(t), divisor)
	} else {
		b = append(r.appendRows(append(b, '{'), t, top, divisor), '}')
	}
	r.end(append(b, '}'))
}

func mapKind(t *types.Type) string {
	switch t.Kind {
	case types.TimeSeries:
		return "tseries"
	case types.Hist, types.LinearHist:
		return "hist"
	case types.Avg, types.Stats:
		return "stats"
	}
	return "map"
}

func (r *jsonLines) appendRows(b []byte, t *events.Table, top, divisor int64) []byte {
	first := firstPlace(t, top)
	for place := first; place < t.Len(); place++ {
		if place > first {
			b = append(b, ", "...)
		}
		row := t.Row(place)
		r.indent = ""
		r.scratch = r.appendKey(r.scratch[:0], t, row, ",")
		r.indent = stackIndent
		b = append(appendQuoted(b, r.scratch), ": "...)
		b = r.appendValue(b, t.Value(row), divisor)
	}
	return b
}

// appendValue appends a value as JSON; what is named by a number alone, an enum or pointer, is that number.
func (r *jsonLines) appendValue(b []byte, v events.Value, divisor int64) []byte {
	if textual(v.Type) {
		r.scratch = r.printer.appendValue(r.scratch[:0], v, 1)
		return appendQuoted(b, r.scratch)
	}
	switch v.Type.Kind {
	case types.None:
		return append(b, "null"...)
	case types.Bool:
		return strconv.AppendBool(b, v.Uint() != 0)
	case types.Buffer:
		if v.Type.Elem != nil {
			return r.appendElements(b, v)
		}
		return appendBytes(b, v.Buffer())
	case types.Struct, types.Record:
		return append(r.appendMembers(append(b, '{'), v, ""), '}')
	case types.TimeSeries:
		return r.appendSeriesJSON(b, v)
	case types.Array, types.Tuple:
		return r.appendElements(b, v)
	case types.Stats:
		return appendJSONStats(b, v, divisor)
	case types.Hist, types.LinearHist:
		return appendBuckets(b, v, divisor)
	}
	if v.Type.Size > 8 && v.Type.Scalar() {
		return appendWideJSON(b, v)
	}
	return appendJSONNumber(b, number(v), v.Type.Signed, divisor)
}

func appendWideJSON(b []byte, v events.Value) []byte {
	if fitsWord(v) {
		return appendJSONNumber(b, v.Word(0), true, 1)
	}
	return append(appendWide(append(b, '"'), v), '"')
}

// appendMembers appends the members of a struct or record; those of a member without a name stand among them.
func (r *jsonLines) appendMembers(b []byte, v events.Value, separator string) []byte {
	for i := range v.Len() {
		part := v.Part(i)
		if v.Type.Fields[i].Name == "" && part.Type.Kind == types.Struct {
			b = r.appendMembers(b, part, separator)
		} else {
			b = append(appendQuoted(append(b, separator...), []byte(v.Type.Fields[i].Name)), ": "...)
			b = r.appendValue(b, part, 1)
		}
		separator = ", "
	}
	return b
}

func (r *jsonLines) appendElements(b []byte, v events.Value) []byte {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = r.appendValue(b, v.Part(i), 1)
	}
	return append(b, ']')
}

func appendBytes(b, bytes []byte) []byte {
	b = append(b, '[')
	for i, c := range bytes {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(c), 10)
	}
	return append(b, ']')
}

func appendJSONStats(b []byte, v events.Value, divisor int64) []byte {
	b = appendJSONNumber(append(b, `{"count": `...), v.Word(1), false, 1)
	b = appendJSONNumber(append(b, `, "average": `...), v.Average(), v.Type.Signed, divisor)
	b = appendJSONNumber(append(b, `, "total": `...), v.Word(0), v.Type.Signed, 1)
	return append(b, '}')
}

// appendBuckets appends the buckets from the first to the last that is not empty, with closed bounds.
func appendBuckets(b []byte, v events.Value, divisor int64) []byte {
	b = append(b, '[')
	first, last := filled(v)
	for i := first; i <= last; i++ {
		if i > first {
			b = append(b, ',')
		}
		b = appendBounds(append(b, '{'), v.Type, i)
		b = strconv.AppendUint(append(b, `"count": `...), v.Word(i)/uint64(divisor), 10)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendBounds(b []byte, t *types.Type, i int) []byte {
	low, high := bounds(t, i)
	if i > 0 {
		b = append(appendJSONNumber(append(b, `"min": `...), low, t.Kind == types.LinearHist, 1), ", "...)
	}
	if t.Kind == types.Hist || i < t.Words()-1 {
		b = append(appendJSONNumber(append(b, `"max": `...), high, i == 0 || t.Kind == types.LinearHist, 1), ", "...)
	}
	return b
}

// bounds returns the smallest and largest value of a bucket, as far as it has any.
func bounds(t *types.Type, i int) (low, high uint64) {
	switch {
	case t.Kind == types.LinearHist && i == 0:
		return 0, uint64(t.Low - 1)
	case t.Kind == types.LinearHist && i == t.Words()-1:
		return uint64(t.High), 0
	case t.Kind == types.LinearHist:
		low, end := linearBounds(t, i)
		return uint64(low), uint64(end - 1)
	case i == 0:
		return 0, ^uint64(0)
	}
	return types.HistLow(i, t.Bits), types.HistLow(i+1, t.Bits) - 1
}

// appendJSONNumber appends a number, as a string if a double cannot hold it.
func appendJSONNumber(b []byte, n uint64, signed bool, divisor int64) []byte {
	if signed {
		n = uint64(int64(n) / divisor)
	} else {
		n /= uint64(divisor)
	}
	if exact(n, signed) {
		return appendDivided(b, n, signed, 1)
	}
	return append(appendDivided(append(b, '"'), n, signed, 1), '"')
}

func exact(n uint64, signed bool) bool {
	if signed && int64(n) < 0 {
		n = -n
	}
	return bits.Len64(n)-bits.TrailingZeros64(n) <= 53
}

// appendQuoted appends text as a JSON string, which is UTF-8 whatever the script's own texts are.
func appendQuoted(b, text []byte) []byte {
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	b = append(b, '"')
	for _, c := range text {
		b = appendQuotedByte(b, c)
	}
	return append(b, '"')
}

func appendQuotedByte(b []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(b, '\\', c)
	case c == '\n':
		return append(b, `\n`...)
	case c == '\r':
		return append(b, `\r`...)
	case c == '\t':
		return append(b, `\t`...)
	case c < ' ':
		return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(b, c)
}
