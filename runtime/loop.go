package runtime

import (
	"encoding/binary"
	"errors"
	"os"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/ring"
)

// Flags of bpf_ringbuf_submit, include/uapi/linux/bpf.h. Without one, the first record that is not read yet wakes the reader.
// Rejected: BPF_RB_FORCE_WAKEUP. A probe that fires in the wake-up itself (irq_work, __wake_up) would ask for the next
// one in each, and a machine with one CPU would do nothing else.
const (
	wakeOnce = 0
	noWakeup = 1
)

const (
	pollPeriod  = 2 * time.Millisecond
	sleepPeriod = 500 * time.Millisecond
	// quietPolls is after how many polls without an event the loop sleeps.
	quietPolls = 5
	// reportAge is how old a printed table may be for a clear in another clause to take exactly that away.
	reportAge = 100 * time.Millisecond
)

// startLoop reads the ring buffer until finishLoop; the channel closes when all is printed.
func (s *Session) startLoop() <-chan struct{} {
	done := make(chan struct{})
	if s.reader == nil {
		close(done)
		return done
	}
	s.store.Set(object.DataWakeup, wakeOnce)
	go func() {
		defer close(done)
		s.loop()
	}()
	return done
}

// drain waits until all that is in the ring buffer by now is printed.
func (s *Session) drain(done <-chan struct{}) {
	if s.reader == nil {
		return
	}
	s.reader.Flush()
	select {
	case <-s.drained:
	case <-done:
	}
}

// finishLoop prints what is still in the ring buffer and ends the loop.
func (s *Session) finishLoop(done <-chan struct{}) {
	s.drain(done)
	if s.reader != nil {
		s.reader.Stop()
	}
	<-done
	s.tellAttached()
	s.sink.Item(report.NotAttached{})
}

