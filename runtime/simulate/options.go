package simulate

import (
	"io"
	"time"

	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// Options say what a session runs in.
type Options struct {
	Stdout io.Writer // what the script prints
	Stderr io.Writer // notices; nil for nowhere
	Format string    // the name of the output's format; "" for text
	// Terminal is what a person watches Stdout on, if anybody does.
	Terminal report.Terminal
	// CPUs is how many CPUs the machine has; 0 stands for 4.
	CPUs int
	// Boot is the moment from which nsecs counts; zero stands for the first moment of 2026,
	// in UTC.
	Boot time.Time
	// Start is nsecs when tracing begins; 0 stands for a second.
	Start uint64
	// Task is the process that traces: BEGIN, END and interval clauses run in it.
	Task Task
	// Before is called with what a program is about to run in, so that a stepper can watch it.
	Before func(*object.ProgramSpec, *emu.Environment)
	// After is called when a program has run, before what it printed is drawn.
	After func(*object.ProgramSpec, emu.Result)
}
