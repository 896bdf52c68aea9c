// Package records does what the records of programs ask for: it prints lines, values and
// maps, and clears maps, in the order of the records.
//
// A tracing session (package runtime) and a simulated one (package simulate) both print by
// it, so that what they print is the same. What differs is their Host, which reads files,
// runs commands and ends the session, and the store that the maps are read from.
package records

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// Printer does what records ask for. One goroutine uses it: the loop of a session while it
// runs, then the session.
type Printer struct {
	Object  *object.Object
	Tables  *Tables
	Sink    report.Sink
	Host    Host
	values  []events.Value // of the record at hand
	repeats atomic.Bool    // what is asked for was printed before
}

// Host is what a session runs on.
type Host interface {
	Now() time.Time
	// Cat prints the beginning of a file, and System what a shell command prints.
	Cat(event *object.Event, args []events.Value)
	System(event *object.Event, args []events.Value)
	// Stop ends the session with an exit code.
	Stop(code int)
}

// Repeat runs what has run before: its records change maps, and print nothing.
func (p *Printer) Repeat(run func(), drain func()) {
	p.repeats.Store(true)
	run()
	drain()
	p.repeats.Store(false)
}

// changesMaps tells what a record asks for from what it prints.
func changesMaps(a object.Action) bool {
	switch a {
	case object.Clear, object.Zero, object.Trunc, object.Normalize, object.Exit:
		return true
	}
	return false
}

// Flush ends the session when nobody reads any more.
func (p *Printer) Flush() {
	if p.Sink.Flush() != nil {
		p.Host.Stop(0)
	}
}

// Handle does what a record asks for.
func (p *Printer) Handle(record []byte) {
	if len(record) < 8 {
		return
	}
	number := binary.NativeEndian.Uint64(record)
	if number >= uint64(len(p.Object.Events)) {
		return
	}
	event := p.Object.Events[number]
	if len(record) < event.Layout.Size {
		return
	}
	if changesMaps(event.Action) || !p.repeats.Load() {
		p.Do(event, record)
	}
}

// Do does what an event asks for whose record is at hand.
func (p *Printer) Do(event *object.Event, record []byte) {
	switch event.Action {
	case object.Printf:
		p.Sink.Line(event, p.fields(event, record))
	case object.Print:
		p.print(event, record)
	case object.PrintMap:
		p.printMap(event)
	case object.PrintKey:
		p.printKey(event, record)
	case object.Printa:
		p.printa(event)
	case object.Clear:
		p.Tables.Clear(event)
	case object.Zero:
		p.Tables.Zero(event)
	case object.Time:
		p.Sink.Item(report.Moment{Format: event.Format, Time: p.Host.Now()})
	case object.Cat:
		p.Host.Cat(event, p.fields(event, record))
	case object.System:
		p.Host.System(event, p.fields(event, record))
	case object.Join:
		p.Sink.Item(report.Joined{Texts: p.fields(event, record), Separator: event.Format})
	case object.Warn:
		p.message(event, record)
	case object.Fail:
		p.message(event, record)
	case object.Trunc:
		p.Tables.Truncate(event)
	case object.Normalize:
		p.Tables.Normalize(event)
	case object.Exit:
		p.Flush()
		p.Host.Stop(codeOf(p.fields(event, record)))
	}
}

func codeOf(fields []events.Value) int {
	if len(fields) == 0 {
		return 0
	}
	return int(uint8(fields[0].Int()))
}

// fields views the record's fields; the slice is good until the next call.
func (p *Printer) fields(event *object.Event, record []byte) []events.Value {
	p.values = p.values[:0]
	for i := range event.Layout.Fields {
		field := &event.Layout.Fields[i]
		p.values = append(p.values, events.Decode(field.Type, record[field.Offset:]))
	}
	return p.values
}

// print prints a value. That of one key of a map is divided as the whole map is.
func (p *Printer) print(event *object.Event, record []byte) {
	value := p.value(event, record)
	if event.Map == nil {
		p.Sink.Value(report.Plain(value))
		return
	}
	p.Sink.Value(report.Divided(value, p.Tables.divisors[event.Map]))
}

// printKey prints what a map holds at a key by now.
func (p *Printer) printKey(event *object.Event, record []byte) {
	value := p.Tables.At(event.Map, record[8:event.Layout.Size])
	p.Sink.Value(report.Divided(value, p.Tables.divisors[event.Map]))
}

// PrintMaps prints what every map holds at the end.
func (p *Printer) PrintMaps() {
	if !p.Object.Settings.PrintMapsOnExit {
		return
	}
	p.Sink.Item(report.FinalMaps{})
	p.PrintTables()
}

// PrintTables prints every map that holds anything.
func (p *Printer) PrintTables() {
	for _, m := range p.Object.Maps {
		if table := p.Tables.Read(m, (*events.Map).Peek); table.Len() > 0 {
			p.Sink.Table(report.NewTable(&p.Object.Settings, table, 0, 0))
		}
	}
	p.Flush()
}

// message prints what warnf() and errorf() say, in its order among the other lines.
func (p *Printer) message(event *object.Event, record []byte) {
	p.Sink.Item(report.Message{
		Failure: event.Action == object.Fail, Event: event, Args: p.fields(event, record),
	})
}

// value is what print() prints: a field, or all of them as a tuple.
func (p *Printer) value(event *object.Event, record []byte) events.Value {
	if fields := event.Layout.Fields; len(fields) != 1 {
		return events.Decode(&types.Type{Kind: types.Tuple, Size: event.Layout.Size, Fields: fields}, record)
	}
	return p.fields(event, record)[0]
}

// printMap prints a map, and remembers what the user has seen of it.
func (p *Printer) printMap(event *object.Event) {
	table := p.Tables.ForEvent(event.Map, event)
	p.Sink.Table(report.NewTable(&p.Object.Settings, table, event.Top, event.Divisor))
	p.Tables.Remember(event.Map, table)
}

// printa prints one or several maps by a format.
func (p *Printer) printa(event *object.Event) {
	maps := event.Maps
	if len(maps) == 0 {
		maps = []*object.MapSpec{event.Map}
	}
	tables := make([]*events.Table, len(maps))
	for i, m := range maps {
		tables[i] = p.Tables.ForEvent(m, event)
		p.Tables.Remember(m, tables[i])
	}
	p.Sink.Item(report.Formatted{
		Format: event.Format, Table: report.SideBySide(&p.Object.Settings, tables),
	})
}
