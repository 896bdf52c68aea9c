// Package runtime loads a compiled object into the kernel, attaches it, and turns what
// the kernel hands back into text until the tracing ends.
//
// # A session
//
// Load makes one Collection of all programs and maps. Start and Wait then go through
// these steps, in this order:
//
//	BEGIN programs run, and those of bench are measured
//	everything is attached, and said so on standard error
//	iterators go through what the kernel has
//	the command of -c starts, so that none of its events is missed
//	interval programs run by timers, events are printed
//	the end: exit(), a signal, the end of the command or process
//	everything is detached, or is stopped and being detached meanwhile, and what is in the ring buffer is printed
//	END programs run, and what they sent is printed
//	maps are printed, and then what was lost
//	the command of -c is ended, if it has not ended by itself
//	what is still being detached is waited for
//
// One goroutine (loop) reads the ring buffer and does everything that prints, in the
// order of the records; that a print and the clear after it are exact rests on this. The
// others only wait.
//
// # The parts
//
// A Session has the order of these steps. Each step is done by a part, which is tested
// without the others:
//
//	builder       makes the parts from what is in the kernel
//	clauses       runs BEGIN, END, interval, self and bench programs
//	attachments   attaches, and detacher detaches
//	followed      has the processes of -p and what they started
//	tracees       start or watch what the session ends with
//	waiter        waits for the end, mapRequests for SIGUSR1
//	interruption  obeys signals
//	pump          reads the ring buffer for printer, which reads maps by tables (package
//	              records)
//	host          reads files and runs commands that scripts ask for
//	announcement  tells to how many probes the session is attached
//	lossCounts    counts what was lost, with the failed reads of readCounts and laterCPUs
//
// # Waking up
//
// A wake-up for each record costs 5 us of CPU at 50,000 lines a second. So while events
// come, programs submit without a wake-up and the loop looks every two milliseconds; when
// none came for a while it sets the word DataWakeup so that the next record wakes it at
// once, looks once more, and sleeps. The kernel's side of it:
// https://docs.kernel.org/6.12/bpf/ringbuf.html
package runtime

import (
	"errors"
	"io"
	"os"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/records"
	"github.com/ponytrace/ponytrace/runtime/report"
	"golang.org/x/sys/unix"
)

// Options say how a session runs.
type Options struct {
	Stdout io.Writer // what the script prints
	Stderr io.Writer // notices; nil for nowhere
	// Notify gets the notices instead, each at once and from any goroutine. What warnf()
	// and errorf() print, and commands of system(), stays with Stderr.
	Notify func(report.Notice)
	Format string // the name of the output's format; "" for text
	// Terminal is what a person watches Stdout on, if anybody does.
	Terminal report.Terminal
	Buffer   Buffering
	Quiet    bool     // no notices but losses
	Unsafe   bool     // system() runs commands
	Command  []string // -c: started when everything is attached; its end is the session's
	Pids     []int    // -p: the end of the last of these processes is the session's
	// Again: a session of the same script has run BEGIN, and then the kernel refused to
	// attach it.
	Again bool
	// Signals are obeyed while the session runs: see signals.go. They must be caught
	// before it starts.
	Signals <-chan os.Signal
}

// Buffering says when what the script prints is written.
type Buffering uint8

const (
	// BufferLine: when no more events are there at the moment, so within milliseconds.
	BufferLine Buffering = iota
	// BufferNone: after each event.
	BufferNone
	// BufferFull: when 64 KiB have come together, and at the end.
	BufferFull
)

// Session is a loaded object.
type Session struct {
	object       *object.Object
	options      Options
	collection   *ebpf.Collection
	store        *events.Store
	snapshots    *snapshots
	attachments  *attachments
	clauses      *clauses
	followed     *followed // nil where nobody is
	refresh      *mapRefresh
	unwinder     *unwinder
	reads        *readCounts
	notices      *notices
	shell        *shell
	tracees      *tracees
	interruption *interruption
	waiter       *waiter
	tables       *records.Tables
	printer      *records.Printer
	host         *host
	pump         *pump
	announcement *announcement
	losses       *lossCounts
	cpus         laterCPUs
	detacher     *detacher
	output       *output // what the sink writes to
	benches      report.Benches
	ticks        sync.WaitGroup // interval programs
	over         chan struct{}  // closed when the tracing has ended
	await        func() int     // returns the exit code when the tracing has ended
	ignore       func()         // signals, from now on
}

// Start runs BEGIN, attaches everything, and starts the command of -c. After an error the
// session is over, and nothing is left attached.
func (s *Session) Start() error {
	s.store.Set(object.DataStart, monotonic())
	release := s.clauses.catch()
	obeyed := s.interruption.listen()
	s.ignore = func() {
		obeyed()
		release()
	}
	s.announcement.begin()
	s.printer.Sink.Item(report.Attaching{Probes: s.attachments.probes()})
	s.pump.start()
	s.over = make(chan struct{})
	var err error
	if s.await, err = s.trace(); err != nil {
		_, err = s.end(1, err)
	}
	return err
}

// Wait returns the exit code of the script when something has ended the tracing and
// everything is printed. It is called once, after Start.
func (s *Session) Wait() (int, error) { return s.end(s.await(), nil) }

