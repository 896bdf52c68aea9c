package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/internal/teach/event"
	"github.com/ponytrace/ponytrace/internal/teach/explain"
	"github.com/ponytrace/ponytrace/internal/teach/jsontext"
	"github.com/ponytrace/ponytrace/internal/teach/step"
	"github.com/ponytrace/ponytrace/lang/diag"
	"golang.org/x/sys/unix"
)

type stepCommand struct {
	subject
	events []string
	file   string
	all    bool
}

func stepFlags() *command {
	s := &stepCommand{subject: newSubject("step")}
	f := s.traced.flags
	s.declareScript()
	f.StringArrayVar(&s.events, "event", nil,
		"What happens: `EVENT`, as in 'kprobe:vfs_read comm=\"dd\" arg2=4096 x10'. May be given "+
			"several times. Without events each probe fires once, with values made from the types.")
	f.StringVar(&s.file, "events", "",
		"Read what happens from a `FILE`, an event a line; - is standard input.")
	f.BoolVar(&s.all, "all", false,
		"Print all steps as text; so it is, too, where input or output is no terminal.")
	oneOf(f, &s.traced.Format, "format", "f", "FORMAT", "Output format", "text", "json")
	oneOf(f, &s.traced.Color, "color", "", "WHEN",
		"Colours in the output; auto is on a terminal, unless NO_COLOR is set", "auto", "always", "never")
	s.declareKernel()
	return &command{
		name:      "step",
		arguments: []string{"SCRIPT|-e TEXT", "[PARAMETERS]"},
		summary: "Step through the programs of a script in an emulator, forwards and backwards. " +
			"It needs no privileges.",
		details: stepDetails(),
		flags:   f,
		run:     s.run,
	}
}

// stepDetails is wrapped as the texts of flags are.
func stepDetails() string {
	return strings.Join(wrap(step.Difference, helpWidth), "\n") + `

An event is a probe and what it finds, in the words of scripts:
  arg0=3, args.NAME=3, retval=-2        arguments and results
  arg0.q.limits.max_sectors=8           memory behind pointers, laid out by the kernel's types
  comm="dd" pid=12 tid=13 uid=0 cpu=1   the task and the CPU
  nsecs=5s, after=1ms                   the time, or how long after the event before
  kstack=vfs_read,ksys_read             functions that called one another
  x10                                   ten times
  meanwhile                             during the event before, on another CPU
  full                                  finds the ring buffer full: what it prints is lost
The probe may be left out where the script has only one.

Examples:
  ponytrace step -e 'kprobe:blk_start_request { @ = hist(arg0->__data_len) }'
  ponytrace step --event 'comm="dd" arg0.__data_len=4096 x3' tool.pt
  ponytrace step --all --events what-happens --kernel 6.1 tool.pt`
}

func (s *stepCommand) run(arguments []string) error {
	if s.file != "" && len(s.events) > 0 {
		return usageError{errors.New("--event and --events exclude each other")}
	}
	if len(arguments) == 0 && len(s.traced.Texts) == 0 {
		return usageError{errors.New("nothing to step through: give a script file, or a one-liner " +
			"with -e 'kprobe:vfs_read { @[comm] = count() }'")}
	}
	c, err := s.compile(arguments)
	if err != nil {
		return err
	}
	script := event.Script{Object: c.program.Object(), Stages: c.stages, Target: c.machine}
	events, err := s.happening(script)
	if err != nil {
		return err
	}
	run, err := step.Record(script, events, step.Limits{})
	if err != nil {
		return err
	}
	return s.show(run, explain.New(script.Object, script.Stages, script.Target), c.notices)
}

// happening reads the events, or makes them where none are given.
func (s *stepCommand) happening(script event.Script) (event.Events, error) {
	source := ponytrace.NewSource("--event", strings.Join(s.events, "\n"))
	switch {
	case s.file != "":
		text, err := readEvents(s.file)
		if err != nil {
			return event.Events{}, fmt.Errorf("the events %s cannot be read: %w", s.file, err)
		}
		source = ponytrace.NewSource(s.file, text)
	case len(s.events) == 0:
		return event.Default(script), nil
	}
	events, problems := event.Parse(source, script)
	if problems.HasErrors() {
		return events, say(problems)
	}
	return events, nil
}

// readEvents reads a little more than there may be, so that package event tells of it.
func readEvents(name string) (string, error) {
	source, err := ponytrace.ReadSource(name)
	if err != nil {
		return "", cmp.Or(errors.Unwrap(err), err) // the reason, without the words about scripts
	}
	return source.Text, nil
}

func (s *stepCommand) show(run *step.Run, of *explain.Explanation, notices []string) error {
	if s.traced.Format == "json" {
		of.Notices = append(notices, step.Difference)
		return jsontext.Write(stdout, struct {
			Explanation *explain.Explanation `json:"explanation"`
			Run         *step.Run            `json:"run"`
		}{of, run})
	}
	if !s.all && watched() {
		of.Notices = notices
		return watch(step.NewViewer(run, of), s.colored())
	}
	for _, notice := range notices {
		fmt.Fprintln(os.Stderr, diag.Printable(notice))
	}
	look := step.Look{Width: max(columns(unix.Stdout), 0), Color: s.colored()}
	var text bytes.Buffer
	if err := run.Print(&text, of, look); err != nil {
		return err
	}
	return page(text.String())
}

func (s *stepCommand) colored() bool {
	auto := s.traced.Color == "auto" && columns(unix.Stdout) >= 0 && wantsColor()
	return auto || s.traced.Color == "always"
}
