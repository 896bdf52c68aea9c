package runtime

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"github.com/ponytrace/ponytrace/runtime/detect"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/report/format"
	_ "github.com/ponytrace/ponytrace/runtime/report/sinks" // the formats of Options.Format
	"github.com/ponytrace/ponytrace/runtime/ring"
	"github.com/ponytrace/ponytrace/runtime/symbols"
	"github.com/ponytrace/ponytrace/runtime/timezone"
	"golang.org/x/sys/unix"
)

// RefusedError says that the kernel did not accept a program. Where a cheaper mechanism was tried,
// Tracing is true and compiling again with the probes in compiler.Options.Refused may serve.
type RefusedError struct {
	Program *object.ProgramSpec
	Tracing bool
	Span    diag.Span // the part of the script that the verifier stopped at
	Log     string    // the end of the verifier's log
	code    bool      // the verifier has looked at the code
	cause   error
}

func (e *RefusedError) Unwrap() error { return e.cause }

// Error names the script line and asks for a report: a program that the verifier refuses is our mistake.
func (e *RefusedError) Error() string {
	if e.Tracing && !e.code {
		point := &e.Program.Points[0]
		message := fmt.Sprintf("the kernel does not let %s serve %s", point.Mechanism, point.Probe)
		return diag.Diagnostics{{Span: e.Span, Message: message, Hint: "it says: " + e.Log}}.Error()
	}
	d := diag.Diagnostic{
		Span:    e.Span,
		Message: "the kernel's verifier refused the code that ponytrace made of this; that is a bug of ponytrace",
		Hint:    "please report it with this log:\n" + e.Log,
	}
	return diag.Diagnostics{d}.Error()
}

// JoinedError is a program that the kernel refused and that several clauses share: each may be accepted alone
// (compiler.Options.Separate).
type JoinedError struct{ cause error }

func (e *JoinedError) Unwrap() error { return e.cause }
func (e *JoinedError) Error() string { return e.cause.Error() }

// Load brings the object into the kernel.
func Load(o *object.Object, machine *target.Target, options Options) (*Session, error) {
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
			links := max(1, len(program.Points[i].Symbols))
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
		Out: s.output, Notices: s.options.Stderr, Settings: s.object.Settings, Names: names,
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
		fmt.Fprintf(s.options.Stderr, "WARNING: %v\n", err)
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

// refusal is what is refused, marked where other programs may serve.
func refusal(o *object.Object, err error) error {
	text := refused(o, err)
	var tracing *RefusedError
	if o.Joined && failed(o, err) != nil && !(errors.As(text, &tracing) && tracing.Tracing) {
		return &JoinedError{text}
	}
	return text
}

// refused turns an error of loading into one about the script.
func refused(o *object.Object, err error) error {
	program := failed(o, err)
	var verifier *ebpf.VerifierError
	switch {
	case program != nil && errors.Is(err, unix.E2BIG):
		return diag.Diagnostics{tooComplex(program, err)}
	case program == nil && errors.Is(err, unix.E2BIG):
		return tooLarge(o)
	case program != nil && program.Type == ebpf.Tracing:
		return &RefusedError{Program: program, Tracing: true, Span: program.Clause, Log: err.Error(), code: walked(verifier, err), cause: err}
	case program != nil && errors.As(err, &verifier) && lackingHelper(verifier.Log) != "":
		message := "this kernel does not let such a probe call " + lackingHelper(verifier.Log) + ", which this needs"
		return diag.Diagnostics{{Span: spanOf(program, verifier.Log), Message: message}}
	case program != nil && errors.As(err, &verifier) && len(verifier.Log) > 0:
		return &RefusedError{Program: program, Span: spanOf(program, verifier.Log), Log: tail(verifier.Log), cause: err}
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("the kernel does not let this process load programs: run as root, or with CAP_BPF and CAP_PERFMON")
	}
	return fmt.Errorf("loading into the kernel: %w", err)
}

// walked reports whether the verifier came to an instruction: what it refuses before is not the code.
func walked(verifier *ebpf.VerifierError, err error) bool {
	return errors.As(err, &verifier) && slices.ContainsFunc(verifier.Log, refusedAt().MatchString)
}

// tooComplex explains that the verifier gave up: it walks a million instructions, every round of a loop and both
// sides of every branch counted (BPF_COMPLEXITY_LIMIT_INSNS). The place is the part of the script that it came by most
// often in what it kept of its trace.
// https://elixir.bootlin.com/linux/v6.12/source/include/linux/bpf.h
func tooComplex(program *object.ProgramSpec, err error) diag.Diagnostic {
	d := diag.Diagnostic{
		Span:    program.Clause,
		Message: "this clause has more ways to run than the kernel's verifier walks, a million instructions",
		Hint:    "make loops shorter, nest them less, or spread the work over several clauses",
	}
	var verifier *ebpf.VerifierError
	if !errors.As(err, &verifier) {
		return d
	}
	visits, most := map[diag.Span]int{}, 0
	for _, line := range verifier.Log {
		match := refusedAt().FindStringSubmatch(line)
		if match == nil {
			continue
		}
		instruction, _ := strconv.Atoi(match[1])
		span := positionOf(program, instruction)
		if visits[span]++; visits[span] > most {
			d.Span, most = span, visits[span]
		}
	}
	return d
}

// tooLarge explains that the memory of a program, a row for each CPU, is more than a map's value can be on kernels
// that bound it by KMALLOC_MAX_SIZE.
// https://elixir.bootlin.com/linux/v5.10/source/kernel/bpf/arraymap.c (array_map_alloc_check)
func tooLarge(o *object.Object) error {
	var largest *ebpf.MapSpec
	for _, spec := range o.Kernel {
		if largest == nil || spec.ValueSize > largest.ValueSize {
			largest = spec
		}
	}
	return fmt.Errorf("the script needs %d KiB of memory in one piece for texts and variables on all CPUs, more than the %d KiB that this kernel gives: "+
		"set max_strlen = %d (it is %d), or give str() a size", largest.ValueSize>>10, largestValue>>10, shorter(o, largest.ValueSize), o.Settings.MaxStringSize)
}

// largestValue is KMALLOC_MAX_SIZE, which is 4 MiB on x86_64 and arm64 with pages of 4 KiB.
const largestValue = 4 << 20

// shorter is a size of texts with which a value of so many bytes would fit: nearly all of it are texts, in rows whose size is
// a power of two, for as many CPUs.
func shorter(o *object.Object, size uint32) int {
	length := o.Settings.MaxStringSize
	for ; size > largestValue && length > 16; size /= 2 {
		length /= 2
	}
	return length
}

// unknownHelper matches what verifiers say of a helper that is not there: up to 6.x and of 7.x.
var unknownHelper = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:unknown func|program of this type cannot use helper|policy check failed for helper) (bpf_\w+)#`)
})