// end prints what is left, and takes everything down. After an error END does not run,
// and no map is printed.
func (s *Session) end(code int, err error) (int, error) {
	defer s.ignore()
	close(s.over)
	s.ticks.Wait()
	s.interruption.enter(detaching)
	closing := s.detacher.detach()
	s.interruption.enter(printing)
	s.pump.drain()
	s.shell.relax()
	if err == nil {
		s.interruption.enter(ending)
		s.output.rescue.Store(true)
		s.clauses.run(object.AtEnd)
	}
	s.interruption.enter(printing)
	s.pump.finish()
	s.announcement.tell()
	s.printer.Sink.Item(report.NotAttached{})
	if len(s.benches.List) > 0 {
		s.printer.Sink.Item(s.benches)
	}
	if err == nil && !benchesAlone(s.object) {
		s.printer.PrintMaps()
	}
	losses := s.losses.list()
	for _, loss := range losses {
		s.printer.Sink.Item(loss)
	}
	s.printer.Sink.Flush()
	s.notices.losses(losses)
	s.interruption.enter(endingCommand)
	s.tracees.end()
	s.interruption.enter(leaving)
	s.detacher.await(closing)
	return s.result(code, err)
}

// result is what the session ends with. A reader such as head that has seen enough needs
// no message.
func (s *Session) result(code int, err error) (int, error) {
	if s.output.gone && code == 0 {
		code = endedByReader
	}
	return code, errors.Join(err, s.tables.Failure, s.output.close())
}

// trace runs BEGIN and attaches. The function that it returns waits for the end of the
// tracing.
func (s *Session) trace() (await func() int, err error) {
	if err := s.tracees.find(); err != nil {
		return nil, err
	}
	s.refresh.note(&s.ticks, s.over)
	for _, pid := range s.tracees.known() {
		s.refresh.begin(pid)
	}
	if err := s.unwinder.prepare(); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	if code, ended := s.waiter.endedEarly(); ended {
		return func() int { return code }, nil
	}
	if err := s.attachments.iterate(s.pump.drain, s.interruption.asked, s.waiter.stopped); err != nil {
		return nil, err
	}
	if code, ended := s.waiter.endedEarly(); ended {
		return func() int { return code }, nil
	}
	if s.interruption.asked() {
		return s.waiter.exit.code, nil
	}
	finished, err := s.tracees.start(&s.ticks, s.over)
	if err != nil {
		return nil, err
	}
	s.clauses.startIntervals(&s.ticks, s.over)
	s.clauses.startSignals(&s.ticks, s.over)
	s.refresh.start(&s.ticks, s.over)
	s.unwinder.start(&s.ticks, s.over)
	s.reads.start(&s.ticks, s.over, s.notices.losses)
	if !canFire(s.object) && (finished == nil || s.attachments.iterated && len(s.options.Command) == 0) {
		return s.waiter.exit.code, nil
	}
	return func() int { return s.waiter.wait(finished) }, nil
}

// DryRun attaches everything, so that it is known what the kernel refuses, and ends. No
// clause runs, if the object was compiled for a dry run.
func (s *Session) DryRun() error {
	defer s.interruption.listen()()
	s.store.Set(object.DataStopped, 1)
	s.announcement.begin()
	probes, err := s.attachAll()
	s.interruption.enter(detaching)
	closing := s.detacher.detach()
	if err == nil {
		s.announcement.announce(probes)
		s.announcement.tell()
	}
	s.interruption.enter(leaving)
	s.detacher.await(closing)
	return errors.Join(err, s.output.close())
}

// begin runs BEGIN, whose exit() keeps everything else from being attached, as a signal
// does.
func (s *Session) begin() error {
	s.runBegin()
	if stopped(s.store) {
		s.announcement.announce(s.attachments.probes())
		return nil
	}
	if err := s.runBenches(); err != nil {
		return err
	}
	probes, err := s.attachAll()
	switch {
	case err != nil && s.interruption.asked():
		s.announcement.set(probes)
		s.notices.notice("Interrupted before everything was attached")
	case err != nil:
		return err
	default:
		if err := s.followed.enter(s.known); err != nil {
			return err
		}
		s.announcement.announce(probes)
	}
	return nil
}

// known makes what is to be known of a process before it has events.
func (s *Session) known(pid int) {
	s.refresh.begin(pid)
	s.unwinder.bring(pid)
}

// runBegin prints what BEGIN prints, unless a session before has: a format of records
// keeps that back until everything is attached.
func (s *Session) runBegin() {
	run := func() { s.clauses.run(object.AtBegin) }
	if s.options.Again && !s.host.records {
		s.printer.Repeat(run, s.pump.drain)
	} else {
		run()
	}
}

// Interrupt asks for the end, as the first signal does.
func (s *Session) Interrupt() { s.interruption.ask() }

// Interrupted reports whether the end was asked for.
func (s *Session) Interrupted() bool { return s.interruption.asked() }

// attachAll attaches everything, and tells what patterns go on without.
func (s *Session) attachAll() (probes int, err error) {
	s.cpus.await(s.object)
	probes, err = s.attachments.attach(s.interruption.asked)
	if without := s.attachments.without(); err == nil && without != "" {
		s.notices.notice("%s", without)
	}
	return probes, err
}

// canFire reports whether any probe can still fire, but END.
func canFire(o *object.Object) bool {
	for _, program := range o.Programs {
		for _, point := range program.Points {
			if !point.Once() && !point.Runs(object.AtBench) && !point.Mechanism.Iterates() {
				return true
			}
		}
	}
	return false
}

// benchesAlone reports whether nothing but benches can fire: their maps are no result.
func benchesAlone(o *object.Object) bool {
	for _, program := range o.Programs {
		for _, point := range program.Points {
			if point.Runs(object.AtBench) {
				return !canFire(o)
			}
		}
	}
	return false
}

// Close frees the maps and programs.
func (s *Session) Close() {
	s.tracees.close()
	s.refresh.user.Close()
	s.unwinder.close()
	s.cpus.close()
	s.pump.close()
	s.store.Close()
	s.collection.Close()
}

func monotonic() uint64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0
	}
	return uint64(now.Nano())
}
