package runtime

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"github.com/ponytrace/ponytrace/runtime/detect"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/report/format"
	_ "github.com/ponytrace/ponytrace/runtime/report/sinks" // the formats of Options.Format
	"github.com/ponytrace/ponytrace/runtime/ring"
	"github.com/ponytrace/ponytrace/runtime/symbols"
	"github.com/ponytrace/ponytrace/runtime/timezone"
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
	collection, err := collect(o)
	if detect.TooManyFiles(err) {
		return nil, detect.FilesNeeded(files)
	}
	if err != nil {
		return nil, refusal(o, err)
	}
	s := &Session{
		object: o, machine: machine, options: options, collection: collection,
		user: symbols.NewUser(o.Settings.Demangle, o.Settings.MaxSymbolBytes), shown: map[*object.MapSpec]shown{}, divisors: map[*object.MapSpec]int64{},
		failed: map[object.Read]uint64{}, exit: make(chan int, 1), drained: make(chan struct{}), interrupt: make(chan struct{}),
		asked: make(chan struct{}, 1), output: newOutput(options.Stdout, options.Stderr),
	}
	if s.store, err = events.Open(o, collection.Maps); err != nil {
		collection.Close()
		return nil, err
	}
	s.snapshots = newSnapshots(o, s.store, s.names)
	if err = findRuntimeConsts(o.RuntimeConsts, s.store.Set); err != nil {
		s.Close()
		return nil, err
	}
	if events := collection.Maps[object.EventsMap]; events != nil {
		if s.reader, err = ring.Open(events); err != nil {
			s.Close()
			return nil, fmt.Errorf("opening the event buffer: %w", err)
		}
	}
	if len(options.Command) > 0 {
		s.setRuntimeConst(object.HasCommand, 1)
	}
	if err := s.openSink(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// filesOf is how many open files a session needs at most: a map has one more for each part that is loaded at the same time,
// and a link of a perf event two on each CPU.
func filesOf(o *object.Object, machine *target.Target) uint64 {
	n := detect.FewFiles + len(o.Kernel)*(2+runtime.GOMAXPROCS(0)) + 2*len(o.Programs)
	for _, program := range o.Programs {
		for i := range program.Points {
			links := program.Points[i].Probes()
			if program.Points[i].Mechanism == object.Profile {
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
	names := s.names()
	s.records, s.formatter = f.Records, format.New(s.object.Settings, names)
	s.sink = f.New(report.Config{
		Out: s.output, Notices: s.options.Stderr, Settings: s.object.Settings, Names: names, Terminal: s.options.Terminal,
	})
	return nil
}

// names are those of this machine. What a script never prints is never read.
func (s *Session) names() *report.Names {
	kernel, cgroups := symbols.NewKernel(), &symbols.Cgroups{}
	return &report.Names{
		Probes: s.object.ProbeNames, Boot: time.Now().Add(-time.Duration(monotonic())), Zone: sync.OnceValue(s.zone),
		Kernel: func(frames []report.Frame, address uint64) []report.Frame {
			symbol, found := kernel.Lookup(address)
			return appendFrame(frames, address, symbol, found)
		},
		User: func(frames []report.Frame, process int, address uint64) []report.Frame {
			symbol, found := s.user.Lookup(process, address)
			return appendFrame(frames, address, symbol, found)
		},
		Account: symbols.NewAccounts().Lookup, Cgroup: cgroups.Lookup,
	}
}

func appendFrame(frames []report.Frame, address uint64, symbol symbols.Symbol, found bool) []report.Frame {
	if !found {
		return frames
	}
	return append(frames, report.FrameOf(address, symbol))
}

// zone is the local time zone; why it is UTC where the user asked for another is told once, and only to whom prints times.
func (s *Session) zone() *time.Location {
	zone, err := timezone.Local()
	if err != nil {
		s.warn("%v", err)
	}
	return zone
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

var errInterrupted = errors.New("interrupted by a signal")

// attachAll attaches every program to its points, until a signal asks for the end. It returns the number of probes.
func (s *Session) attachAll() (probes int, err error) {
	if err := s.fillDispatchers(); err != nil {
		return 0, err
	}
	for _, program := range s.object.All() {
		points := program.Attachments()
		for i := range points {
			if s.Interrupted() {
				return probes, errInterrupted
			}
			links, err := attach.Attach(s.machine, s.collection.Programs[program.Name], &points[i])
			switch {
			case err == nil:
				s.links = append(s.links, links...)
				probes += s.served(program, i)
			case !s.leavesOut(&points[i], err):
				return probes, s.withProbes(err, program)
			}
		}
	}
	return probes, s.tellLeftOut()
}

// leavesOut reports whether a pattern goes on without a function that cannot be traced.
func (s *Session) leavesOut(point *object.Point, err error) bool {
	var failed *attach.RefusedError
	if !point.Optional || point.Probes() > 1 || !errors.As(err, &failed) || !failed.Untraceable {
		return false
	}
	s.leftOut = append(s.leftOut, failed)
	return true
}

// tellLeftOut says which functions patterns went on without; where nothing is left, that is an error.
func (s *Session) tellLeftOut() error {
	switch n := len(s.leftOut); {
	case n == 0 || s.options.Quiet && len(s.links) > 0:
		return nil
	case len(s.links) == 0:
		return s.leftOut[0]
	case n == 1:
		s.tell(report.Notice{Text: fmt.Sprintf("left out: %v", s.leftOut[0])})
	default:
		s.tell(report.Notice{
			Text: fmt.Sprintf("left out: %v, and %d more functions", s.leftOut[0], n-1),
		})
	}
	return nil
}

// fillDispatchers enters the programs of system calls into the arrays through which they are called.
func (s *Session) fillDispatchers() error {
	for _, d := range s.object.Dispatchers {
		for number, name := range d.Programs {
			if err := s.collection.Maps[d.Calls].Put(uint32(number), s.collection.Programs[name]); err != nil {
				return fmt.Errorf("entering the programs of system calls: %w", err)
			}
		}
	}
	return nil
}

// withProbes names all probes that an attachment serves.
func (s *Session) withProbes(err error, program *object.ProgramSpec) error {
	var failed *attach.RefusedError
	if !errors.As(err, &failed) {
		return err
	}
	for _, served := range s.servedBy(program) {
		failed.Probes = append(failed.Probes, probesOf(served)...)
	}
	return failed
}

// servedBy returns the programs that an attached program runs: itself, or those that it calls.
func (s *Session) servedBy(program *object.ProgramSpec) (list []*object.ProgramSpec) {
	for _, d := range s.object.Dispatchers {
		if &d.ProgramSpec != program {
			continue
		}
		called := slices.Collect(maps.Values(d.Programs))
		for _, p := range s.object.Programs {
			if slices.Contains(called, p.Name) {
				list = append(list, p)
			}
		}
		return list
	}
	return []*object.ProgramSpec{program}
}

// detachable sums up what links and programs missed, while they can still say so.
func (s *Session) detachable() []attach.Link {
	s.missed += s.store.Load(object.DataMissed)
	for _, l := range s.links {
		s.missed += attach.Missed(l)
	}
	for _, program := range s.collection.Programs {
		if stats, err := program.Stats(); err == nil {
			s.missed += stats.RecursionMisses
		}
	}
	links := s.links
	s.links = nil
	return links
}
