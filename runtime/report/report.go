// Package report is what a session reports, as data, and the interface of the sinks that
// draw it.
//
// # The model
//
// A session hands a Sink four kinds of things:
//
//	Line    an event's format and its arguments: printf()
//	Value   one value: print() of an expression, or of one key of a map
//	Table   a map at one moment: rows in the order and scale in which they print
//	Item    everything else: texts, messages, moments, attached probes, losses
//
// A value is a view of bytes (package events) with its type and what its numbers are
// divided by. It answers by its kind: Number, Counts and Bounds of a histogram, Points of
// a time series, Stats. Names turns numbers into what they stand for: Frames of a stack,
// symbols, probes, accounts. Nothing is decoded before a sink asks for it, so a line of
// printf and a map of a million keys cost no allocation per value. (Rejected: rows of Go
// values, which cost one for each leaf.)
//
// Rows are sorted and scaled here, once, so that sinks cannot differ in it.
//
// # Sinks
//
// A sink lives in a folder of its own, with the record that Register takes: the name for
// -f and the function that makes one. Package sinks lists those of the command, a line
// each. The text of values and of printf's lines, which several sinks need, is in package
// format; how an aggregation draws there is registered by the name that its record asks
// for, a file each.
//
// Sources: bpftrace's output
// (https://github.com/bpftrace/bpftrace/tree/v0.24.0/src/output).
package report

import (
	"fmt"
	"io"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// Sink draws a report in one format. It is not safe for concurrent use. What it is given
// is good until the method returns.
type Sink interface {
	// Line prints an event's format over its arguments.
	Line(event *object.Event, args []events.Value)
	// Value prints one value.
	Value(v Value)
	// Table prints a map.
	Table(t *Table)
	// Item prints anything else. A sink leaves out the items for which its format has no
	// place.
	Item(item Item)
	// Flush writes out what was printed. It returns the first error of any write.
	Flush() error
}

// Config is what a sink is made of.
type Config struct {
	Out      io.Writer
	Notices  io.Writer // standard error
	Settings object.Settings
	Names    *Names
	Terminal Terminal
}

// Terminal is what a person watches the output on. The zero value is no terminal: a file
// or a pipe.
type Terminal struct {
	Width func() int // in columns; 0 where it is not known
	Color bool       // also without a terminal, if the user asked for it
	Hints bool       // standard error may say what the person can do
}

// Format is a format of the output.
type Format struct {
	Name string // as -f takes it
	// Records: all of the output is records, what commands of system() print and how many
	// probes are attached included. Otherwise commands write to the output themselves,
	// and standard error tells of the probes.
	Records bool
	New     func(Config) Sink
}

var formats []Format

// Register adds a format. It panics where the name is taken, and is for init functions.
func Register(f Format) {
	if _, taken := Find(f.Name); taken {
		panic(fmt.Sprintf("report: the format %q is registered twice", f.Name))
	}
	formats = append(formats, f)
}

// Find returns the format of a name; the empty name is that of the first one.
func Find(name string) (Format, bool) {
	for _, f := range formats {
		if f.Name == name || name == "" {
			return f, true
		}
	}
	return Format{}, false
}

// Formats returns the names of all formats, the default first.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.Name
	}
	return names
}
