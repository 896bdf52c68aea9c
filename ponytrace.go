// Package ponytrace traces a live Linux system from Go: it compiles a script to eBPF,
// loads it, attaches it, and lets the program read the maps of the script while it runs.
//
//	script, err := ponytrace.Parse(ponytrace.NewSource("reads", `kprobe:vfs_read { @[comm] = count() }`))
//	machine, err := ponytrace.Detect()
//	program, err := ponytrace.Compile(script, machine, ponytrace.Options{})
//	session, err := program.Load(ponytrace.RunOptions{})
//	defer session.Close()
//	err = session.Start(ctx)
//	table, err := session.Snapshot("@")
//
// The language is that of the command ponytrace: spec.md of this module is its contract.
// The command is built on this package and has no other way to trace.
//
// # From text to events
//
//	NewSource, ReadSource  a text and the name by which messages call it
//	Parse                  the script, with what it imports
//	Detect, Describe       the machine: this one, or one whose types are in a file
//	Compile                the program: its probes, and how each is going to be attached
//	Program.Load           maps and programs are in the kernel
//	Session.Start          BEGIN has run, and everything is attached
//	Session.Snapshot       what a map holds now, as values of Go
//	Session.Stop           asks for the end, as Ctrl-C does
//	Session.Wait           END has run, everything is printed and detached
//	Session.Close          nothing is left
//
// Up to Compile nothing is asked of the kernel but what it offers, so that this much
// works without privileges and, for a described machine, on any other. Load needs root,
// or CAP_BPF and CAP_PERFMON; Privilege tells before.
//
// # Who prints
//
// What the script prints goes to RunOptions.Stdout, notices and losses go to
// RunOptions.Stderr; nil writers drop it. A program that only reads maps leaves both out.
// At the end all maps are printed, unless the script sets print_maps_on_exit to false.
//
// # Context and signals
//
// The end of the context given to Start ends the tracing in the orderly way: END runs,
// results are printed, and no error tells of it. The package catches no signals; whoever
// does may hand them on in RunOptions.Signals, where a session takes them as the command
// does.
//
// # Ways to attach
//
// The cheapest mechanism that counts every event is chosen for each probe from what the
// machine offers. A kernel may refuse it all the same. Load and Start then compile again
// for the plainer one, and return a *RefusedError only where nothing is left to try, or
// where Options.Attach forces a mechanism. A clause is run by one program of the kernel,
// with others of the same probe where that is cheaper; where the verifier does not accept
// them together, each gets its own.
//
// # Errors
//
//	Diagnostics    the script is wrong: each has a place, a reason, and a hint where there is one
//	*UsageError    the parameters of the script are wrong, or --help asks for them
//	*RefusedError  the kernel refused a program, with the kernel's words
//
// All are found by errors.As. Messages may hold text from the script; Printable makes
// them harmless for a terminal.
//
// # Concurrency
//
// Compile is a function of its arguments and may run anywhere. Snapshot and Stop may be
// called by any goroutine at any time. Start, Wait and Close are for one goroutine. A
// snapshot takes nothing from the counts, and does not disturb a script that prints and
// clears the same map.
package ponytrace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/lang/format"
	"github.com/ponytrace/ponytrace/runtime"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"github.com/ponytrace/ponytrace/runtime/detect"
	"github.com/ponytrace/ponytrace/runtime/machinecode"
	"github.com/ponytrace/ponytrace/runtime/report"
	_ "github.com/ponytrace/ponytrace/runtime/report/sinks" // the formats
	"github.com/ponytrace/ponytrace/runtime/scriptfile"
	"github.com/ponytrace/ponytrace/runtime/snapshot"
	"github.com/ponytrace/ponytrace/runtime/symbols"
	"github.com/ponytrace/ponytrace/runtime/verifierlog"
)

