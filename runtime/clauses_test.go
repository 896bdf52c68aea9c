package runtime

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
)

// printed is what a session of these clauses prints for an act.
func printed(t *testing.T, act func(c *clauses), programs ...*object.ProgramSpec) string {
	o := lineObject(16)
	o.Programs = programs
	var out bytes.Buffer
	s := open(t, o, Options{Stdout: &out, Stderr: io.Discard})
	s.pump.start()
	act(s.clauses)
	s.pump.finish()
	return out.String()
}

// BEGIN and END run in the order of the script, each at its time.
func TestClausesRun(t *testing.T) {
	programs := []*object.ProgramSpec{
		clause("begin", code(emit(0, 1)), at(object.AtBegin)),
		clause("end", code(emit(0, 2)), at(object.AtEnd)),
		clause("again", code(emit(0, 3)), at(object.AtBegin)),
		idle(),
	}
	for when, want := range map[object.When]string{
		object.AtBegin: "event 1\nevent 3\n", object.AtEnd: "event 2\n",
	} {
		got := printed(t, func(c *clauses) { c.run(when) }, programs...)
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Only interval programs have timers, and none runs after the end.
func TestIntervalsRun(t *testing.T) {
	stop, out := make(chan struct{}), awaiting("event 1\nevent 1\n")
	o := lineObject(16)
	o.Programs = []*object.ProgramSpec{
		clause("tick", code(emit(0, 1)), every(time.Millisecond)),
		clause("end", code(emit(0, 2)), at(object.AtEnd)), idle(),
	}
	s := open(t, o, Options{Stdout: out, Stderr: io.Discard})
	s.pump.start()
	var ticks sync.WaitGroup
	s.clauses.startIntervals(&ticks, stop)
	<-out.there
	close(stop)
	ticks.Wait()
	s.pump.finish()
	if other := strings.ReplaceAll(out.written.String(), "event 1\n", ""); other != "" {
		t.Errorf("%q", other)
	}
}

// An exit() keeps the clauses behind it from running.
func TestClausesBehindExit(t *testing.T) {
	first := clause("a", code(emit(0, 1)), every(time.Hour))
	second := clause("b", code(emit(0, 2)), every(time.Hour))
	got := printed(t, func(c *clauses) {
		asked := 0
		c.stopped = func() bool { asked++; return asked > 1 }
		c.runInOrder([]*ebpf.Program{c.programs["a"], c.programs["b"]})
	}, first, second)
	if got != "event 1\n" {
		t.Errorf("%q", got)
	}
}

// A clause that the kernel does not run is told of.
func TestClauseThatDoesNotRun(t *testing.T) {
	o := lineObject(16)
	o.Programs = []*object.ProgramSpec{clause("begin", code(), at(object.AtBegin))}
	var text bytes.Buffer
	s := open(t, o, Options{Stdout: io.Discard, Stderr: &text})
	s.collection.Programs["begin"].Close()
	s.clauses.run(object.AtBegin)
	if !strings.HasPrefix(text.String(), "WARNING: a clause did not run: ") {
		t.Errorf("%q", text.String())
	}
}
