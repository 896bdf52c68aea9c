package runtime

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// tally is all that a sink needs: it counts lines, and prints the rows of maps as CSV.
type tally struct {
	out   io.Writer
	lines int
	text  strings.Builder
}

func (s *tally) Line(*object.Event, []events.Value) { s.lines++ }
func (s *tally) Value(report.Value)                 {}

func (s *tally) Table(t *report.Table) {
	for row := range t.Rows() {
		fmt.Fprintf(&s.text, "%s,%d\n", t.Name, row.Value(0).Number())
	}
}

func (s *tally) Item(item report.Item) {
	if item, ok := item.(report.Attached); ok {
		fmt.Fprintf(&s.text, "probes,%d\n", item.Probes)
	}
}

func (s *tally) Flush() error {
	_, err := io.WriteString(s.out, s.text.String())
	s.text.Reset()
	return err
}

func init() {
	report.Register(report.Format{
		Name: "tally", Records: true,
		New: func(c report.Config) report.Sink { return &tally{out: c.Out} },
	})
}

// A sink that somebody registers draws what a session reports.
func TestRegisteredSink(t *testing.T) {
	o := counting(object.PrintMap)
	o.Settings.PrintMapsOnExit = true
	o.Programs = []*object.ProgramSpec{
		clause("begin", code(emit(0, 1), countUp()), at(object.AtBegin)),
		clause("end", code(emit(0, 2), countUp()), at(object.AtEnd)),
	}
	var out strings.Builder
	s := open(t, o, Options{Stdout: &out, Stderr: io.Discard, Format: "tally"})
	if _, err := s.Run(); err != nil {
		t.Fatal(err)
	}
	if want := "probes,2\n,2\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	if n := s.printer.Sink.(*tally).lines; n != 2 {
		t.Errorf("%d lines, want 2", n)
	}
}
