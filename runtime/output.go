package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/ponytrace/ponytrace/runtime/safeopen"
	"golang.org/x/sys/unix"
)

// output passes on what the script prints, and accounts for every line that cannot be
// written. A full disk does not end the tracing: when there is room again, printing goes
// on with the next whole line. A reader that has closed its end does end it, for nobody
// can read any more.
type output struct {
	to     io.Writer
	stderr io.Writer
	name   string // of the file, for messages
	err    error  // of the first write that failed
	lost   int    // lines of which any byte was not written
	gone   bool   // the reader has closed its end
	// damaged: a part of the line at hand is lost. open: the file ends within a line.
	// dangling: within one that is to end there, because the rest of it, or only its end
	// (owed), is lost.
	damaged, open, dangling, owed bool
	// rescue sends lost lines to standard error, as long as there is room for them.
	rescue atomic.Bool
	room   int
}

// maxRescued bounds what is printed to standard error when the results cannot be written.
const maxRescued = 64 << 10

func newOutput(to, stderr io.Writer) *output {
	name := "the output"
	if file, ok := to.(*os.File); ok {
		name = file.Name()
	}
	if name == os.Stdout.Name() {
		name = "standard output"
	}
	return &output{to: to, stderr: stderr, name: name, room: maxRescued}
}

// Write fails only when the reader is gone.
func (o *output) Write(text []byte) (int, error) {
	rest := text
	if o.damaged {
		rest = o.lose(text, lineEnd(text))
	}
	if len(rest) == 0 {
		return len(text), nil
	}
	if o.dangling && !o.endLine() {
		o.lose(rest, len(rest))
		return len(text), nil
	}
	n, err := o.to.Write(rest)
	if n > 0 {
		o.open = rest[n-1] != '\n'
	}
	if err != nil {
		err = o.failed(rest, n, err)
	}
	return len(text), err
}

// endLine ends the line that dangles, if there is room.
func (o *output) endLine() bool {
	if n, _ := o.to.Write([]byte("\n")); n == 0 {
		return false
	}
	o.open, o.dangling, o.owed = false, false, false
	return true
}

// lineEnd is the length of the first line.
func lineEnd(text []byte) int {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return i + 1
	}
	return len(text)
}

// failed is called when only n bytes of a text were written.
func (o *output) failed(text []byte, n int, err error) error {
	if errors.Is(err, unix.EPIPE) {
		o.gone = true
		return err
	}
	if o.err == nil {
		o.err = err
		fmt.Fprintf(o.stderr, "WARNING: %s cannot be written: %s\n", o.name, safeopen.Reason(err))
	}
	start := bytes.LastIndexByte(text[:n], '\n') + 1
	o.dangling = o.open
	if o.open && text[n] == '\n' {
		o.owed = true
		n++
	}
	o.save(text[start:n])
	o.lose(text[n:], len(text)-n)
	return nil
}

// lose accounts for the first n bytes of a text, and returns the others.
func (o *output) lose(text []byte, n int) []byte {
	lost := text[:n]
	o.lost += bytes.Count(lost, []byte("\n"))
	if n > 0 {
		o.damaged = lost[n-1] != '\n'
	}
	o.save(lost)
	return text[n:]
}

// save prints lost text to standard error if that is wanted, up to the last whole line
// for which there is room.
func (o *output) save(lost []byte) {
	if !o.rescue.Load() {
		return
	}
	if len(lost) > o.room {
		lost = lost[:bytes.LastIndexByte(lost[:o.room], '\n')+1]
		o.room = len(lost)
	}
	o.room -= len(lost)
	_, _ = o.stderr.Write(lost)
}

// close returns what the session's error says of the lines that were lost.
func (o *output) close() error {
	if o.err == nil {
		return nil
	}
	if o.damaged || o.owed {
		o.lost++
	}
	lines := "1 line"
	if o.lost != 1 {
		lines = fmt.Sprintf("%d lines", o.lost)
	}
	return fmt.Errorf("%s could not be written to %s: %s", lines, o.name, safeopen.Reason(o.err))
}

// endedByReader is the exit code of a program that a broken pipe ends, as for shells.
const endedByReader = 128 + int(unix.SIGPIPE)
