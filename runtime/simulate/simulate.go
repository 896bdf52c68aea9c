package simulate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/records"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/report/format"
	_ "github.com/ponytrace/ponytrace/runtime/report/sinks" // the formats of Options.Format
)

// Session is an object that runs in the emulator.
type Session struct {
	object        *object.Object
	options       Options
	machine       *emu.Environment
	store         *events.Store
	tables        *records.Tables
	printer       *records.Printer
	formatter     *format.Formatter
	records       bool // report.Format.Records: the output tells of the probes
	kernelSymbols *symbols
	userSymbols   *symbols
	cgroups       map[uint64]string
	random        *rand.Rand
	now           uint64 // nsecs
	ticks         []tick
	ticked        int // how often interval clauses came up
	over          bool
	code          int
}

// tick is the next moment at which the interval clauses of a period run.
type tick struct {
	period time.Duration
	at     uint64
}

const (
	defaultCPUs  = 4
	defaultStart = uint64(time.Second)
	// pause is how much later an event is that has no time.
	pause = uint64(time.Microsecond)
	// maxSteps is how many instructions a run may execute: the kernel's limit for what
	// the verifier walks is a million, and loops may run on.
	maxSteps = 20_000_000
	// maxTicks is how often interval clauses come up: a year of seconds would take minutes.
	maxTicks = 1_000_000
)

// New makes a session of an object. Nothing runs before Begin.
func New(o *object.Object, options Options) (*Session, error) {
	options = options.withDefaults()
	kernel := newKernel(o, options.CPUs)
	store, err := events.NewStore(o, kernel)
	if err != nil {
		return nil, err
	}
	s := &Session{
		object: o, options: options, store: store, now: options.Start,
		kernelSymbols: newSymbols(kernelText), userSymbols: newSymbols(userText),
		cgroups: map[uint64]string{}, random: rand.New(rand.NewPCG(1, 1)),
		machine: &emu.Environment{Maps: kernel.maps, Steps: maxSteps},
	}
	s.tables = records.NewTables(store, s.Now)
	s.printer = &records.Printer{Object: o, Tables: s.tables, Host: s}
	return s, s.openSink()
}

