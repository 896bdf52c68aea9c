package runtime

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
)

// A map is read before, while and after programs count, and not once the session is
// closed.
func TestSnapshot(t *testing.T) {
	o := counting(object.PrintMap)
	o.Programs = []*object.ProgramSpec{clause("count", code(countUp()), at(object.AtEnd)), idle()}
	signals := make(chan os.Signal, 1)
	s := open(t, o, Options{Stdout: io.Discard, Stderr: io.Discard, Signals: signals})
	wants := func(want uint64) {
		t.Helper()
		table, err := s.Snapshot("")
		if err != nil || (want == 0) != (len(table.Rows) == 0) || want > 0 && table.Rows[0].Value != want {
			t.Errorf("%+v, %v; want %d", table, err, want)
		}
	}
	wants(0)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	parallel(t, s, "count", 2, 100)
	wants(200)
	if _, err := s.Snapshot("other"); err == nil || err.Error() != "the script has no map @other" {
		t.Error(err)
	}
	s.Interrupt()
	s.Interrupt()
	if code, err := s.Wait(); code != 0 || err != nil {
		t.Error(code, err)
	}
	wants(201) // END counts too
	s.Close()
	if _, err := s.Snapshot(""); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}
