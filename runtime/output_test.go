package runtime

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
	"golang.org/x/sys/unix"
)

// disk is a file on a disk with room for some bytes.
type disk struct {
	bytes.Buffer
	room int
}

func (d *disk) Write(b []byte) (int, error) {
	n := min(len(b), d.room)
	d.room -= n
	d.Buffer.Write(b[:n])
	if n < len(b) {
		return n, unix.ENOSPC
	}
	return n, nil
}

// Every line is in the file as a whole, or counted; a part of a line that was lost stands
// on a line of its own.
func TestEveryLineIsWrittenOrCounted(t *testing.T) {
	for seed := range 1000 {
		random := rand.New(rand.NewPCG(uint64(seed), 17))
		file, notices := &disk{room: random.IntN(200)}, &bytes.Buffer{}
		out, text := newOutput(file, notices), ""
		lines := 20 + random.IntN(20)
		for i := range lines {
			text += fmt.Sprintf("<line %d%s>\n", i, strings.Repeat("x", random.IntN(9)))
		}
		for rest := text; rest != ""; { // in pieces that end anywhere
			n := 1 + random.IntN(len(rest))
			if i, err := out.Write([]byte(rest[:n])); i != n || err != nil {
				t.Fatal(i, err)
			}
			rest = rest[n:]
			file.room += random.IntN(40)
		}
		whole := 0
		for line := range strings.Lines(file.String()) {
			if strings.HasPrefix(line, "<") && strings.HasSuffix(line, ">\n") {
				whole++
				if strings.Count(line, "<") != 1 || !strings.Contains(text, line) {
					t.Errorf("seed %d: the line %q was never printed", seed, line)
				}
			}
		}
		err := out.close()
		if whole+out.lost != lines || (out.lost > 0) != (err != nil) {
			t.Fatalf("seed %d: %d lines, %d written and %d counted as lost, %v\n%s", seed, lines, whole, out.lost, err, file.String())
		}
		if out.lost > 0 && notices.String() != "WARNING: the output cannot be written: no space left on device\n" {
			t.Errorf("notices: %s", notices)
		}
	}
}

// full runs a script that prints a line at BEGIN, one at END and a map, into a file with
// room for some bytes.
func full(t *testing.T, room int) (written, notices string, err error) {
	o := counting(object.PrintMap)
	o.Settings.PrintMapsOnExit = true
	o.Programs = []*object.ProgramSpec{
		clause("begin", code(emit(0, 1)), at(object.AtBegin)),
		clause("end", code(emit(0, 2), countUp()), at(object.AtEnd)),
	}
	file, said := &disk{room: room}, &bytes.Buffer{}
	_, err = open(t, o, Options{Stdout: file, Stderr: said, Quiet: true}).Run()
	return file.String(), said.String(), err
}

// What does not fit at the end goes to standard error, and how much that is is the error.
func TestFullDiskAtTheEnd(t *testing.T) {
	const all, warning = "event 1\nevent 2\n\n\n@: 1\n", "WARNING: the output cannot be written: no space left on device\n"
	for room, want := range map[int]struct{ rescued, lost string }{
		len(all):     {"", ""},
		len(all) - 1: {"@: 1\n", "1 line"},
		len(all) - 5: {"@: 1\n", "1 line"},
		8:            {"event 2\n\n\n@: 1\n", "4 lines"},
		4:            {"event 2\n\n\n@: 1\n", "5 lines"}, // tracing went on after BEGIN's line was lost
		0:            {"event 2\n\n\n@: 1\n", "5 lines"},
	} {
		written, notices, err := full(t, room)
		if want.lost == "" {
			if written != all || notices != "" || err != nil {
				t.Errorf("%q, %q, %v", written, notices, err)
			}
			continue
		}
		if message := want.lost + " could not be written to the output: no space left on device"; err == nil || err.Error() != message {
			t.Errorf("room for %d bytes: %v, want %s", room, err, message)
		}
		if written != all[:room] || notices != warning+want.rescued {
			t.Errorf("room for %d bytes: %q and %q", room, written, notices)
		}
	}
}

// What is printed to standard error has its limit too, at the end of a line.
func TestRescuedLinesAreBounded(t *testing.T) {
	var notices bytes.Buffer
	out := newOutput(&disk{}, &notices)
	out.rescue.Store(true)
	line := strings.Repeat("x", 999) + "\n"
	for range 200 {
		out.Write([]byte(line))
	}
	if n := strings.Count(notices.String(), line); n != maxRescued/len(line) || !strings.HasSuffix(notices.String(), line) || out.lost != 200 {
		t.Errorf("%d lines to standard error, %d counted", n, out.lost)
	}
}

// writes counts how often it is written to.
type writes struct{ n int }

func (w *writes) Write(text []byte) (int, error) {
	w.n++
	return len(text), nil
}

// TestBuffering: lines are written one by one, or all in one piece.
func TestBuffering(t *testing.T) {
	const lines = 20
	for buffer, want := range map[Buffering]int{BufferNone: lines, BufferFull: 1} {
		o := counting(object.PrintMap)
		o.Programs = nil
		for i := range lines {
			o.Programs = append(o.Programs, clause(fmt.Sprint("begin", i), code(emit(0, 1)), at(object.AtBegin)))
		}
		out := &writes{}
		if _, err := open(t, o, Options{Stdout: out, Stderr: io.Discard, Buffer: buffer}).Run(); err != nil {
			t.Fatal(err)
		}
		if out.n != want {
			t.Errorf("buffering %d: %d lines were written in %d pieces, want %d", buffer, lines, out.n, want)
		}
	}
}
