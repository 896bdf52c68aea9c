package report

import (
	"fmt"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// Item is one of the types of this file, or a Loss.
type Item any

// Formatted prints the rows of a table by a format: printa(). Conversions take the parts
// of the key in turn, those marked with an at sign the values in turn, and from the last
// value on always that.
type Formatted struct {
	Format string
	Table  *Table
}

// Joined is texts on a line, up to the first empty one: join().
type Joined struct {
	Texts     []events.Value
	Separator string
}

// Moment is a time to print by a strftime format: time().
type Moment struct {
	Format string
	Time   time.Time
}

// File is the beginning of a file: cat().
type File struct{ Text []byte }

// CommandOutput is what a command of system() wrote, where the format has Records.
type CommandOutput struct{ Text []byte }

// Message is what warnf() or errorf() prints, among the lines or on standard error.
type Message struct {
	Failure bool // errorf()
	Event   *object.Event
	Args    []events.Value
}

// Attaching announces that so many probes are about to be attached. Formats with Records
// print the number first, so they keep what BEGIN prints until Attached or NotAttached.
type Attaching struct{ Probes int }

// Attached tells how many probes are attached.
type Attached struct{ Probes int }

// String is the notice of it.
func (a Attached) String() string {
	if a.Probes == 1 {
		return "Attached 1 probe"
	}
	return fmt.Sprintf("Attached %d probes", a.Probes)
}

// NotAttached ends an attempt that another one follows, or none.
type NotAttached struct{}

// Benches are the results of bench probes.
type Benches struct{ List []Bench }

// Bench tells how long a clause runs.
type Bench struct {
	Name string
	Time time.Duration // of one run
	Runs uint64
}

// FinalMaps announces the maps that print at the end.
type FinalMaps struct{}