// What the parts of the tracer hand out.
type (
	// Source is a text and its name.
	Source = diag.Source
	// Diagnostics is what is wrong with a script. Render draws it with the lines and
	// carets.
	Diagnostics = diag.Diagnostics
	// UsageError has the usage text of a script.
	UsageError = compiler.UsageError
	// RefusedError is the kernel's refusal of a program.
	RefusedError = attach.RefusedError
	// Target is what is known of a machine and its kernel.
	Target = target.Target
	// Kernel is what a file with types does not tell of a kernel.
	Kernel = detect.Kernel
	// Buffering says when what the script prints is written.
	Buffering = runtime.Buffering
	// Inspected is what the kernel makes of a program: what its verifier knows after each
	// instruction, a Fact for each register or piece of the stack, and the machine code
	// that each instruction became.
	Inspected          = runtime.Inspected
	Fact               = verifierlog.Fact
	MachineFunction    = runtime.MachineFunction
	MachineInstruction = machinecode.Instruction
	// Terminal is what a person watches the output on; the zero value is none.
	Terminal = report.Terminal
	// Notice is what a session tells besides what the script prints.
	Notice = report.Notice
	// Loss is something that the results lack. Package runtime/report lists the kinds.
	Loss = report.Loss
	// Stages are what the stages of the compiler make of a script: tokens, tree, types,
	// IR and instructions, with the places that they come from.
	Stages = stage.Stages
)

// When what the script prints is written: within milliseconds, after each event, or when
// there is much.
const (
	BufferLine = runtime.BufferLine
	BufferNone = runtime.BufferNone
	BufferFull = runtime.BufferFull
)

// What a map holds; package runtime/snapshot lists which value of a script becomes which
// of Go.
type (
	Table     = snapshot.Table
	Row       = snapshot.Row
	Named     = snapshot.Named
	Field     = snapshot.Field
	Frame     = snapshot.Frame
	Stats     = snapshot.Stats
	Histogram = snapshot.Histogram
	Bucket    = snapshot.Bucket
	Interval  = snapshot.Interval
	Quantiles = snapshot.Quantiles
	Quantile  = snapshot.Quantile
)

// NewSource is a script's text. Messages call it by the name.
//
//go:noinline
func NewSource(name, text string) *Source { return diag.NewSource(name, text) }

// ReadSource reads a script from a regular file, or from standard input for "-".
func ReadSource(name string) (*Source, error) { return scriptfile.Read(name) }

// Printable makes a text harmless for a terminal.
func Printable(text string) string { return diag.Printable(text) }

// Format writes a script in the one style.
func Format(source *Source) (string, error) {
	text, diagnostics := format.Format(source)
	return text, errorsOf(diagnostics)
}

// StageNames are the names that Stages.Print takes, in the order of the stages; "all"
// stands for all of them.
func StageNames() []string { return slices.Clone(stage.Names) }

// Ways are what Options.Attach takes.
func Ways() []string {
	return []string{"kprobe", "kprobe_multi", "fentry", "tracepoint", "rawtracepoint", "uprobe", "uprobe_multi"}
}

// Formats are the names that RunOptions.Format takes, the default first.
func Formats() []string { return report.Formats() }

// errorsOf is nil where there are only warnings.
func errorsOf(diagnostics Diagnostics) error {
	if diagnostics.HasErrors() {
		return diagnostics
	}
	return nil
}

// Script is a script that was parsed.
type Script struct{ tree *lang.Script }

// Parse parses a script and the files that it imports. Files are looked for where the
// language says, and not read where everybody could have put them.
func Parse(source *Source) (*Script, error) {
	tree, diagnostics := lang.Parse(source)
	if !diagnostics.HasErrors() {
		diagnostics = append(diagnostics, lang.Merge(tree, imported)...)
	}
	return &Script{tree}, errorsOf(diagnostics)
}

func imported(path string) (lang.Imported, error) {
	file, err := scriptfile.ReadImport(path)
	return lang.Imported{Text: file.Text, Folder: file.Folder, Names: file.Names}, err
}

// Stages are those that need no machine: the tokens and the tree.
func (s *Script) Stages() *Stages {
	return &Stages{Tokens: lang.Tokens(s.tree.Source), Script: s.tree}
}

// Dump is the syntax tree, for people to read.
func (s *Script) Dump() string { return lang.Dump(s.tree) }

