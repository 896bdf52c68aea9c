package runtime

import (
	"os/exec"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// warnAt tells, in its order among the lines, what did not work that the script asked for.
func (s *Session) warnAt(event *object.Event, format string, args ...any) {
	s.flush()
	s.notices.warnAt(event.Source, format, args...)
}

// message prints what warnf() and errorf() say, in its order among the other lines.
func (s *Session) message(event *object.Event, record []byte) {
	s.sink.Item(report.Message{
		Failure: event.Action == object.Fail, Event: event, Args: s.fields(event, record),
	})
}

// value is what print() prints: a field, or all of them as a tuple.
func (s *Session) value(event *object.Event, record []byte) events.Value {
	if fields := event.Layout.Fields; len(fields) != 1 {
		return events.Decode(&types.Type{Kind: types.Tuple, Size: event.Layout.Size, Fields: fields}, record)
	}
	return s.fields(event, record)[0]
}

// cat prints the beginning of a file.
func (s *Session) cat(event *object.Event, record []byte) {
	name := s.formatter.Line(event, s.fields(event, record))
	text, err := safeopen.ReadFile(name, s.object.Settings.MaxCatBytes)
	if err != nil {
		s.warnAt(event, "cat(): %q cannot be read: %s", name, safeopen.Reason(err))
		return
	}
	s.sink.Item(report.File{Text: text})
}

// system runs a shell command and waits for its end; it may write in between our lines.
func (s *Session) system(event *object.Event, record []byte) {
	if !s.options.Unsafe {
		s.warnAt(event, "system() needs --unsafe")
		return
	}
	if s.shell.late() {
		return
	}
	command := exec.Command("/bin/sh", "-c", s.formatter.Line(event, s.fields(event, record)))
	command.Stderr, command.WaitDelay = s.options.Stderr, outputDelay
	kept := &limited{left: maxOutput}
	if s.records {
		command.Stdout = kept
	} else {
		s.flush()
		command.Stdout = s.options.Stdout
	}
	if err := s.shell.run(command); err != nil {
		s.warnAt(event, "system(): the shell did not start: %s", safeopen.Reason(err))
		return
	}
	if s.records {
		s.sink.Item(report.CommandOutput{Text: kept.text})
	}
}

// printMap prints a map, and remembers what the user has seen of it.
func (s *Session) printMap(event *object.Event) {
	table := s.tableOf(event.Map, event)
	s.sink.Table(report.NewTable(&s.object.Settings, table, event.Top, event.Divisor))
	s.shown[event.Map] = shown{table, time.Now()}
}

// printa prints one or several maps by a format.
func (s *Session) printa(event *object.Event) {
	maps := event.Maps
	if len(maps) == 0 {
		maps = []*object.MapSpec{event.Map}
	}
	tables := make([]*events.Table, len(maps))
	for i, m := range maps {
		tables[i] = s.tableOf(m, event)
		s.shown[m] = shown{tables[i], time.Now()}
	}
	s.sink.Item(report.Formatted{
		Format: event.Format, Table: report.SideBySide(&s.object.Settings, tables),
	})
}

// truncate keeps the largest or smallest entries of a map. What the user has just seen decides, so that a trunc() behind a
// print() removes what was printed, and no event that came since.
func (s *Session) truncate(event *object.Event) {
	m := event.Map
	if m.Key == nil || event.Top == 0 {
		s.keep(s.store.Map(m).Clear(s.printed(event)))
		return
	}
	table := s.printed(event)
	if table == nil {
		table = s.table(m)
	}
	table.Sort()
	if kept, dropped := table.Split(event.Top); dropped.Len() > 0 {
		s.keep(s.store.Map(m).Keep(kept, table))
	}
}

// normalize sets what the values of a map are divided by when they print.
func (s *Session) normalize(event *object.Event) {
	s.divisors[event.Map] = max(event.Divisor, 1)
}