// loop sets the deadline only before it may have to wait: while records are there, reading them costs no system call.
func (s *Session) loop() {
	quiet := quietPolls
	s.setPatience(quiet)
	for {
		record, err := s.reader.Next()
		s.answer()
		switch {
		case err == nil:
			if quiet > 0 {
				s.wakeUp(quiet)
				quiet = 0
			}
			s.handle(record)
			if s.options.Buffer == BufferNone {
				s.flush()
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			quiet++
			if s.options.Buffer != BufferFull {
				s.flush()
			}
			s.endIfLost(quiet)
			s.setPatience(quiet)
		case errors.Is(err, ring.ErrFlushed):
			s.flush()
			s.drained <- struct{}{}
		case errors.Is(err, os.ErrClosed):
			s.flush()
			return
		default:
			s.keep(err)
			s.flush()
			return
		}
	}
}

// answer prints what other goroutines have asked for.
func (s *Session) answer() {
	s.tellAttached()
	if len(s.asked) > 0 {
		<-s.asked
		s.printTables()
	}
}

// endIfLost ends the session when exit() was called but its record found the buffer full.
func (s *Session) endIfLost(quiet int) {
	if quiet >= 2 && s.store.Load(object.DataStopped) != 0 {
		s.stop(0)
	}
}

// setPatience says how long to wait for the next record. Before the first long wait the programs are asked to
// wake us, and one more short wait sees what they sent before they saw that.
func (s *Session) setPatience(quiet int) {
	patience := pollPeriod
	switch {
	case quiet == quietPolls:
		s.store.Set(object.DataWakeup, wakeOnce)
	case quiet > quietPolls:
		patience = sleepPeriod
	}
	s.reader.SetDeadline(time.Now().Add(patience))
}

// wakeUp goes back to polling with the first record after a pause.
func (s *Session) wakeUp(quiet int) {
	if quiet >= quietPolls {
		s.store.Set(object.DataWakeup, noWakeup)
	}
	s.setPatience(0)
}

// flush ends the session when nobody reads any more.
func (s *Session) flush() {
	if s.sink.Flush() != nil {
		s.stop(0)
	}
}

// stop ends the session; the first one counts.
func (s *Session) stop(code int) {
	select {
	case s.exit <- code:
	default:
	}
}

// handle does what a record asks for.
func (s *Session) handle(record []byte) {
	if len(record) < 8 {
		return
	}
	number := binary.NativeEndian.Uint64(record)
	if number >= uint64(len(s.object.Events)) {
		return
	}
	event := s.object.Events[number]
	if len(record) < event.Layout.Size {
		return
	}
	s.act(event, record)
}

func (s *Session) act(event *object.Event, record []byte) {
	switch event.Action {
	case object.Printf:
		s.sink.Line(event, s.fields(event, record))
	case object.Print:
		s.print(event, record)
	case object.PrintMap:
		s.printMap(event)
	case object.PrintKey:
		s.printKey(event, record)
	case object.Printa:
		s.printa(event)
	case object.Clear:
		s.keep(s.store.Map(event.Map).Clear(s.printed(event)))
	case object.Zero:
		s.keep(s.store.Map(event.Map).Zero(s.printed(event)))
	case object.Time:
		s.sink.Item(report.Moment{Format: event.Format, Time: time.Now()})
	case object.Cat:
		s.cat(event, record)
	case object.System:
		s.system(event, record)
	case object.Join:
		s.sink.Item(report.Joined{Texts: s.fields(event, record), Separator: event.Format})
	case object.Warn:
		s.message(event, record)
	case object.Fail:
		s.message(event, record)
	case object.Trunc:
		s.truncate(event)
	case object.Normalize:
		s.normalize(event)
	case object.Exit:
		s.flush()
		s.stop(s.codeOf(event, record))
	}
}

func (s *Session) codeOf(event *object.Event, record []byte) int {
	if len(event.Layout.Fields) == 0 {
		return 0
	}
	return int(uint8(s.fields(event, record)[0].Int()))
}

// keep remembers the first failure; tracing goes on.
func (s *Session) keep(err error) {
	if s.failure == nil {
		s.failure = err
	}
}

// fields views the record's fields; the slice is good until the next call.
func (s *Session) fields(event *object.Event, record []byte) []events.Value {
	s.values = s.values[:0]
	for i := range event.Layout.Fields {
		field := &event.Layout.Fields[i]
		s.values = append(s.values, events.Decode(field.Type, record[field.Offset:]))
	}
	return s.values
}

// table reads a map to print it.
func (s *Session) table(m *object.MapSpec) *events.Table {
	return s.read(m, (*events.Map).Read)
}

// tableOf reads a map to print it for an event.
func (s *Session) tableOf(m *object.MapSpec, event *object.Event) *events.Table {
	if event.Cleared {
		return s.read(m, (*events.Map).ReadToClear)
	}
	return s.table(m)
}

func (s *Session) read(m *object.MapSpec, read func(*events.Map) (*events.Table, error)) *events.Table {
	table, err := read(s.store.Map(m))
	if err != nil {
		s.keep(err)
		table = events.NewTable(m)
	}
	table.Divisor = s.divisors[m]
	return table
}

// printed is the table that the user has just seen of the event's map, or nil.
func (s *Session) printed(event *object.Event) *events.Table {
	last, ok := s.shown[event.Map]
	delete(s.shown, event.Map)
	if !ok || !event.Printed && time.Since(last.when) > reportAge {
		return nil
	}
	return last.table
}

// print prints a value. That of one key of a map is divided as the whole map is.
func (s *Session) print(event *object.Event, record []byte) {
	value := s.value(event, record)
	if event.Map == nil {
		s.sink.Value(report.Plain(value))
		return
	}
	s.sink.Value(report.Divided(value, s.divisors[event.Map]))
}

// printKey prints what a map holds at a key by now. One that it does not hold prints as zero, as in printf.
func (s *Session) printKey(event *object.Event, record []byte) {
	value, found, err := s.store.Map(event.Map).Lookup(record[8:event.Layout.Size])
	if err != nil {
		s.keep(err)
	}
	if !found {
		value = events.Decode(event.Map.Value, make([]byte, event.Map.Value.Size))
	}
	s.sink.Value(report.Divided(value, s.divisors[event.Map]))
}

// printMaps prints what every map holds at the end.
func (s *Session) printMaps() {
	if !s.object.Settings.PrintMapsOnExit {
		return
	}
	s.sink.Item(report.FinalMaps{})
	s.printTables()
}

// printTables prints every map that holds anything.
func (s *Session) printTables() {
	for _, m := range s.object.Maps {
		if table := s.read(m, (*events.Map).Peek); table.Len() > 0 {
			s.sink.Table(report.NewTable(&s.object.Settings, table, 0, 0))
		}
	}
	s.flush()
}
