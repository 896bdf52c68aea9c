package report

import (
	"io"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Notice is what a session tells its user besides the report.
type Notice struct {
	Text    string
	Warning bool
	Place   diag.Span // in the script, if it is about one
	Loss    *Loss     // if it is about one
}

// Print writes the notice as a line, or with the part of the script that it is about.
func (n Notice) Print(w io.Writer) {
	if n.Loss != nil && n.Loss.Place.Source != nil {
		diag.Diagnostic{Span: n.Loss.Place, Warning: true, Message: n.Text}.Render(w)
		return
	}
	text := n.Text + "\n"
	if n.Warning {
		text = "WARNING: " + text
	}
	if n.Place.Source != nil {
		text = n.Place.String() + ": " + text
	}
	_, _ = io.WriteString(w, text)
}

// Loss is something that the report lacks.
type Loss struct {
	Kind  LossKind
	Map   *object.MapSpec // of which, if any
	Count uint64
	Text  string    // the notice: what was lost, and what helps
	Place diag.Span // of reads that failed
}

// Notice is the warning that tells of the loss.
func (l *Loss) Notice() Notice { return Notice{Text: l.Text, Warning: true, Loss: l} }

// LossKind tells what was lost.
type LossKind uint8

// The losses, in the order in which they are told.
const (
	LostEvents    LossKind = iota // the buffer was full
	FailedReads                   // of memory, at a place in the script
	LostProcesses                 // not followed
	LostUpdates                   // of a map
	LostKeys                      // of a map, dropped for others
	LostRounds                    // loops were cut off
	LostNames                     // of functions of processes
	LostCommands                  // of system()
	MissedEvents                  // the probe was busy
	LostCPUs                      // they came online later
)
