package step

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/internal/teach/event"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/simulate"
)

// Limits bound a recording; zeroes stand for the usual ones. What is beyond them runs
// without being recorded.
type Limits struct {
	Events int // 1000
	Steps  int // of all events, 20,000
}

const (
	usualEvents = 1000
	usualSteps  = 20_000
)

// Record runs the programs of a script over events, BEGIN first and END last.
func Record(script event.Script, events event.Events, limits Limits) (*Run, error) {
	r, err := newRecorder(script, limits)
	if err != nil {
		return nil, err
	}
	return &r.run, r.play(events)
}

func newRecorder(script event.Script, limits Limits) (r *recorder, err error) {
	r = &recorder{
		script: script, limits: limits, namer: newNamer(script.Object, script.Target),
		code: map[*object.ProgramSpec][]stage.Instruction{}, maps: map[string]string{},
	}
	r.limits.Events = cmp.Or(limits.Events, usualEvents)
	r.limits.Steps = cmp.Or(limits.Steps, usualSteps)
	r.session, err = simulate.New(script.Object, simulate.Options{
		Stdout: &r.output, Stderr: notices{r}, Start: script.Start, Before: r.before, After: r.after,
	})
	return r, err
}

// recorder listens to a session.
type recorder struct {
	script  event.Script
	limits  Limits
	session *simulate.Session
	output  bytes.Buffer
	begun   bool
	run     Run
	code    map[*object.ProgramSpec][]stage.Instruction
	maps    map[string]string // as they were drawn last
	*namer
	// Of the event at hand.
	fired   *simulate.Event
	current *Event           // nil while nothing is recorded
	told    bool             // of what happens meanwhile
	ran     *emu.Environment // what the last program ran in
	machine
}

// notices go to the output, but for those of the beginning: nothing was attached.
type notices struct{ *recorder }

func (n notices) Write(text []byte) (int, error) {
	if n.begun {
		return n.output.Write(text)
	}
	return len(text), nil
}

// play runs the session. A program that fails ends it: its event has the error.
func (r *recorder) play(events event.Events) error {
	err := r.session.Begin()
	r.finish()
	r.begun = true
	for e := range events.All() {
		if err != nil || r.session.Over() {
			break
		}
		r.fired = e
		err = r.session.Fire(*e)
		r.finish()
	}
	r.fired = nil
	if err == nil {
		_, err = r.session.End()
	}
	r.run.Output = diag.Printable(r.output.String())
	last := len(r.run.Events) - 1
	switch {
	case err == nil || last < 0:
		return err
	case r.run.Left > 0:
		r.run.Error = err.Error()
	default:
		r.run.Events[last].Error = err.Error()
	}
	return nil
}

// before begins the recording of a program's run.
func (r *recorder) before(program *object.ProgramSpec, environment *emu.Environment) {
	r.finish()
	r.told = false
	r.ran, environment.Trace = environment, nil
	if len(r.run.Events) == r.limits.Events || r.limits.Steps <= 0 {
		r.run.Left++
		return
	}
	r.run.Events = append(r.run.Events, Event{Program: program.Name})
	r.current = &r.run.Events[len(r.run.Events)-1]
	point, function := &program.Points[0], ""
	r.namer.program, r.namer.types = program, nil
	if r.fired != nil && r.fired.Program == program {
		r.namer.types = r.fired.Types
		point = cmp.Or(r.fired.Point, point)
	}
	if functions := point.Functions(); len(functions) > 0 {
		function = functions[int(environment.Values[asm.FnGetAttachCookie])-point.ProbeName]
	}
	r.context = contextNames(r.script.Target, point, function)
	r.current.Probe = probeName(point, function)
	r.describe(environment)
	r.begin(environment)
	environment.Trace = r.trace
}

// probeName is that of the one function that fires.
func probeName(point *object.Point, function string) string {
	if len(point.Functions()) > 1 {
		kind, _, _ := strings.Cut(point.Probe, ":")
		return kind + ":" + function
	}
	return point.Probe
}

func (r *recorder) describe(e *emu.Environment) {
	task := e.Values[asm.FnGetCurrentPidTgid]
	r.current.Time = e.Values[asm.FnKtimeGetNs]
	r.current.Task = fmt.Sprintf("comm=%q pid=%d", diag.Printable(e.Comm), task>>32)
	if tid := uint32(task); uint64(tid) != task>>32 {
		r.current.Task += fmt.Sprintf(" tid=%d", tid)
	}
	r.current.Task += fmt.Sprintf(" uid=%d cpu=%d", uint32(e.Values[asm.FnGetCurrentUidGid]), e.CPU)
	if e.Full {
		r.current.Task += " full"
	}
}

func (r *recorder) after(_ *object.ProgramSpec, result emu.Result) {
	if r.current != nil {
		r.current.Executed, r.current.Helpers = result.Executed, result.Helpers
	}
}

// finish gives the last event what it printed and changed.
func (r *recorder) finish() {
	if r.current == nil {
		return
	}
	r.current.Output = diag.Printable(r.output.String())
	r.output.Reset()
	for _, m := range r.script.Object.Maps {
		if text := diag.Printable(r.session.MapText(m)); text != r.maps[m.Name] {
			r.maps[m.Name] = text
			r.current.Maps = append(r.current.Maps, Map{Name: "@" + m.Name, Text: text})
		}
	}
	for i := range r.current.Steps {
		r.current.Steps[i].Next = -1
		if i+1 < len(r.current.Steps) {
			r.current.Steps[i].Next = r.current.Steps[i+1].Row
		}
	}
	r.current = nil
}

// listing is the program in the kernel's notation.
func (r *recorder) listing(program *object.ProgramSpec) []stage.Instruction {
	if r.code[program] == nil {
		r.code[program] = stage.Disassemble(program.Instructions)
	}
	return r.code[program]
}

// trace records a step.
func (r *recorder) trace(s *emu.Step) {
	if r.limits.Steps <= 0 {
		r.current.Cut++
		return
	}
	r.limits.Steps--
	row := &r.listing(r.namer.program)[s.Index]
	step := Step{Row: s.Index, Depth: s.Depth, Enters: s.Enters}
	step.What = r.what(s, row) + r.meanwhile(s)
	if isBranch(&r.namer.program.Instructions[s.Index]) {
		step.Branch = "passed"
		if s.Taken {
			step.Branch = "taken"
		}
	}
	step.Changes = append(r.registerChanges(s), r.memoryChanges(s)...)
	r.current.Steps = append(r.current.Steps, step)
}

// meanwhile tells what happened on other CPUs before the step: package simulate lets it
// happen when the program reads a value of a map for the first time.
func (r *recorder) meanwhile(s *emu.Step) string {
	i := &r.namer.program.Instructions[s.Index]
	if r.told || r.fired == nil || len(r.fired.Meanwhile) == 0 || i.OpCode.Class() != asm.LdXClass {
		return ""
	}
	place, known := s.Locate(s.Before[i.Src] + uint64(int64(i.Offset)))
	if r.told = known && place.Kind == emu.MapValue; !r.told {
		return ""
	}
	first := r.fired.Meanwhile[0]
	probe := first.Program.Points[0].Probe
	if first.Point != nil {
		probe = first.Point.Probe
	}
	if n := len(r.fired.Meanwhile); n > 1 {
		probe += fmt.Sprintf(" and %d more", n-1)
	}
	return fmt.Sprintf("; now %s runs on CPU %d, before this one goes on", probe, first.CPU)
}
