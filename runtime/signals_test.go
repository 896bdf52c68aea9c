package runtime

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
)

// Signals within a second of a request are the same one; each request opens a period of
// its own.
func TestRequests(t *testing.T) {
	var r requests
	start := time.Now()
	for _, signal := range []struct {
		after time.Duration
		want  int
	}{
		{0, 1}, {0, 1}, {time.Millisecond, 1}, {500 * time.Millisecond, 1}, {999 * time.Millisecond, 1},
		{1000 * time.Millisecond, 2}, {1500 * time.Millisecond, 2}, {1999 * time.Millisecond, 2},
		{2000 * time.Millisecond, 3}, {9 * time.Second, 4},
	} {
		before := r.count
		if isNew := r.add(start.Add(signal.after)); r.count != signal.want || isNew != (signal.want > before) {
			t.Errorf("after %v: %d requests, want %d", signal.after, r.count, signal.want)
		}
	}
}

// A signal while probes are being attached ends that, and prints what there is.
func TestInterruptedWhileAttaching(t *testing.T) {
	for format, want := range map[string]string{
		"text": "event 1\nevent 2\n",
		"json": `{"type": "attached_probes", "count": 0, "data": {"probes": 0}}` + "\n" +
			`{"type": "printf", "data": "event 1\n"}` + "\n" + `{"type": "printf", "data": "event 2\n"}` + "\n",
	} {
		o := lineObject(16)
		o.Programs = []*object.ProgramSpec{
			clause("begin", code(emit(0, 1)), at(object.AtBegin)), idle(), clause("end", code(emit(0, 2)), at(object.AtEnd)),
		}
		var out, notices bytes.Buffer
		s := open(t, o, Options{Stdout: &out, Stderr: &notices, Format: format})
		s.Interrupt()
		if code, err := s.Run(); code != 0 || err != nil {
			t.Error(code, err)
		}
		if strings.ReplaceAll(out.String(), `\n`, "\n") != strings.ReplaceAll(want, `\n`, "\n") {
			t.Errorf("%q, want %q", out.String(), want)
		}
		if notices.String() != "Interrupted before everything was attached\n" {
			t.Errorf("notices: %q", notices.String())
		}
	}
}
