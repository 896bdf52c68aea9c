package runtime

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
	"golang.org/x/sys/unix"
)

// A bench prints nothing but its result, and stands between BEGIN and END.
func TestBenches(t *testing.T) {
	o := lineObject(16)
	named := object.Point{At: object.RunPoint{When: object.AtBench, Name: "sends"}}
	o.Programs = []*object.ProgramSpec{
		clause("begin", code(emit(0, 1)), at(object.AtBegin)),
		clause("bench", code(emit(0, 7)), named),
		clause("end", code(emit(0, 2)), at(object.AtEnd)),
	}
	var out bytes.Buffer
	exit, err := open(t, o, Options{Stdout: &out, Stderr: io.Discard}).Run()
	if err != nil || exit != 0 {
		t.Fatalf("exit code %d, %v", exit, err)
	}
	var time, runs uint64
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 5 || lines[0] != "event 1" || lines[1] != "event 2" {
		t.Fatalf("%q", lines)
	}
	n, err := fmt.Sscanf(lines[4], "sends %d %d", &time, &runs)
	if n != 2 || runs < benchRuns || runs%benchRuns != 0 {
		t.Errorf("%q: %v", lines[4], err)
	}
}

// A signal runs the clauses of its own, and SIGUSR1 asks for no map where one is on it.
func TestSignalsOfScripts(t *testing.T) {
	o := lineObject(16)
	on := func(signal unix.Signal) object.Point {
		return object.Point{At: object.RunPoint{When: object.AtSignal, Signal: int(signal)}}
	}
	o.Programs = []*object.ProgramSpec{
		clause("one", code(emit(0, 1), emit(1, 0)), on(unix.SIGUSR1)),
		clause("two", code(emit(0, 2)), on(unix.SIGUSR2)),
	}
	var out bytes.Buffer
	s := open(t, o, Options{Stdout: &out, Stderr: io.Discard})
	s.clauses.onMapRequest(func() { t.Error("SIGUSR1 asks for the maps") })()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(os.Getpid(), unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if exit, err := s.Wait(); err != nil || exit != 0 || out.String() != "event 1\n" {
		t.Errorf("exit code %d, %v: %q", exit, err, out.String())
	}
}
