package runtime

import (
	"bytes"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/attach"
)

// seen is a stream that tells when a text has been written to it.
type seen struct {
	mu      sync.Mutex
	written bytes.Buffer
	text    string
	there   chan struct{}
}

func awaiting(text string) *seen { return &seen{text: text, there: make(chan struct{})} }

func (s *seen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := strings.Contains(s.written.String(), s.text)
	s.written.Write(p)
	if !before && strings.Contains(s.written.String(), s.text) {
		close(s.there)
	}
	return len(p), nil
}

// stuckLink is a link that the kernel does not let go of until a channel is closed.
type stuckLink struct {
	t     *testing.T
	until <-chan struct{}
}

func (l stuckLink) Close() error {
	select {
	case <-l.until:
	case <-time.After(time.Minute):
		l.t.Error("nothing came while the link was being closed")
	}
	return nil
}

// stopping is a script of one line at the end whose programs test DataStopped.
func stopping() *object.Object {
	o := lineObject(16)
	o.Stops = true
	o.Programs = []*object.ProgramSpec{clause("end", code(emit(0, 7)), at(object.AtEnd))}
	return o
}

func TestResultsComeBeforeTheLinksAreClosed(t *testing.T) {
	out := awaiting("event 7\n")
	s := open(t, stopping(), Options{Stdout: out, Stderr: new(bytes.Buffer)})
	s.attachments.links = append(s.attachments.links, stuckLink{t, out.there})
	if code, err := s.Run(); code != 0 || err != nil {
		t.Fatal(code, err)
	}
	if s.store.Load(object.DataStopped) != 1 {
		t.Error("programs go on counting while their links are closed")
	}
}

func TestSlowLinksAreNamed(t *testing.T) {
	notices := awaiting("All results are printed; waiting for the kernel to detach 2 probes\n")
	s := open(t, stopping(), Options{Stdout: new(bytes.Buffer), Stderr: notices})
	s.attachments.links = append(s.attachments.links, stuckLink{t, notices.there}, stuckLink{t, notices.there})
	if code, err := s.Run(); code != 0 || err != nil {
		t.Fatal(code, err)
	}
}

// slowLink counts the links that are closed, each of which takes some time.
type slowLink struct{ closed *atomic.Int32 }

func (l slowLink) Close() error {
	time.Sleep(20 * time.Millisecond)
	l.closed.Add(1)
	return nil
}

// Programs that do not test DataStopped are detached before the results are read; the
// others are stopped by that word, and their links closed meanwhile.
func TestDetach(t *testing.T) {
	for _, stops := range []bool{false, true} {
		o := stopping()
		o.Stops = stops
		s := open(t, o, Options{})
		var closed atomic.Int32
		s.attachments.links = []attach.Link{slowLink{&closed}, slowLink{&closed}}
		s.store.Set(object.DataMissed, 3)
		closing := s.detacher.detach()
		if n := closed.Load(); !stops && n != 2 {
			t.Errorf("%d of 2 links are closed before the results are read", n)
		}
		if stopped(s.store) != stops {
			t.Errorf("programs are stopped: %v, want %v", !stops, stops)
		}
		s.detacher.await(closing)
		if closed.Load() != 2 || s.attachments.links != nil || s.detacher.missed != 3 {
			t.Errorf("%d links closed, %d events missed", closed.Load(), s.detacher.missed)
		}
	}
}
