// Package json is one JSON object a line, with the members of bpftrace's. Integers that a
// double cannot hold are strings. Spaces within keys are kept, but for the indentation of
// stacks; bpftrace takes them out and so makes one of two keys.
//
// The line that tells how many probes are attached comes first, so what BEGIN prints
// waits for it.
package json

import (
	"fmt"
	"strconv"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/report/format"
)

// Format is lines of JSON.
var Format = report.Format{Name: "json", Records: true, New: New}

type sink struct {
	report.Buffer
	format  *format.Formatter
	names   *report.Names
	scratch []byte
	// attaching: what is printed waits for the line that tells how many probes are
	// attached. That is probes, if the lines become too many before.
	attaching bool
	probes    int
}

// maxWaiting is how many bytes of lines wait.
const maxWaiting = 16 << 20

// New returns a sink that prints one JSON object a line.
func New(c report.Config) report.Sink {
	return &sink{
		Buffer: report.NewBuffer(c.Out), format: format.New(c.Settings, c.Names), names: c.Names,
	}
}

// begin opens the object of a line, end closes it.
func (s *sink) begin(kind string) []byte {
	b := append(append(s.Bytes, `{"type": "`...), kind...)
	return append(b, `", "data": `...)
}

func (s *sink) end(b []byte) { s.keep(append(b, "}\n"...)) }

// text prints an object that holds text.
func (s *sink) text(kind string, text []byte) {
	s.scratch = text
	s.end(appendQuoted(s.begin(kind), text))
}

func (s *sink) Line(event *object.Event, args []events.Value) {
	s.text("printf", s.format.AppendLine(s.scratch[:0], event, args))
}

func (s *sink) Value(v report.Value) { s.end(s.appendValue(s.begin("value"), v)) }

// Table prints a map as an object. One in which nothing was recorded prints only where it
// is a number.
func (s *sink) Table(t *report.Table) {
	kind := t.Columns[0].Map.Value
	if t.Empty() && (t.Keyed() || format.Multiline(kind)) {
		return
	}
	b := append(append(s.begin(mapKind(kind)), `{"@`...), t.Name...)
	b = append(b, `": `...)
	if t.Keyed() {
		b = append(s.appendRows(append(b, '{'), t), '}')
	} else {
		for row := range t.Rows() {
			b = s.appendValue(b, row.Value(0))
		}
	}
	s.end(append(b, '}'))
}

func (s *sink) appendRows(b []byte, t *report.Table) []byte {
	separator := ""
	for row := range t.Rows() {
		b = append(b, separator...)
		s.scratch = s.format.AppendFlatKey(s.scratch[:0], row, ",")
		b = append(appendQuoted(b, s.scratch), ": "...)
		b = s.appendValue(b, row.Value(0))
		separator = ", "
	}
	return b
}

func (s *sink) Item(item report.Item) {
	switch item := item.(type) {
	case report.Formatted:
		if lines := s.format.AppendRows(s.scratch[:0], item); len(lines) > 0 {
			s.text("printf", lines)
		}
	case report.Joined:
		s.text("join", format.AppendJoined(s.scratch[:0], item))
	case report.Moment:
		s.text("time", s.format.AppendMoment(s.scratch[:0], item))
	case report.File:
		s.text("cat", format.AppendSafe(s.scratch[:0], item.Text))
	case report.CommandOutput:
		s.text("syscall", format.AppendSafe(s.scratch[:0], item.Text))
	case report.Message:
		s.message(item)
	case report.Benches:
		s.benches(item.List)
	case report.Attaching:
		s.attaching, s.probes = true, item.Probes
	case report.Attached:
		s.attached(item.Probes)
	case report.NotAttached:
		s.notAttached()
	case report.Loss:
		if item.Kind == report.LostEvents {
			s.number("lost_events", "events", item.Count)
		}
	}
}

func (s *sink) benches(list []report.Bench) {
	for _, bench := range list {
		b := appendQuoted(append(s.begin("benchmark_result"), '{'), []byte(bench.Name))
		b = fmt.Appendf(b, `: {"average": %d, "iters": %d}}`, bench.Time.Nanoseconds(), bench.Runs)
		s.end(b)
	}
}

// message prints the members that bpftrace prints, with the place of the call in the
// script.
func (s *sink) message(m report.Message) {
	kind := "warnf"
	if m.Failure {
		kind = "errorf"
	}
	b := append(append(s.Bytes, `{"type": "`...), kind...)
	s.scratch = s.format.AppendLine(s.scratch[:0], m.Event, m.Args)
	b = appendQuoted(append(b, `", "msg": `...), s.scratch)
	if source := m.Event.Source.Source; source != nil {
		line, column := source.Position(m.Event.Source.Start)
		b = appendQuoted(append(b, `, "filename": `...), []byte(source.Name))
		b = strconv.AppendInt(append(b, `, "line": `...), int64(line), 10)
		b = strconv.AppendInt(append(b, `, "col": `...), int64(column), 10)
	}
	s.end(b)
}

func (s *sink) attached(n int) {
	if !s.attaching && s.probes > 0 {
		return // it was printed early
	}
	waiting := s.Bytes
	s.Bytes, s.attaching = nil, false
	s.number("attached_probes", "probes", uint64(n))
	s.keep(append(s.Bytes, waiting...))
}

func (s *sink) notAttached() {
	if s.attaching {
		s.Bytes, s.attaching = nil, false
	}
}

// keep and Flush write nothing as long as lines wait.
func (s *sink) keep(b []byte) {
	if !s.attaching {
		s.Keep(b)
		return
	}
	s.Bytes = b
	if len(b) > maxWaiting {
		s.attached(s.probes)
	}
}

// Flush writes out what was printed, unless it waits.
func (s *sink) Flush() error {
	if s.attaching {
		return nil
	}
	return s.Buffer.Flush()
}

// number prints a number twice, as bpftrace does for those that parse it.
func (s *sink) number(kind, what string, n uint64) {
	b := append(append(s.Bytes, `{"type": "`...), kind...)
	b = strconv.AppendUint(append(b, `", "count": `...), n, 10)
	b = append(append(append(b, `, "data": {"`...), what...), `": `...)
	s.end(append(strconv.AppendUint(b, n, 10), '}'))
}
