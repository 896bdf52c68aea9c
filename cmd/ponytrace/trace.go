package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/runtime"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"github.com/ponytrace/ponytrace/runtime/detect"
)

type traceCommand struct {
	Script  *string  `arg:"" optional:"" help:"Script file, - for standard input; with -e the first parameter."`
	Params  []string `arg:"" optional:"" help:"Parameters: $1, $2, ... in the script."`
	out     *os.File // what Output names
	Rest    []string `kong:"-"` // what stands behind --
	Text    string   `short:"e" name:"text" placeholder:"TEXT" help:"The script itself."`
	Command string   `short:"c" placeholder:"CMD" help:"Run a command, and end with it."`
	Pid     int      `short:"p" placeholder:"PID" help:"End with this process."`
	Output  string   `short:"o" placeholder:"FILE" help:"Write what the script prints to a new file."`
	Format  string   `short:"f" enum:"text,json" default:"text" help:"Output format: text or json."`
	Verbose bool     `short:"v" help:"Say how each probe is attached."`
	Quiet   bool     `short:"q" help:"No notices but losses."`
	Stages  string   `short:"d" name:"dump" placeholder:"STAGE" help:"Print a stage and do not trace: ast, ir, opt, asm or all."`
	List    bool     `short:"l" help:"List the probes that match a pattern, as in 'tracepoint:sched:*', or those of a script; with -v what they know. 'struct NAME' shows a type."`
	BTF     string   `name:"btf" placeholder:"FILE" help:"With -l: of the kernel whose types the file holds."`
	DryRun  bool     `help:"Compile and load, but attach nothing."`
	Attach  string   `enum:"auto,kprobe,fentry,tracepoint" default:"auto" help:"Force how probes are attached: auto, kprobe, fentry, tracepoint."`
	Strict  bool     `help:"Refuse functions that were renamed."`
	Unsafe  bool     `help:"Allow functions that change the system: system, signal, override."`
}

// Help is shown below the summary.
func (*traceCommand) Help() string {
	return `Examples:
  ponytrace -e 'kprobe:vfs_read { @[comm] = count() }'
  ponytrace examples/bitehist.pt 5
  ponytrace -lv 'tracepoint:sched:*'

Besides tracing:
  ponytrace help [NAME]   describe a function, variable, probe or setting
  ponytrace check FILE    report the errors of a script
  ponytrace fmt FILE      write a script in the one style`
}

// Run traces.
func (t *traceCommand) Run() error {
	if err := detect.AllowFiles(detect.FewFiles); err != nil {
		return err
	}
	if t.List {
		return t.list()
	}
	source, params, err := t.source()
	if err != nil {
		return err
	}
	script, diagnostics := parse(source)
	if diagnostics.HasErrors() {
		return say(diagnostics)
	}
	if t.Stages == "ast" {
		fmt.Fprint(stdout, lang.Dump(script))
		return nil
	}
	machine, err := detect.Detect()
	if err != nil {
		return err
	}
	if t.Stages == "" {
		if err := detect.Privilege(machine); err != nil {
			return err
		}
	}
	return t.trace(script, machine, params)
}

func (t *traceCommand) source() (*lang.Source, []string, error) {
	given := append(slices.Clone(t.Params), t.Rest...)
	if t.Script != nil { // an empty one may be the first parameter of -e
		given = slices.Insert(given, 0, *t.Script)
	}
	switch {
	case t.Text != "":
		return lang.NewSource("-e", t.Text), given, nil
	case len(given) == 0:
		return nil, nil, errors.New("nothing to trace: give a script file, or a one-liner with -e 'kprobe:vfs_read { @[comm] = count() }'")
	}
	source, err := readScript(given[0])
	return source, given[1:], err
}

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

func (t *traceCommand) compilation(params []string) compiler.Options {
	positional, named := parameters(params)
	return compiler.Options{
		Args: positional, Named: named, Attach: mechanism(t.Attach), Strict: t.Strict, Unsafe: t.Unsafe,
		Environment: os.Getenv, Refused: map[string]bool{}, Stage: t.stage(),
	}
}

// trace prints the stages that were asked for, or traces.
func (t *traceCommand) trace(script *lang.Script, machine *target.Target, params []string) error {
	if t.Stages != "" {
		_, err := compiler.Compile(script, machine, t.compilation(params))
		return say(err)
	}
	caught := catchSignals()
	if err := t.needsStdout(machine); err != nil {
		return err
	}
	err := t.try(script, machine, params, caught)
	if t.out == nil {
		return err
	}
	return closeOutput(t.out, err)
}