// Detect describes the machine that the process runs on. It needs no privileges.
func Detect() (*Target, error) { return detect.Detect() }

// Describe describes a machine by a file with the types of its kernel: raw BTF, or a
// vmlinux.
func Describe(file string, kernel Kernel) (*Target, error) { return detect.Described(file, kernel) }

// Privilege returns what keeps this process from tracing the machine, or nil.
func Privilege(machine *Target) error { return detect.Privilege(machine) }

// Options say what a script is compiled to.
type Options struct {
	Args  []string // $1, $2, ...
	Named []string // parameters for getopt(), as name=value or name
	// Environment is asked for the variables that hold settings; nil for none.
	Environment func(name string) string
	// Attach forces a mechanism, one of Ways; "" for the cheapest.
	Attach string
	// Only matches the names of the probes to attach, besides BEGIN and END; nil for all.
	Only       *regexp.Regexp
	Strict     bool // functions that were renamed are errors
	Unsafe     bool // functions that change the system are allowed
	DryRun     bool // everything is attached, and no clause runs
	CountReads bool // tell where memory could not be read, and how often
	// Command runs when everything is attached, and the tracing ends with it.
	Command []string
	// Processes alone are traced, and the tracing ends with the last of them.
	Processes []int
	Children  bool // trace also all that they, or the command, start
	// Cgroups are folders of control groups (version 2). Where there are some, only what
	// runs in one of them, or below, is traced.
	Cgroups []string
	// Stages is filled with what each stage of the compiler makes; nil for nothing.
	Stages *Stages
}

// Program is a compiled script. It may be loaded more than once.
type Program struct {
	script  *Script
	machine *Target
	options Options
	refused map[string]bool // probes that the cheapest mechanism does not serve
	alone   bool            // each clause is a program of its own
	object  *object.Object
}

// CgroupFolder finds the control group (version 2) at a path, or at a place below the
// mounted hierarchy, ContainerFolder that of a container by its ID, or the beginning of
// it. Both are for Options.Cgroups.
func CgroupFolder(name string) (string, error)  { return symbols.CgroupFolder(name) }
func ContainerFolder(id string) (string, error) { return symbols.ContainerFolder(id) }

// Compile compiles a script for a machine. The same arguments always make the same
// program.
func Compile(script *Script, machine *Target, options Options) (*Program, error) {
	if ways := Ways(); options.Attach != "" && !slices.Contains(ways, options.Attach) {
		return nil, fmt.Errorf("there is no way to attach %q: there are %s", options.Attach, strings.Join(ways, ", "))
	}
	return (&Program{script: script, machine: machine, options: options}).compile()
}