func (o Options) withDefaults() Options {
	o.CPUs = cmp.Or(o.CPUs, defaultCPUs)
	o.Start = cmp.Or(o.Start, defaultStart)
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	if o.Stderr == nil {
		o.Stderr = io.Discard
	}
	if o.Boot.IsZero() {
		o.Boot = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Task == (Task{}) {
		o.Task = Task{Comm: "ponytrace", PID: 100, TID: 100}
	}
	return o
}

func (s *Session) openSink() error {
	f, known := report.Find(s.options.Format)
	if !known {
		return fmt.Errorf("there is no output format %q", s.options.Format)
	}
	names := s.names()
	s.records = f.Records
	s.formatter = format.New(s.object.Settings, names)
	s.printer.Sink = f.New(s.config(s.options.Stdout, names))
	return nil
}

func (s *Session) config(out io.Writer, names *report.Names) report.Config {
	return report.Config{
		Out: out, Notices: s.options.Stderr, Settings: s.object.Settings, Names: names,
		Terminal: s.options.Terminal,
	}
}

// Begin runs BEGIN. From then on events may come.
func (s *Session) Begin() error {
	for _, c := range s.object.RuntimeConsts {
		s.store.Set(c.Offset, s.runtimeConst(c))
	}
	s.store.Set(object.DataStart, s.now)
	for _, period := range periods(s.object) {
		s.ticks = append(s.ticks, tick{period, s.now + uint64(period)})
	}
	probes := s.object.Probes()
	s.printer.Sink.Item(report.Attaching{Probes: probes})
	if err := s.runAll(object.AtBegin); err != nil {
		return err
	}
	s.printer.Sink.Item(report.Attached{Probes: probes})
	s.printer.Flush()
	if !s.records {
		report.Notice{Text: report.Attached{Probes: probes}.String()}.Print(s.options.Stderr)
	}
	s.over = s.over || s.stopped()
	return nil
}

// Over reports whether the script has called exit(): events that come then run nothing.
func (s *Session) Over() bool { return s.over }

// Now is the moment of the last event.
func (s *Session) Now() time.Time { return s.options.Boot.Add(time.Duration(s.now)) }

// Fire runs the program of an event. Interval clauses run before it whose time has come by
// then. An event of an interval clause lets time pass until its next tick.
func (s *Session) Fire(e Event) error {
	if period, ok := periodOf(e.Program); ok {
		return s.Advance(s.nextTick(period))
	}
	if err := s.Advance(cmp.Or(e.Time, s.now+pause)); err != nil || s.over {
		return err
	}
	return s.run(&e)
}

// Advance lets time pass without an event, up to nsecs.
func (s *Session) Advance(nsecs uint64) error {
	for !s.over {
		next := s.earliest()
		if next == nil || next.at > nsecs {
			break
		}
		if s.ticked++; s.ticked > maxTicks {
			return fmt.Errorf("interval clauses come up more than %d times", maxTicks)
		}
		s.now = next.at
		next.at += uint64(next.period)
		if err := s.tick(next.period); err != nil {
			return err
		}
	}
	s.now = max(s.now, nsecs)
	return nil
}

// earliest is the next tick of all; nil where there is none.
func (s *Session) earliest() (first *tick) {
	for i := range s.ticks {
		if first == nil || s.ticks[i].at < first.at {
			first = &s.ticks[i]
		}
	}
	return first
}

func (s *Session) nextTick(period time.Duration) uint64 {
	for _, t := range s.ticks {
		if t.period == period {
			return t.at
		}
	}
	return s.now
}

// tick runs the interval clauses of a period, up to the first exit().
func (s *Session) tick(period time.Duration) error {
	for _, program := range s.object.Programs {
		if own, ok := periodOf(program); !ok || own != period || s.stopped() {
			continue
		}
		if err := s.runHere(program); err != nil {
			return err
		}
	}
	return nil
}

// runAll runs the clauses of BEGIN or END.
func (s *Session) runAll(when object.When) error {
	for _, program := range s.object.Programs {
		for i := range program.Points {
			if !program.Points[i].Runs(when) {
				continue
			}
			if err := s.runHere(program); err != nil {
				return err
			}
		}
	}
	return nil
}

// runHere runs a program in the process that traces.
func (s *Session) runHere(program *object.ProgramSpec) error {
	return s.run(&Event{Program: program, Task: s.options.Task})
}

// run runs a program, and does what its records ask for.
func (s *Session) run(e *Event) error {
	s.prepare(e)
	if s.options.Before != nil {
		s.options.Before(e.Program, s.machine)
	}
	result, err := s.execute(e)
	if s.options.After != nil {
		s.options.After(e.Program, result)
	}
	if err != nil {
		return failure(e, err)
	}
	for _, record := range s.machine.Records {
		s.printer.Handle(record)
	}
	s.machine.Records = nil
	s.printer.Flush()
	return nil
}

// failure tells which probe's program has failed. The instruction is one of the emulator's
// notation, and is left out.
func failure(e *Event, err error) error {
	if failed := (*emu.Error)(nil); errors.As(err, &failed) {
		err = errors.New(failed.Text)
	}
	return fmt.Errorf("%s: %w", cmp.Or(e.Point, &e.Program.Points[0]).Probe, err)
}

// prepare makes the event what the program sees.
func (s *Session) prepare(e *Event) {
	m, task := s.machine, &e.Task
	point := e.Point
	if point == nil {
		point = &e.Program.Points[0]
	}
	m.Context, m.Memory, m.CPU, m.Comm, m.Full = e.Context, e.Memory, e.CPU, task.Comm, e.Full
	m.Stack, m.UserStack = s.kernelSymbols.addressesOf(e.Kernel), s.userSymbols.addressesOf(e.User)
	m.OuterStack = point.Mechanism.Framed()
	m.Process = &emu.Process{PID: uint32(task.TID), TGID: uint32(task.PID)}
	m.Values = map[asm.BuiltinFunc]uint64{
		asm.FnKtimeGetNs:         s.now,
		asm.FnKtimeGetBootNs:     s.now,
		asm.FnKtimeGetTaiNs:      uint64(s.Now().Add(aheadOfUTC).UnixNano()),
		asm.FnJiffies64:          s.now / jiffy,
		asm.FnGetCurrentPidTgid:  uint64(task.PID)<<32 | uint64(task.TID),
		asm.FnGetCurrentUidGid:   uint64(task.GID)<<32 | uint64(task.UID),
		asm.FnGetCurrentTask:     task.Address,
		asm.FnGetCurrentTaskBtf:  task.Address,
		asm.FnGetAttachCookie:    uint64(point.ProbeName),
		asm.FnGetPrandomU32:      uint64(s.random.Uint32()),
		asm.FnGetNumaNodeId:      0,
		asm.FnGetCurrentCgroupId: task.Cgroup,
		// The simulated machine has no control groups to be in.
		asm.FnCurrentTaskUnderCgroup: 0,
	}
	if functions := point.Functions(); len(functions) > 0 {
		m.Values[asm.FnGetFuncIp] = s.kernelSymbols.address(functions[0], "")
	}
	maps.Copy(m.Values, e.Values)
}

// jiffy is how many nanoseconds a tick of the kernel takes, with CONFIG_HZ=250.
const jiffy = 4_000_000

func (s *Session) stopped() bool { return s.store.Load(object.DataStopped) != 0 }

// End runs END, prints the maps, and returns the exit code of the script.
func (s *Session) End() (code int, err error) {
	s.over = true
	if err := s.runAll(object.AtEnd); err != nil {
		return 1, err
	}
	s.printer.Sink.Item(report.NotAttached{})
	s.printer.PrintMaps()
	losses := slices.Concat(records.LostEvents(s.object, s.store), s.tables.Losses(s.object),
		records.LostRounds(s.store))
	for _, loss := range losses {
		s.printer.Sink.Item(loss)
	}
	s.printer.Flush()
	for i := range losses {
		losses[i].Notice().Print(s.options.Stderr)
	}
	return s.code, s.tables.Failure
}

// MapText draws one map as it is by now, as print() does.
func (s *Session) MapText(m *object.MapSpec) string {
	var b bytes.Buffer
	f, _ := report.Find("")
	sink := f.New(s.config(&b, s.names()))
	if table := s.tables.Read(m, (*events.Map).Peek); table.Len() > 0 {
		sink.Table(report.NewTable(&s.object.Settings, table, 0, 0))
	}
	sink.Flush()
	return b.String()
}

// Stop ends the session: exit() was called.
func (s *Session) Stop(code int) {
	if !s.over {
		s.over, s.code = true, code
	}
}

// Cat tells that there is no file: the emulator has none.
func (s *Session) Cat(event *object.Event, args []events.Value) {
	s.warnAt(event, "cat(): %q is not read: the emulator has no files", s.formatter.Line(event, args))
}

// System tells that no command runs.
func (s *Session) System(event *object.Event, args []events.Value) {
	s.warnAt(event, "system(): %q does not run: the emulator has no shell", s.formatter.Line(event, args))
}

func (s *Session) warnAt(event *object.Event, format string, args ...any) {
	s.printer.Flush()
	notice := report.Notice{Warning: true, Place: event.Source, Text: fmt.Sprintf(format, args...)}
	notice.Print(s.options.Stderr)
}
