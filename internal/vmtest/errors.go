package vmtest

import (
	"bytes"
	"fmt"
	"io"
	"time"
)

// DiedError tells of a machine that stopped before it was done.
type DiedError struct {
	Kernel  string
	Booted  bool
	Console string
	Cause   error
}

func (e *DiedError) Error() string {
	when := "while booting"
	if e.Booted {
		when = "while its commands ran"
	}
	text := fmt.Sprintf("the machine with kernel %s died %s", e.Kernel, when)
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text + consoleText(e.Console)
}

func (e *DiedError) Unwrap() error { return e.Cause }

// TimeoutError tells of a machine that was killed because its time was over.
type TimeoutError struct {
	Kernel  string
	After   time.Duration
	Booted  bool
	Console string
}

func (e *TimeoutError) Error() string {
	what := "was still booting"
	if e.Booted {
		what = "was still running its commands"
	}
	return fmt.Sprintf("the machine with kernel %s %s after %s", e.Kernel, what, e.After) + consoleText(e.Console)
}

func consoleText(console string) string {
	return "\n--- the end of its console ---\n" + console
}

// tail keeps the last of what is written and passes everything on.
type tail struct {
	also io.Writer
	kept []byte
}

const tailSize = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*tailSize {
		t.kept = bytes.Clone(t.kept[len(t.kept)-tailSize:])
	}
	return t.also.Write(p)
}

func (t *tail) String() string { return string(bytes.ReplaceAll(t.kept, []byte("\r"), nil)) }
