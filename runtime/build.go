package runtime

import (
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/records"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/report/format"
	_ "github.com/ponytrace/ponytrace/runtime/report/sinks" // the formats of Options.Format
	"github.com/ponytrace/ponytrace/runtime/ring"
	"github.com/ponytrace/ponytrace/runtime/symbols"
)

// builder makes the parts of a session from what is in the kernel.
type builder struct {
	object     *object.Object
	machine    *target.Target
	options    Options
	collection *ebpf.Collection
	store      *events.Store
	notices    *notices
	user       *symbols.User
}

// session makes the parts.
func (b *builder) session() *Session {
	o, kernel := b.object, b.collection
	s := &Session{
		object: o, options: b.options, collection: kernel, store: b.store, notices: b.notices,
		snapshots: newSnapshots(o, b.store, b.names),
		clauses: &clauses{
			object: o, programs: kernel.Programs, notices: b.notices,
			stopped: func() bool { return stopped(b.store) },
		},
		followed: followedBy(o, kernel), reads: newReadCounts(o, kernel.Maps),
		tracees: &tracees{command: b.command(), pids: b.options.Pids},
		tables:  records.NewTables(b.store, time.Now), shell: &shell{},
		output: newOutput(b.options.Stdout, b.options.Stderr),
	}
	s.refresh = newMapRefresh(o, b.store, b.user, s.tracees)
	s.unwinder = newUnwinder(o, kernel.Maps, &s.tracees.first, b.options.Pids, b.notices)
	if s.unwinder != nil {
		s.tracees.command.mapped = s.unwinder.bring
	}
	s.attachments = &attachments{
		object: o, machine: b.machine, collection: kernel, starter: s.tracees.command.starter,
	}
	s.detacher = &detacher{
		object: o, store: b.store, attachments: s.attachments, notices: b.notices,
	}
	s.losses = &lossCounts{o, b.store, s.tables, s.reads, b.user, s.shell, s.detacher, &s.cpus}
	b.connect(s)
	return s
}

// connect makes the parts that print, and those that ask them to or end the session:
// they refer to each other.
func (b *builder) connect(s *Session) {
	exit := make(exit, 1)
	s.host = &host{
		stdout: b.options.Stdout, stderr: b.options.Stderr, unsafe: b.options.Unsafe, shell: s.shell,
		notices: b.notices, exit: exit,
	}
	s.printer = &records.Printer{Object: b.object, Tables: s.tables, Host: s.host}
	s.host.printer = s.printer
	s.pump = &pump{store: b.store, buffer: b.options.Buffer, drained: make(chan struct{})}
	requests := &mapRequests{printer: s.printer, pump: s.pump, asked: make(chan struct{}, 1)}
	s.interruption = &interruption{
		signals: b.options.Signals, notices: b.notices, shell: s.shell, command: s.tracees.command,
		maps: s.clauses.onMapRequest(requests.ask), ended: make(chan struct{}),
	}
	requests.ending = s.interruption.asked
	s.announcement = &announcement{
		printer: s.printer, pump: s.pump, notices: b.notices,
		hint: func() string { return hintOf(b.object, b.store, &b.options) },
	}
	s.pump.to = &loopReceiver{s.printer, exit, func() {
		s.announcement.tell()
		requests.answer()
	}}
	s.waiter = &waiter{store: b.store, exit: exit, interrupted: s.interruption.ended, requests: requests}
}

// command is that of -c, which need not be there.
func (b *builder) command() *command {
	return &command{
		arguments: b.options.Command, notices: b.notices,
		starting: func(thread uint64) { setRuntimeConst(b.object, b.store, object.Starting, thread) },
	}
}

func (b *builder) names() *report.Names { return namesOf(b.object, b.user, b.notices) }

// open fills what programs read, and opens what they write to and what is printed to.
func (b *builder) open(s *Session) (err error) {
	if err := findRuntimeConsts(b.object.RuntimeConsts, b.store.Set); err != nil {
		return err
	}
	if err := enterCgroups(b.object.Cgroups, b.collection.Maps[object.CgroupsMap]); err != nil {
		return err
	}
	if events := b.collection.Maps[object.EventsMap]; events != nil {
		if s.pump.reader, err = ring.Open(events); err != nil {
			return fmt.Errorf("opening the event buffer: %w", err)
		}
	}
	if len(b.options.Command) > 0 {
		setRuntimeConst(b.object, b.store, object.HasCommand, 1)
	}
	return b.openSink(s)
}

// openSink makes the sink of the format that the options name.
func (b *builder) openSink(s *Session) error {
	f, known := report.Find(b.options.Format)
	if !known {
		return fmt.Errorf("there is no output format %q", b.options.Format)
	}
	names, settings := b.names(), b.object.Settings
	s.host.records, s.host.formatter = f.Records, format.New(settings, names)
	s.announcement.records = f.Records
	s.printer.Sink = f.New(report.Config{
		Out: s.output, Notices: b.options.Stderr, Settings: settings, Names: names,
		Terminal: b.options.Terminal,
	})
	return nil
}
