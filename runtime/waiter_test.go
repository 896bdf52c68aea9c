package runtime

import (
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/records"
)

// flushes counts how often a session writes.
type flushes int

func (f *flushes) Write(b []byte) (int, error) {
	*f++
	return len(b), nil
}

// waiting is a waiter without a ring buffer, and how often it has printed the maps.
func waiting() (w *waiter, interrupted chan struct{}, written *flushes) {
	written, interrupted = new(flushes), make(chan struct{})
	return &waiter{
		store: new(events.Store), exit: make(exit, 1), interrupted: interrupted,
		requests: &mapRequests{
			printer: &records.Printer{Object: &object.Object{}, Sink: &tally{out: written}}, pump: &pump{},
			ending: func() bool { return false }, asked: make(chan struct{}, 1),
		},
	}, interrupted, written
}

// Any of three ends the tracing, with the code of an exit() that was called before.
func TestWaiting(t *testing.T) {
	w, interrupted, _ := waiting()
	w.exit.stop(3)
	if code := w.wait(nil); code != 3 {
		t.Errorf("exit(3) ends with %d", code)
	}
	finished := make(chan struct{})
	close(finished)
	if code := w.wait(finished); code != 0 {
		t.Errorf("the end of the command ends with %d", code)
	}
	close(interrupted)
	if code := w.wait(nil); code != 0 {
		t.Errorf("a signal ends with %d", code)
	}
	if _, ended := w.endedEarly(); ended {
		t.Error("BEGIN has no exit()")
	}
}

func TestExitInBegin(t *testing.T) {
	s := open(t, lineObject(16), Options{})
	s.store.Set(object.DataStopped, 1)
	s.waiter.exit.stop(4)
	if code, ended := s.waiter.endedEarly(); code != 4 || !ended {
		t.Error(code, ended)
	}
}

// Requests that come before one is answered are one, and none is taken at the end.
func TestMapRequests(t *testing.T) {
	w, _, written := waiting()
	for range 2 {
		w.requests.ask()
	}
	for range 2 {
		w.requests.answer()
	}
	w.requests.ending = func() bool { return true }
	w.requests.ask()
	w.requests.answer()
	if *written != 1 {
		t.Errorf("the maps were printed %d times", *written)
	}
}

// Without a loop the waiter prints the maps.
func TestWaiterAnswers(t *testing.T) {
	w, _, written := waiting()
	asked := make(chan struct{}) // is not buffered: it is received before the end comes
	w.requests.asked = asked
	go func() {
		asked <- struct{}{}
		w.exit.stop(0)
	}()
	if w.wait(nil); *written != 1 {
		t.Errorf("the maps were printed %d times", *written)
	}
}
