package lesson

import (
	"fmt"
	"io"
	"strings"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/internal/teach/event"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/simulate"
)

// Play runs a script over events in the emulator, as `ponytrace SCRIPT` runs it on a
// kernel, and returns its exit code. What is wrong with script or events is returned as
// diag.Diagnostics.
func Play(script, events *diag.Source, machine *target.Target, options simulate.Options) (int, error) {
	p, err := prepare(script, machine)
	if err != nil {
		return 1, err
	}
	list, problems := event.Parse(events, p.script)
	if len(problems) > 0 {
		return 1, problems
	}
	s, err := p.run(list, options)
	if err != nil {
		return 1, err
	}
	return s.End()
}

// Run runs the lesson's script over its events.
func (l *Lesson) Run(stdout, stderr io.Writer, terminal report.Terminal) (int, error) {
	return Play(diag.NewSource("script.pt", l.Script), diag.NewSource("events", l.Events), Machine(),
		simulate.Options{Stdout: stdout, Stderr: stderr, Terminal: terminal})
}

// prepared is a script that is compiled.
type prepared struct{ script event.Script }

func prepare(source *diag.Source, machine *target.Target) (*prepared, error) {
	parsed, problems := lang.Parse(source)
	if problems.HasErrors() {
		return nil, problems
	}
	stages := &stage.Stages{}
	built, err := compiler.Compile(parsed, machine, compiler.Options{Stages: stages})
	if err != nil {
		return nil, err
	}
	return &prepared{event.Script{Object: built, Stages: stages, Target: machine}}, nil
}

// run runs all events, as far as the script does not end by itself.
func (p *prepared) run(list event.Events, options simulate.Options) (*simulate.Session, error) {
	s, err := simulate.New(p.script.Object, options)
	if err == nil {
		err = s.Begin()
	}
	if err != nil {
		return nil, err
	}
	for e := range list.All() {
		if s.Over() {
			break
		}
		if err := s.Fire(*e); err != nil {
			return nil, fmt.Errorf("the emulator cannot run this script: %w", err)
		}
	}
	return s, nil
}

// output is what a script prints, and its maps at the end apart from that.
type output struct {
	text string
	maps []string // the text of each that holds anything, by name
}

// observe runs a script over events of which it need not have the probes.
func (p *prepared) observe(events *diag.Source) (out output, reached bool, err error) {
	script := p.script
	script.Others = true
	list, problems := event.Parse(events, script)
	if len(problems) > 0 {
		return out, false, problems
	}
	shown := script.Object.Settings.PrintMapsOnExit
	defer func() { script.Object.Settings.PrintMapsOnExit = shown }()
	script.Object.Settings.PrintMapsOnExit = false
	var text strings.Builder
	s, err := p.run(list, simulate.Options{Stdout: limited{&text}})
	if err != nil {
		return out, false, err
	}
	if _, err := s.End(); err != nil {
		return out, false, err
	}
	out.text = text.String()
	for _, m := range script.Object.Maps {
		if drawn := s.MapText(m); shown && drawn != "" {
			out.maps = append(out.maps, drawn)
		}
	}
	return out, list.Len() > 0 || fires(script.Object), nil
}

// fires reports whether anything runs without events.
func fires(o *object.Object) bool {
	for _, program := range o.Programs {
		for i := range program.Points {
			if program.Points[i].Mechanism.ByRuntime() {
				return true
			}
		}
	}
	return false
}

// probes lists the names of a script's probes.
func (p *prepared) probes() (names []string) {
	for _, program := range p.script.Object.Programs {
		for i := range program.Points {
			names = append(names, program.Points[i].Probe)
		}
	}
	return names
}

// limited keeps what is compared of an output: a script may print without end.
type limited struct{ to *strings.Builder }

const maxCompared = 1 << 20

func (l limited) Write(b []byte) (int, error) {
	if room := maxCompared - l.to.Len(); room < len(b) {
		l.to.Write(b[:max(room, 0)])
		return len(b), io.ErrShortWrite
	}
	return l.to.Write(b)
}