// compile makes the object.
func (p *Program) compile() (_ *Program, err error) {
	o := &p.options
	p.object, err = compiler.Compile(p.script.tree, p.machine, compiler.Options{
		Args: o.Args, Named: o.Named, Environment: o.Environment, Attach: o.Attach, Only: o.Only,
		Strict: o.Strict, Unsafe: o.Unsafe, DryRun: o.DryRun, CountReads: o.CountReads,
		Stages: o.Stages, Refused: p.refused, Separate: p.alone,
		Processes: compiler.Processes{
			IDs: o.Processes, Children: o.Children, Command: len(o.Command) > 0,
			Nested: !detect.InitialProcesses(), Cgroups: o.Cgroups,
		},
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// instead is the program that may serve where this one was refused, nil where there is
// none.
func (p *Program) instead(refused *RefusedError) *Program {
	next := *p
	switch refused.Instead {
	case attach.Separate:
		next.alone = true
	case attach.Plainer:
		next.refused = maps.Clone(p.refused)
		if next.refused == nil {
			next.refused = map[string]bool{}
		}
		for _, probe := range refused.Probes {
			next.refused[probe] = true
		}
	}
	if next.alone == p.alone && (p.options.Attach != "" || len(next.refused) == len(p.refused)) {
		return nil
	}
	return &next
}

// Object is what the compiler made: programs, maps, the layout of records. It is plain
// data, which belongs to the program and is not to be changed.
func (p *Program) Object() *object.Object { return p.object }

// Notices are what the user should know of how the script was understood, a line each.
func (p *Program) Notices() []string { return p.object.Notices }

// Maps are the names of the maps of the script, as Session.Snapshot takes them.
func (p *Program) Maps() (names []string) {
	for _, m := range p.object.Maps {
		names = append(names, "@"+m.Name)
	}
	return names
}

// Probe is a probe of the script.
type Probe struct {
	Name      string
	Names     []string // of all that it matches
	Mechanism string   // by which it is attached
	Choice    string   // the same as a sentence, with why none is taken that costs less
}

// Probes are the probes of the script, in the order of its clauses.
func (p *Program) Probes() (list []Probe) {
	for _, program := range p.object.Programs {
		for i := range program.Points {
			point := &program.Points[i]
			names := []string{point.Probe}
			if n := point.Probes(); n > 1 {
				names = p.object.ProbeNames[point.ProbeName : point.ProbeName+n]
			}
			list = append(list, Probe{point.Probe, names, point.Mechanism.String(), point.Choice()})
		}
	}
	return list
}

// Inspect loads the program, asks the kernel about it, and unloads it. Nothing is
// attached. Where the kernel refuses it, the list has what the verifier said.
func (p *Program) Inspect() ([]Inspected, error) { return runtime.Inspect(p.object, p.machine) }

// RunOptions say how a program runs.
type RunOptions struct {
	Stdout io.Writer // what the script prints; nil for nowhere
	Stderr io.Writer // notices and losses; nil for nowhere
	Format string    // one of Formats
	// Terminal is what a person watches Stdout on, if anybody does.
	Terminal Terminal
	Buffer   Buffering
	Quiet    bool // no notices but losses
	// Notify gets the notices and losses instead of Stderr, each at once and from any
	// goroutine.
	Notify func(n Notice)
	// Signals are obeyed from Start on: SIGUSR1 prints the maps, every other asks for the
	// end, and who asks three times ends the process at once.
	Signals <-chan os.Signal
	// Loaded is called when a program was loaded: the one compiled, or what serves
	// instead of it.
	Loaded func(p *Program)
	// Refused is called before something else is tried than what the kernel has refused.
	// It reports whether that is wanted. Nil wants it.
	Refused func(e *RefusedError) bool
}

// Session is a program in the kernel.
type Session struct {
	options RunOptions
	started bool
	again   bool // BEGIN has run before the kernel refused to attach
	ended   bool // and this is what Wait returns:
	code    int
	err     error
	release func() bool // of the context

	mutex   sync.Mutex // guards what follows
	program *Program
	live    *runtime.Session // nil when there is nothing in the kernel
	stopped bool             // Stop was called, perhaps between two tries
}

// Load brings the program into the kernel, or what serves instead where the kernel
// refuses it. Nothing is attached yet.
func (p *Program) Load(options RunOptions) (*Session, error) {
	if formats := Formats(); options.Format != "" && !slices.Contains(formats, options.Format) {
		return nil, fmt.Errorf("there is no output format %q: there are %s", options.Format, strings.Join(formats, ", "))
	}
	s := &Session{options: options, program: p, release: func() bool { return false }}
	if err := s.load(); err != nil {
		return nil, err
	}
	return s, nil
}

// Run loads a program, runs it until something ends it, and returns the exit code of the
// script.
func (p *Program) Run(ctx context.Context, options RunOptions) (int, error) {
	s, err := p.Load(options)
	if err != nil {
		return 1, err
	}
	defer s.Close()
	if err := s.Start(ctx); err != nil {
		return 1, err
	}
	return s.Wait()
}

// load tries until the kernel accepts a program, or nothing is left to try.
func (s *Session) load() error {
	for {
		live, err := runtime.Load(s.program.object, s.program.machine, s.runtimeOptions())
		if err != nil {
			if err := s.tryInstead(err); err != nil {
				return err
			}
			continue
		}
		s.set(live)
		if s.options.Loaded != nil {
			s.options.Loaded(s.program)
		}
		return nil
	}
}

func (s *Session) runtimeOptions() runtime.Options {
	o, compiled := &s.options, &s.program.options
	return runtime.Options{
		Stdout: orNowhere(o.Stdout), Stderr: o.Stderr, Format: o.Format, Terminal: o.Terminal, Buffer: o.Buffer,
		Quiet: o.Quiet, Notify: o.Notify, Signals: o.Signals,
		Unsafe: compiled.Unsafe, Command: compiled.Command, Pids: compiled.Processes, Again: s.again,
	}
}

func orNowhere(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// tryInstead compiles what may serve after an error, which it returns where there is
// nothing.
func (s *Session) tryInstead(err error) error {
	var refused *RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	next := s.program.instead(refused)
	if next == nil || s.options.Refused != nil && !s.options.Refused(refused) {
		return err
	}
	if next, err = next.compile(); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.program = next
	return nil
}

func (s *Session) set(live *runtime.Session) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.live = live
	if live != nil && s.stopped {
		live.Interrupt()
	}
}

func (s *Session) current() *runtime.Session {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.live
}

var errStarted = errors.New("a session is started once")

// Start runs BEGIN and attaches everything, by a plainer mechanism where the kernel
// refuses the cheapest one, and starts the command. The end of the context ends the
// tracing. After an error nothing is attached.
func (s *Session) Start(ctx context.Context) error {
	if s.started || s.current() == nil {
		return errStarted
	}
	s.started = true
	for {
		live := s.current()
		err := s.start(ctx, live)
		if err == nil {
			return nil
		}
		s.release()
		if !live.Interrupted() {
			err = s.replace(live, err)
		}
		if err != nil {
			_, err = s.end(1, err)
			return err
		}
	}
}

// start starts what was loaded. A dry run is over then.
func (s *Session) start(ctx context.Context, live *runtime.Session) error {
	s.release = context.AfterFunc(ctx, live.Interrupt)
	if !s.program.options.DryRun {
		return live.Start()
	}
	err := live.DryRun()
	if err == nil {
		_, _ = s.end(0, nil)
	}
	return err
}

// replace loads what may serve after an error, which it returns where there is nothing.
func (s *Session) replace(live *runtime.Session, err error) error {
	s.set(nil)
	live.Close()
	if err := s.tryInstead(err); err != nil {
		return err
	}
	s.again = true
	return s.load()
}

// end remembers what Wait returns.
func (s *Session) end(code int, err error) (int, error) {
	s.release()
	s.ended, s.code, s.err = true, code, err
	return code, err
}

// Wait returns the exit code of the script when something has ended the tracing and
// everything is printed and detached: exit(), Stop, the context, a signal, the end of the
// command or the processes. A script that has nothing to wait for, such as one of BEGIN
// alone, ends by itself.
func (s *Session) Wait() (int, error) {
	switch {
	case s.ended:
		return s.code, s.err
	case !s.started:
		return 1, errors.New("a session that was not started has no end")
	}
	return s.end(s.current().Wait())
}

// Stop asks for the end of the tracing, for which Wait waits.
func (s *Session) Stop() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.stopped = true
	if s.live != nil {
		s.live.Interrupt()
	}
}

// Program is the one that was loaded: the one given, or what serves instead of it.
func (s *Session) Program() *Program {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.program
}

// Snapshot copies what a map holds: "@" or "@name", as Program.Maps has them. After Wait
// it is what the script has left in it, and after Close the error is os.ErrClosed.
func (s *Session) Snapshot(name string) (*Table, error) {
	live := s.current()
	if live == nil {
		return nil, os.ErrClosed
	}
	return live.Snapshot(strings.TrimPrefix(name, "@"))
}

// Close ends the tracing, if that goes on, and frees what the kernel holds for it.
func (s *Session) Close() {
	live := s.current()
	if live == nil {
		return
	}
	if s.started && !s.ended {
		live.Interrupt()
		_, _ = s.Wait()
	}
	s.set(nil)
	live.Close()
}
