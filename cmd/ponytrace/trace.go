package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/detect"
)

// Run traces.
func (t *traceCommand) Run(arguments []string) error {
	if err := t.take(arguments); err != nil {
		return usageError{err}
	}
	if err := detect.AllowFiles(detect.FewFiles); err != nil {
		return err
	}
	var err error
	if t.words, err = words(t.Command); err != nil {
		return err
	}
	if t.List {
		return t.list()
	}
	source, err := t.source()
	if err != nil {
		return err
	}
	script, err := ponytrace.Parse(source)
	if err != nil {
		return say(err)
	}
	if done := t.printText(script); done {
		return nil
	}
	machine, err := ponytrace.Detect()
	if err != nil {
		return err
	}
	if (t.Stages == "" || t.asksKernel()) && !t.asksForHelp() {
		if err := t.mayTrace(script, machine); err != nil {
			return err
		}
	}
	return t.trace(script, machine)
}

// mayTrace returns what keeps this process from tracing. The errors of the script come
// first, unless they may be those of a machine that shows this process too little.
func (t *traceCommand) mayTrace(script *ponytrace.Script, machine *ponytrace.Target) error {
	lacking := ponytrace.Privilege(machine)
	if lacking == nil {
		return nil
	}
	if _, err := ponytrace.Compile(script, machine, t.compilation()); err != nil && machine.Problem() == nil {
		return say(err)
	}
	return lacking
}

func (t *traceCommand) source() (*ponytrace.Source, error) {
	switch {
	case len(t.Texts) > 0:
		return ponytrace.NewSource("-e", strings.Join(t.Texts, "\n")), nil
	case !t.Named:
		return nil, errors.New("nothing to trace: give a script file, or a one-liner with -e 'kprobe:vfs_read { @[comm] = count() }'")
	}
	source, err := ponytrace.ReadSource(t.Script)
	switch {
	case err != nil && strings.ContainsAny(t.Script, "{<"):
		return nil, fmt.Errorf("%w; a one-liner needs -e before it: ponytrace -e %s", err, quoted(t.Script))
	case err != nil && strings.Contains(t.Script, ":"):
		return nil, fmt.Errorf("%w; to trace a probe: ponytrace -e %s; to list what matches: ponytrace -l %s",
			err, quoted(t.Script+" { @ = count() }"), quoted(t.Script))
	}
	return source, err
}

// quoted writes a text so that a shell takes it for one word.
func quoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// asksForHelp: describing a script needs no privileges.
func (t *traceCommand) asksForHelp() bool { return slices.Contains(t.Params, "--help") }

// parameters tells --name=value from the positional ones.
func parameters(given []string) (positional, named []string) {
	for _, text := range given {
		if name, ok := strings.CutPrefix(text, "--"); ok && name != "" {
			named = append(named, name)
		} else {
			positional = append(positional, text)
		}
	}
	return positional, named
}

func (t *traceCommand) compilation() ponytrace.Options {
	positional, named := parameters(t.Params)
	return ponytrace.Options{
		Args: positional, Named: named, Environment: os.Getenv, Attach: mechanism(t.Attach), Only: t.Only,
		Strict: t.Strict, Unsafe: t.Unsafe, DryRun: t.DryRun, CountReads: t.Reads, Command: t.words,
		Processes: t.Pids, Children: t.Family, Cgroups: t.Cgroups,
	}
}

// startPercent keeps the garbage collector from its first run, at 4 MB, until tracing
// begins. It finds nearly nothing to free then, and takes 2 ms of the 26 in which the
// kernel's types are read.
const startPercent = 200

// trace prints the stages that were asked for, or traces.
func (t *traceCommand) trace(script *ponytrace.Script, machine *ponytrace.Target) error {
	if t.Stages != "" {
		return t.printStages(script, machine)
	}
	t.percent = debug.SetGCPercent(startPercent)
	caught := catchSignals()
	if err := t.needsStdout(machine); err != nil {
		return err
	}
	err := t.try(script, machine, caught)
	if t.out == nil {
		return err
	}
	return closeOutput(t.out, err)
}

// try compiles and runs.
func (t *traceCommand) try(script *ponytrace.Script, machine *ponytrace.Target, caught *signals) error {
	program, err := ponytrace.Compile(script, machine, t.compilation())
	if err != nil {
		return say(err)
	}
	if err := t.openOutput(); err != nil {
		return err
	}
	code, err := program.Run(context.Background(), ponytrace.RunOptions{
		Stdout: t.out, Stderr: os.Stderr, Format: t.Format, Terminal: t.terminal(), Buffer: buffering[t.Buffer], Quiet: t.Quiet,
		Signals: caught.caught,
		Loaded: func(loaded *ponytrace.Program) {
			t.notices(loaded)
			debug.SetGCPercent(t.percent)
			caught.handOver()
		},
		Refused: func(refused *ponytrace.RefusedError) bool {
			if !refused.Loading {
				caught.takeBack()
			}
			t.tryAgain(refused)
			return true
		},
	})
	switch {
	case err != nil:
		return say(err)
	case code != 0:
		return exitError(code)
	}
	return nil
}

func (t *traceCommand) tryAgain(err error) {
	if t.Verbose {
		fmt.Fprintf(os.Stderr, "trying another way, because %s\n", diag.Printable(err.Error()))
	}
}

func mechanism(name string) string {
	if name == "auto" {
		return ""
	}
	return name
}

var buffering = map[string]ponytrace.Buffering{
	"line": ponytrace.BufferLine, "none": ponytrace.BufferNone, "full": ponytrace.BufferFull,
}

func (t *traceCommand) notices(program *ponytrace.Program) {
	if !t.Quiet {
		for _, notice := range program.Notices() {
			fmt.Fprintln(os.Stderr, diag.Printable(notice))
		}
	}
	if !t.Verbose || t.List {
		return
	}
	for _, probe := range program.Probes() {
		fmt.Fprintf(os.Stderr, "%s: %s\n", diag.Printable(probe.Name), probe.Choice)
	}
}

// say prints what is wrong with a script, and leaves only the exit code to report.
func say(err error) error {
	var diagnostics ponytrace.Diagnostics
	if errors.As(err, &diagnostics) {
		diagnostics.Render(os.Stderr)
		return exitError(1)
	}
	var usage *ponytrace.UsageError
	if errors.As(err, &usage) {
		fmt.Fprintln(stdout, diag.Printable(usage.Text))
		if usage.Asked {
			return nil
		}
		return exitError(1)
	}
	return err
}
