package runtime

import (
	"io"
	"os/exec"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/records"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/report/format"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// host is this machine, as the printer of a session asks for it.
type host struct {
	printer        *records.Printer
	records        bool              // report.Format.Records
	formatter      *format.Formatter // of texts that do not go to the sink
	stdout, stderr io.Writer         // of commands of system()
	unsafe         bool              // they run
	shell          *shell
	notices        *notices
	exit           exit
}

func (h *host) Now() time.Time { return time.Now() }

func (h *host) Stop(code int) { h.exit.stop(code) }

// Cat prints the beginning of a file.
func (h *host) Cat(event *object.Event, args []events.Value) {
	name := h.formatter.Line(event, args)
	text, err := safeopen.ReadFile(name, h.printer.Object.Settings.MaxCatBytes)
	if err != nil {
		h.warnAt(event, "cat(): %q cannot be read: %s", name, safeopen.Reason(err))
		return
	}
	h.printer.Sink.Item(report.File{Text: text})
}

// System runs a shell command and waits for its end; it may write in between our lines.
func (h *host) System(event *object.Event, args []events.Value) {
	if !h.unsafe {
		h.warnAt(event, "system() needs --unsafe")
		return
	}
	if h.shell.late() {
		return
	}
	command := exec.Command("/bin/sh", "-c", h.formatter.Line(event, args))
	command.Stderr, command.WaitDelay = h.stderr, outputDelay
	kept := &limited{left: maxOutput}
	if h.records {
		command.Stdout = kept
	} else {
		h.printer.Flush()
		command.Stdout = h.stdout
	}
	if err := h.shell.run(command); err != nil {
		h.warnAt(event, "system(): the shell did not start: %s", safeopen.Reason(err))
		return
	}
	if h.records {
		h.printer.Sink.Item(report.CommandOutput{Text: kept.text})
	}
}

// warnAt tells, in its order among the lines, what did not work that the script asked
// for.
func (h *host) warnAt(event *object.Event, format string, args ...any) {
	h.printer.Flush()
	h.notices.warnAt(event.Source, format, args...)
}
