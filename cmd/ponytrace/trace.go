package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime"
	"github.com/ponytrace/ponytrace/runtime/attach"
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
	if t.List {
		return t.list()
	}
	source, err := t.source()
	if err != nil {
		return err
	}
	script, diagnostics := parse(source)
	if diagnostics.HasErrors() {
		return say(diagnostics)
	}
	if done := t.printText(script); done {
		return nil
	}
	machine, err := detect.Detect()
	if err != nil {
		return err
	}
	if t.Stages == "" && !t.asksForHelp() {
		if err := t.mayTrace(script, machine); err != nil {
			return err
		}
	}
	return t.trace(script, machine)
}

// mayTrace returns what keeps this process from tracing. The errors of the script come
// first, unless they may be those of a machine that shows this process too little.
func (t *traceCommand) mayTrace(script *lang.Script, machine *target.Target) error {
	lacking := detect.Privilege(machine)
	if lacking == nil {
		return nil
	}
	if _, err := compiler.Compile(script, machine, t.compilation()); err != nil && machine.Problem() == nil {
		return say(err)
	}
	return lacking
}

func (t *traceCommand) source() (*diag.Source, error) {
	switch {
	case len(t.Texts) > 0:
		return diag.NewSource("-e", strings.Join(t.Texts, "\n")), nil
	case !t.Named:
		return nil, errors.New("nothing to trace: give a script file, or a one-liner with -e 'kprobe:vfs_read { @[comm] = count() }'")
	}
	source, err := readScript(t.Script)
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

func (t *traceCommand) compilation() compiler.Options {
	positional, named := parameters(t.Params)
	return compiler.Options{
		Args: positional, Named: named, Attach: mechanism(t.Attach), Strict: t.Strict, Unsafe: t.Unsafe,
		Processes: t.processes(), DryRun: t.DryRun, CountReads: t.Reads, Only: t.Only, Environment: os.Getenv, Refused: map[string]bool{},
	}
}

// processes are those that -p and --children restrict the script to.
func (t *traceCommand) processes() compiler.Processes {
	return compiler.Processes{
		IDs: t.Pids, Nested: !detect.InitialProcesses(), Children: t.Family, Command: t.Command != "",
	}
}

// startPercent keeps the garbage collector from its first run, at 4 MB, until tracing begins. It finds nearly nothing
// to free then, and takes 2 ms of the 26 in which the kernel's types are read.
const startPercent = 200

// trace prints the stages that were asked for, or traces.
func (t *traceCommand) trace(script *lang.Script, machine *target.Target) error {
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

// try compiles, loads and runs, and does so again where something else may serve than what the
// kernel has refused.
func (t *traceCommand) try(script *lang.Script, machine *target.Target, caught *signals) error {
	options := t.compilation()
	for {
		built, err := compiler.Compile(script, machine, options)
		if err != nil {
			return say(err)
		}
		if err := t.openOutput(); err != nil {
			return err
		}
		err = t.run(built, machine, caught)
		if !t.instead(&options, err) {
			return say(err)
		}
		t.tryAgain(err)
	}
}

// instead asks for what may serve, and reports whether that is anything new.
func (t *traceCommand) instead(options *compiler.Options, err error) (changed bool) {
	var refused *attach.RefusedError
	if !errors.As(err, &refused) {
		return false
	}
	switch {
	case refused.Instead == attach.Separate:
		changed = !options.Separate
		options.Separate = true
	case refused.Instead == attach.Plainer && t.Attach == "auto":
		for _, probe := range refused.Probes {
			changed = changed || !options.Refused[probe]
			options.Refused[probe] = true
		}
	}
	return changed
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

// run traces with a compiled script.
func (t *traceCommand) run(built *object.Object, machine *target.Target, caught *signals) error {
	command, err := words(t.Command)
	if err != nil {
		return err
	}
	session, err := runtime.Load(built, machine, runtime.Options{
		Stdout: t.out, Stderr: os.Stderr, Format: t.Format, Buffer: buffering[t.Buffer], Quiet: t.Quiet,
		Command: command, Pids: t.Pids, Signals: caught.caught, Unsafe: t.Unsafe,
	})
	if err != nil {
		return err
	}
	defer session.Close()
	t.notices(built)
	debug.SetGCPercent(t.percent)
	caught.handOver()
	code, err := t.session(session)
	if err != nil && session.Interrupted() {
		return err
	}
	if err != nil {
		caught.takeBack()
		return err
	}
	if code != 0 {
		return exitError(code)
	}
	return nil
}

var buffering = map[string]runtime.Buffering{
	"line": runtime.BufferLine, "none": runtime.BufferNone, "full": runtime.BufferFull,
}

func (t *traceCommand) session(session *runtime.Session) (code int, err error) {
	if t.DryRun {
		return 0, session.DryRun()
	}
	return session.Run()
}

func (t *traceCommand) notices(built *object.Object) {
	if !t.Quiet {
		for _, notice := range built.Notices {
			fmt.Fprintln(os.Stderr, diag.Printable(notice))
		}
	}
	if !t.Verbose || t.List {
		return
	}
	for _, program := range built.Programs {
		for _, point := range program.Points {
			fmt.Fprintf(os.Stderr, "%s: %s\n", diag.Printable(point.Probe), point.Choice())
		}
	}
}

// say prints what is wrong with a script, and leaves only the exit code to report.
func say(err error) error {
	var diagnostics diag.Diagnostics
	if errors.As(err, &diagnostics) {
		diagnostics.Render(os.Stderr)
		return exitError(1)
	}
	var usage *compiler.UsageError
	if errors.As(err, &usage) {
		fmt.Fprintln(stdout, diag.Printable(usage.Text))
		if usage.Asked {
			return nil
		}
		return exitError(1)
	}
	return err
}
