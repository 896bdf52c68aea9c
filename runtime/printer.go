package runtime

import (
	"encoding/binary"
	"io"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/report/format"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// printer does what records ask for. One goroutine uses it: the loop while it runs, then
// the session.
type printer struct {
	object         *object.Object
	tables         *tables
	sink           report.Sink
	records        bool              // report.Format.Records
	formatter      *format.Formatter // of texts that do not go to the sink
	stdout, stderr io.Writer         // of commands of system()
	unsafe         bool              // they run
	shell          *shell
	notices        *notices
	exit           exit
	values         []events.Value // of the record at hand
	repeats        atomic.Bool    // what is asked for was printed before
}

// repeat runs what has run before: its records change maps, and print nothing.
func (p *printer) repeat(run func(), drain func()) {
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

// flush ends the session when nobody reads any more.
func (p *printer) flush() {
	if p.sink.Flush() != nil {
		p.exit.stop(0)
	}
}

// handle does what a record asks for.
func (p *printer) handle(record []byte) {
	if len(record) < 8 {
		return
	}
	number := binary.NativeEndian.Uint64(record)
	if number >= uint64(len(p.object.Events)) {
		return
	}
	event := p.object.Events[number]
	if len(record) < event.Layout.Size {
		return
	}
	if changesMaps(event.Action) || !p.repeats.Load() {
		p.act(event, record)
	}
}

func (p *printer) act(event *object.Event, record []byte) {
	switch event.Action {
	case object.Printf:
		p.sink.Line(event, p.fields(event, record))
	case object.Print:
		p.print(event, record)
	case object.PrintMap:
		p.printMap(event)
	case object.PrintKey:
		p.printKey(event, record)
	case object.Printa:
		p.printa(event)
	case object.Clear:
		p.tables.clear(event)
	case object.Zero:
		p.tables.zero(event)
	case object.Time:
		p.sink.Item(report.Moment{Format: event.Format, Time: time.Now()})
	case object.Cat:
		p.cat(event, record)
	case object.System:
		p.system(event, record)
	case object.Join:
		p.sink.Item(report.Joined{Texts: p.fields(event, record), Separator: event.Format})
	case object.Warn:
		p.message(event, record)
	case object.Fail:
		p.message(event, record)
	case object.Trunc:
		p.tables.truncate(event)
	case object.Normalize:
		p.tables.normalize(event)
	case object.Exit:
		p.flush()
		p.exit.stop(codeOf(p.fields(event, record)))
	}
}

func codeOf(fields []events.Value) int {
	if len(fields) == 0 {
		return 0
	}
	return int(uint8(fields[0].Int()))
}

// fields views the record's fields; the slice is good until the next call.
func (p *printer) fields(event *object.Event, record []byte) []events.Value {
	p.values = p.values[:0]
	for i := range event.Layout.Fields {
		field := &event.Layout.Fields[i]
		p.values = append(p.values, events.Decode(field.Type, record[field.Offset:]))
	}
	return p.values
}

// print prints a value. That of one key of a map is divided as the whole map is.
func (p *printer) print(event *object.Event, record []byte) {
	value := p.value(event, record)
	if event.Map == nil {
		p.sink.Value(report.Plain(value))
		return
	}
	p.sink.Value(report.Divided(value, p.tables.divisors[event.Map]))
}

// printKey prints what a map holds at a key by now.
func (p *printer) printKey(event *object.Event, record []byte) {
	value := p.tables.at(event.Map, record[8:event.Layout.Size])
	p.sink.Value(report.Divided(value, p.tables.divisors[event.Map]))
}

// printMaps prints what every map holds at the end.
func (p *printer) printMaps() {
	if !p.object.Settings.PrintMapsOnExit {
		return
	}
	p.sink.Item(report.FinalMaps{})
	p.printTables()
}

// printTables prints every map that holds anything.
func (p *printer) printTables() {
	for _, m := range p.object.Maps {
		if table := p.tables.read(m, (*events.Map).Peek); table.Len() > 0 {
			p.sink.Table(report.NewTable(&p.object.Settings, table, 0, 0))
		}
	}
	p.flush()
}

// warnAt tells, in its order among the lines, what did not work that the script asked
// for.
func (p *printer) warnAt(event *object.Event, format string, args ...any) {
	p.flush()
	p.notices.warnAt(event.Source, format, args...)
}

// message prints what warnf() and errorf() say, in its order among the other lines.
func (p *printer) message(event *object.Event, record []byte) {
	p.sink.Item(report.Message{
		Failure: event.Action == object.Fail, Event: event, Args: p.fields(event, record),
	})
}

// value is what print() prints: a field, or all of them as a tuple.
func (p *printer) value(event *object.Event, record []byte) events.Value {
	if fields := event.Layout.Fields; len(fields) != 1 {
		return events.Decode(&types.Type{Kind: types.Tuple, Size: event.Layout.Size, Fields: fields}, record)
	}
	return p.fields(event, record)[0]
}

// cat prints the beginning of a file.
func (p *printer) cat(event *object.Event, record []byte) {
	name := p.formatter.Line(event, p.fields(event, record))
	text, err := safeopen.ReadFile(name, p.object.Settings.MaxCatBytes)
	if err != nil {
		p.warnAt(event, "cat(): %q cannot be read: %s", name, safeopen.Reason(err))
		return
	}
	p.sink.Item(report.File{Text: text})
}

// system runs a shell command and waits for its end; it may write in between our lines.
func (p *printer) system(event *object.Event, record []byte) {
	if !p.unsafe {
		p.warnAt(event, "system() needs --unsafe")
		return
	}
	if p.shell.late() {
		return
	}
	command := exec.Command("/bin/sh", "-c", p.formatter.Line(event, p.fields(event, record)))
	command.Stderr, command.WaitDelay = p.stderr, outputDelay
	kept := &limited{left: maxOutput}
	if p.records {
		command.Stdout = kept
	} else {
		p.flush()
		command.Stdout = p.stdout
	}
	if err := p.shell.run(command); err != nil {
		p.warnAt(event, "system(): the shell did not start: %s", safeopen.Reason(err))
		return
	}
	if p.records {
		p.sink.Item(report.CommandOutput{Text: kept.text})
	}
}

// printMap prints a map, and remembers what the user has seen of it.
func (p *printer) printMap(event *object.Event) {
	table := p.tables.forEvent(event.Map, event)
	p.sink.Table(report.NewTable(&p.object.Settings, table, event.Top, event.Divisor))
	p.tables.remember(event.Map, table)
}

// printa prints one or several maps by a format.
func (p *printer) printa(event *object.Event) {
	maps := event.Maps
	if len(maps) == 0 {
		maps = []*object.MapSpec{event.Map}
	}
	tables := make([]*events.Table, len(maps))
	for i, m := range maps {
		tables[i] = p.tables.forEvent(m, event)
		p.tables.remember(m, tables[i])
	}
	p.sink.Item(report.Formatted{
		Format: event.Format, Table: report.SideBySide(&p.object.Settings, tables),
	})
}
