package runtime

import (
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/runtime/detect"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/report/format"
	_ "github.com/ponytrace/ponytrace/runtime/report/sinks" // the formats of Options.Format
	"github.com/ponytrace/ponytrace/runtime/ring"
	"github.com/ponytrace/ponytrace/runtime/symbols"
)

// Load brings the object into the kernel.
func Load(o *object.Object, machine *target.Target, options Options) (*Session, error) {
	options.Stderr = serial(options.Stderr)
	if err := detect.RaiseMemoryLimit(machine.Features); err != nil {
		return nil, err
	}
	files := filesOf(o, machine)
	if err := detect.AllowFiles(files); err != nil {
		return nil, err
	}
	collection, err := collect(o, 0)
	if detect.TooManyFiles(err) {
		return nil, detect.FilesNeeded(files)
	}
	if err != nil {
		return nil, refusal(o, err)
	}
	s := &Session{
		object: o, options: options, collection: collection,
		notices: &notices{options.Stderr, options.Notify, options.Quiet},
		user:    symbols.NewUser(o.Settings.Demangle, o.Settings.MaxSymbolBytes),
		exit:    make(exit, 1), asked: make(chan struct{}, 1),
		output: newOutput(options.Stdout, options.Stderr),
	}
	if s.store, err = events.Open(o, collection.Maps); err != nil {
		collection.Close()
		return nil, err
	}
	s.assemble(machine)
	if err := s.open(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// assemble makes the parts of the session.
func (s *Session) assemble(machine *target.Target) {
	o, kernel := s.object, s.collection
	s.snapshots = newSnapshots(o, s.store, func() *report.Names { return namesOf(o, s.user, s.notices) })
	s.shell, s.command = &shell{}, s.newCommand()
	s.interruption = &interruption{
		signals: s.options.Signals, notices: s.notices, shell: s.shell, command: s.command,
		maps: s.askForMaps, ended: make(chan struct{}),
	}
	s.attachments = &attachments{object: o, machine: machine, collection: kernel}
	s.clauses = &clauses{o, kernel.Programs, s.notices, s.stopped}
	s.followed = followedBy(o, kernel)
	s.refresh = newMapRefresh(o, s.store, s.user, &s.traced)
	s.reads = newReadCounts(o, kernel.Maps)
	s.tables = newTables(s.store)
	s.printer = &printer{
		object: o, tables: s.tables, stdout: s.options.Stdout, stderr: s.options.Stderr,
		unsafe: s.options.Unsafe, shell: s.shell, notices: s.notices, exit: s.exit,
	}
	s.detacher = &detacher{object: o, store: s.store, attachments: s.attachments, notices: s.notices}
	s.losses = &lossCounts{o, s.store, s.tables, s.reads, s.user, s.shell, s.detacher}
	s.pump = &pump{
		store: s.store, buffer: s.options.Buffer, drained: make(chan struct{}),
		to: &loopReceiver{s.printer, s.tables, s.exit, s.answer},
	}
	s.announcement = &announcement{printer: s.printer, pump: s.pump, notices: s.notices, hint: s.hint}
}

// open fills what programs read, and opens what they write to and what is printed to.
func (s *Session) open() (err error) {
	if err := findRuntimeConsts(s.object.RuntimeConsts, s.store.Set); err != nil {
		return err
	}
	if events := s.collection.Maps[object.EventsMap]; events != nil {
		if s.pump.reader, err = ring.Open(events); err != nil {
			return fmt.Errorf("opening the event buffer: %w", err)
		}
	}
	if len(s.options.Command) > 0 {
		setRuntimeConst(s.object, s.store, object.HasCommand, 1)
	}
	return s.openSink()
}

// newCommand is the command of -c, which need not be there.
func (s *Session) newCommand() *command {
	return &command{
		arguments: s.options.Command, notices: s.notices,
		starting: func(thread uint64) { setRuntimeConst(s.object, s.store, object.Starting, thread) },
	}
}

// filesOf is how many open files a session needs at most: a map has one more for each
// part that is loaded at the same time, and a link of a perf event two on each CPU.
func filesOf(o *object.Object, machine *target.Target) uint64 {
	n := detect.FewFiles + len(o.Kernel)*(2+runtime.GOMAXPROCS(0)) + 2*len(o.Programs)
	for _, program := range o.Programs {
		for i := range program.Points {
			links := program.Points[i].Probes()
			if _, onEachCPU := program.Points[i].At.(object.ClockPoint); onEachCPU {
				links = machine.CPUs
			}
			n += 2 * links
		}
	}
	return uint64(n)
}

// openSink makes the sink of the format that the options name.
func (s *Session) openSink() error {
	f, known := report.Find(s.options.Format)
	if !known {
		return fmt.Errorf("there is no output format %q", s.options.Format)
	}
	names := namesOf(s.object, s.user, s.notices)
	s.printer.records, s.printer.formatter = f.Records, format.New(s.object.Settings, names)
	s.printer.sink = f.New(report.Config{
		Out: s.output, Notices: s.options.Stderr, Settings: s.object.Settings, Names: names, Terminal: s.options.Terminal,
	})
	return nil
}

func specification(o *object.Object) *ebpf.CollectionSpec {
	spec := &ebpf.CollectionSpec{Maps: o.Kernel, Programs: map[string]*ebpf.ProgramSpec{}}
	for _, program := range o.All() {
		spec.Programs[program.Name] = &ebpf.ProgramSpec{
			Name: program.Name, Type: program.Type, AttachType: program.Attach, AttachTo: program.AttachTo,
			Instructions: program.Instructions, License: o.Settings.License,
		}
	}
	return spec
}
