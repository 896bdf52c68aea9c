// Package text is the format that people read, and scripts that were made for bpftrace.
// Its bytes are described in package format. Messages go to standard error.
//
// On a terminal, tables and charts are as wide as it is, within limits, and keys that do
// not fit on their line are cut in the middle. What the script prints by a format of its
// own is not cut.
package text

import (
	"fmt"
	"io"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/report/format"
)

// Format is text.
var Format = report.Format{Name: "text", New: New}

type sink struct {
	report.Buffer
	format  *format.Formatter
	notices io.Writer
	width   func() int // of the terminal, if there is one
}

// New returns a sink that prints as bpftrace does.
func New(c report.Config) report.Sink {
	s := &sink{
		Buffer: report.NewBuffer(c.Out), format: format.New(c.Settings, c.Names),
		notices: c.Notices, width: c.Terminal.Width,
	}
	s.format.Color = c.Terminal.Color
	return s
}

func (s *sink) Line(event *object.Event, args []events.Value) {
	s.Keep(s.format.AppendLine(s.Bytes, event, args))
}

func (s *sink) Value(v report.Value) {
	s.fit()
	s.Keep(append(s.format.AppendValue(s.Bytes, v), '\n'))
}

// Table prints a row a line. A map without key that never was assigned prints as zero,
// but no empty histogram.
func (s *sink) Table(t *report.Table) {
	kind := t.Columns[0].Map.Value
	if t.Empty() && format.Multiline(kind) && !s.format.Heads(kind) {
		return
	}
	s.fit()
	for row := range t.Rows() {
		s.Keep(s.appendRow(s.Bytes, t, row))
	}
}

func (s *sink) appendRow(b []byte, t *report.Table, row report.Row) []byte {
	b = s.format.AppendTitle(b, t.Name)
	if !t.Keyed() {
		return s.appendTitled(b, row.Value(0))
	}
	start := len(b)
	b = s.format.AppendKey(append(b, '['), row, ", ")
	end := len(b)
	b = s.appendTitled(append(b, ']'), row.Value(0))
	if s.format.Width > 0 {
		return s.cutKey(b, start, end, len("@")+len(t.Name))
	}
	return b
}

// appendTitled ends the line of a map's name and key with the value.
func (s *sink) appendTitled(b []byte, value report.Value) []byte {
	if format.Multiline(value.Type) {
		b = append(b, ":\n"...)
	} else {
		b = append(b, ": "...)
	}
	return append(s.format.AppendValue(b, value), '\n')
}

func (s *sink) Item(item report.Item) {
	switch item := item.(type) {
	case report.Formatted:
		s.fit()
		s.Keep(s.format.AppendRows(s.Bytes, item))
	case report.Joined:
		s.Keep(append(format.AppendJoined(s.Bytes, item), '\n'))
	case report.Moment:
		s.Keep(s.format.AppendMoment(s.Bytes, item))
	case report.File:
		s.Keep(format.AppendSafe(s.Bytes, item.Text))
	case report.Benches:
		s.Keep(appendBenches(s.Bytes, item.List))
	case report.FinalMaps:
		s.Keep(append(s.Bytes, "\n\n"...))
	case report.Message:
		s.message(item)
	}
}

// appendBenches prints a table as bpftrace does.
func appendBenches(b []byte, list []report.Bench) []byte {
	const timeWidth, last = 15, "Iterations"
	width := 40
	for _, bench := range list {
		width = max(width, len(bench.Name))
	}
	b = fmt.Appendf(b, "%-*s %-*s%s\n", width, "Benchmark", timeWidth, "Time(ns)", last)
	b = fmt.Appendf(b, "%s\n", strings.Repeat("-", width+1+timeWidth+len(last)))
	for _, bench := range list {
		b = fmt.Appendf(b, "%-*s %-*d%d\n", width, bench.Name, timeWidth, bench.Time.Nanoseconds(), bench.Runs)
	}
	return b
}

// message prints a line as bpftrace does, file:1:9-30: WARNING: text, after what was
// printed before.
func (s *sink) message(m report.Message) {
	_ = s.Flush() // the next Flush returns the error again
	word := "WARNING"
	if m.Failure {
		word = "ERROR"
	}
	text := strings.TrimSuffix(s.format.Line(m.Event, m.Args), "\n")
	_, _ = io.WriteString(s.notices, m.Event.Source.String()+": "+word+": "+text+"\n")
}