// try compiles, loads and runs, and does so again with a plainer mechanism where the kernel refuses the cheaper one.
func (t *traceCommand) try(script *lang.Script, machine *target.Target, params []string, caught *signals) error {
	options := t.compilation(params)
	for {
		built, err := compiler.Compile(script, machine, options)
		if err != nil {
			return say(err)
		}
		if err := t.openOutput(); err != nil {
			return err
		}
		refused, err := t.run(built, machine, caught)
		if joined := new(runtime.JoinedError); errors.As(err, &joined) {
			t.tryAgain(err)
			options.Separate = true
			continue
		}
		if t.Attach != "auto" || !anyNew(refused, options.Refused) {
			return err
		}
		t.tryAgain(err)
		for _, probe := range refused {
			options.Refused[probe] = true
		}
	}
}

func (t *traceCommand) tryAgain(err error) {
	if t.Verbose {
		fmt.Fprintf(os.Stderr, "trying another way, because %s\n", lang.Printable(err.Error()))
	}
}

// anyNew tells whether compiling again can make a difference.
func anyNew(refused []string, known map[string]bool) bool {
	return slices.ContainsFunc(refused, func(probe string) bool { return !known[probe] })
}

func mechanism(name string) string {
	if name == "auto" {
		return ""
	}
	return name
}

// run traces with a compiled script; refused are the attach points for which another mechanism may serve.
func (t *traceCommand) run(built *object.Object, machine *target.Target, caught *signals) (refused []string, err error) {
	command, err := words(t.Command)
	if err != nil {
		return nil, err
	}
	session, err := runtime.Load(built, machine, runtime.Options{
		Stdout: t.out, Stderr: os.Stderr, JSON: t.Format == "json", Quiet: t.Quiet,
		Command: command, Pid: t.Pid, Signals: caught.caught, Unsafe: t.Unsafe,
	})
	if joined := new(runtime.JoinedError); errors.As(err, &joined) {
		return nil, err
	}
	if err != nil {
		return refusedPoints(err), say(err)
	}
	defer session.Close()
	t.notices(built)
	if t.DryRun {
		return nil, nil
	}
	caught.handOver()
	code, err := session.Run()
	if err != nil && session.Interrupted() {
		return nil, err
	}
	if err != nil {
		caught.takeBack()
		return refusedPoints(err), err
	}
	if code != 0 {
		return nil, exitError(code)
	}
	return nil, nil
}

// refusedPoints returns the attach points that failed by a mechanism that has an alternative.
func refusedPoints(err error) []string {
	var refused *runtime.RefusedError
	if errors.As(err, &refused) && refused.Tracing {
		var points []string
		for _, point := range refused.Program.Points {
			points = append(points, point.Probe)
		}
		return points
	}
	var failed *attach.Error
	if errors.As(err, &failed) && failed.Tracing {
		return append(failed.Probes, failed.Probe)
	}
	return nil
}

func (t *traceCommand) notices(built *object.Object) {
	if !t.Quiet {
		for _, notice := range built.Notices {
			fmt.Fprintln(os.Stderr, lang.Printable(notice))
		}
	}
	if !t.Verbose || t.List {
		return
	}
	for _, program := range built.Programs {
		for _, point := range program.Points {
			why := ""
			if point.Why != "" {
				why = ", because " + point.Why
			}
			fmt.Fprintf(os.Stderr, "%s: attached by %s%s\n", lang.Printable(point.Probe), point.Mechanism, why)
		}
	}
}

// stage returns the hook that prints the stages asked for.
func (t *traceCommand) stage() func(stage, name, text string) {
	if t.Stages == "" {
		return nil
	}
	return func(stage, name, text string) {
		if t.Stages == "all" || t.Stages == stage {
			fmt.Fprintf(stdout, "-- %s of %s\n%s\n", stage, name, text)
		}
	}
}

// say prints what is wrong with a script, and leaves only the exit code to report.
func say(err error) error {
	var diagnostics lang.Diagnostics
	if errors.As(err, &diagnostics) {
		diagnostics.Render(os.Stderr)
		return exitError(1)
	}
	var usage *compiler.UsageError
	if errors.As(err, &usage) {
		fmt.Fprintln(stdout, lang.Printable(usage.Text))
		if usage.Asked {
			return nil
		}
		return exitError(1)
	}
	return err
}

var stages = []string{"ast", "ir", "opt", "asm", "all"}

// AfterApply refuses flags that do not go together, and a stage that does not exist.
func (t *traceCommand) AfterApply() error {
	if t.BTF != "" && !t.List {
		return errors.New("--btf goes with -l")
	}
	if t.Stages != "" && !slices.Contains(stages, t.Stages) {
		return fmt.Errorf("there is no stage %q: ast, ir, opt, asm or all", t.Stages)
	}
	return nil
}

// before takes what stands behind -- for the script's parameters, and returns the rest. The other commands have files there.
func (t *traceCommand) before(arguments []string) []string {
	at := slices.Index(arguments, "--")
	if at < 0 || slices.Contains([]string{"fmt", "check", "help"}, arguments[0]) {
		return arguments
	}
	t.Rest = arguments[at+1:]
	return arguments[:at]
}