func lackingHelper(log []string) string {
	match := unknownHelper().FindStringSubmatch(strings.Join(log, "\n"))
	if match == nil {
		return ""
	}
	return match[1]
}

// failed finds the program that the library's message names.
func failed(o *object.Object, err error) *object.ProgramSpec {
	for _, program := range o.All() {
		if strings.Contains(err.Error(), "program "+program.Name+":") {
			return program
		}
	}
	return nil
}

// refusedAt matches the verifier's trace of an instruction: "12: (79) r1 = ...".
var refusedAt = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\d+): \(`) })

// spanOf finds the script position of the last instruction in a verifier log.
func spanOf(program *object.ProgramSpec, log []string) diag.Span {
	for i := len(log) - 1; i >= 0; i-- {
		match := refusedAt().FindStringSubmatch(log[i])
		if match == nil {
			continue
		}
		instruction, _ := strconv.Atoi(match[1])
		return positionOf(program, instruction)
	}
	return program.Clause
}

func positionOf(program *object.ProgramSpec, instruction int) diag.Span {
	span := program.Clause
	for _, line := range program.Lines {
		if line.Instruction > instruction {
			break
		}
		span = line.Span
	}
	return span
}

// tail keeps a log readable.
func tail(log []string) string {
	const most = 20
	return "  " + strings.Join(log[max(0, len(log)-most):], "\n  ")
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
	var failed *attach.Error
	if !point.Optional || len(point.Symbols) > 1 || !errors.As(err, &failed) || !failed.Untraceable {
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
		fmt.Fprintf(s.options.Stderr, "left out: %v\n", s.leftOut[0])
	default:
		fmt.Fprintf(s.options.Stderr, "left out: %v, and %d more functions\n", s.leftOut[0], n-1)
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
	failed := new(attach.Error)
	if !errors.As(err, &failed) {
		return err
	}
	failed.Probes = nil
	for _, served := range s.servedBy(program) {
		for _, point := range served.Points {
			failed.Probes = append(failed.Probes, point.Probe)
		}
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
