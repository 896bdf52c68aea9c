package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/runtime/detect"
	"github.com/spf13/pflag"
)

type traceCommand struct {
	out     *os.File // what Output names
	percent int      // of the garbage collector while it traces
	Script  string   // what stands after the flags, but with -e
	Named   bool     // there is a script
	Params  []string // what follows
	Texts   []string
	Command string
	words   []string // of Command
	Pids    []int
	Family  bool
	Cgroups []string
	Only    *regexp.Regexp
	Output  string
	Format  string
	Buffer  string
	Color   string
	Verbose bool
	Quiet   bool
	Stages  string
	List    bool
	BTF     string
	DryRun  bool
	Attach  string
	Strict  bool
	Reads   bool
	Info    bool
	Unsafe  bool
	flags   *pflag.FlagSet
}

var stages = append(ponytrace.StageNames(), "all", "verifier", "jit")

// foreignStages are bpftrace's names.
var foreignStages = map[string]string{
	"codegen": "ir", "codegen-opt": "opt", "dis": "asm", "disasm": "asm", "libbpf": "asm", "parse": "ast",
}

// traceFlags is the command that needs no word.
func traceFlags() *command {
	t := &traceCommand{flags: newFlags("ponytrace")}
	f := t.flags
	f.SetInterspersed(false)
	f.StringArrayVarP(&t.Texts, "text", "e", nil,
		"The script itself: `TEXT`. Several are one script, a line each.")
	f.StringVarP(&t.Command, "command", "c", "", "Run a command, `CMD`, and end with it.")
	f.VarP(&processNumbers{&t.Pids}, "pid", "p",
		"Trace only the process `PID`, all its threads, and end with it. Several are joined "+
			"by commas.")
	f.BoolVar(&t.Family, "children", false,
		"With -p: and all that it starts. With -c: only the command and all that it starts.")
	f.Var(&cgroups{&t.Cgroups, ponytrace.CgroupFolder}, "cgroup",
		"Trace only what runs in the control group (version 2) at `PATH`, or below. Several may be given.")
	f.Var(&cgroups{&t.Cgroups, ponytrace.ContainerFolder}, "container",
		"Trace only what runs in the container `ID`, or the beginning of it.")
	f.Var(&pattern{&t.Only}, "probe-filter",
		"Attach only the probes whose names match the `REGEX`, and BEGIN and END.")
	f.StringVarP(&t.Output, "output", "o", "", "Write what the script prints to a new `FILE`.")
	oneOf(f, &t.Format, "format", "f", "FORMAT", "Output format", ponytrace.Formats()...)
	oneOf(f, &t.Buffer, "buffer", "B", "MODE", "When output is written: at once, for each event, or when there is much", "line", "none", "full")
	oneOf(f, &t.Color, "color", "", "WHEN",
		"Colours in the output; auto is on a terminal, unless NO_COLOR is set", "auto", "always", "never")
	f.BoolVarP(&t.Verbose, "verbose", "v", false, "Tell how each probe is attached.")
	f.BoolVarP(&t.Quiet, "quiet", "q", false, "No notices but losses.")
	f.BoolVarP(&t.List, "list", "l", false, "List the probes that match a pattern, as in 'tracepoint:sched:*', or those of a script; "+
		"with -v their arguments. 'struct NAME' shows a type.")
	f.StringVar(&t.BTF, "btf", "", "With -l: of the kernel whose types the `FILE` holds.")
	f.BoolVar(&t.DryRun, "dry-run", false, "Compile, load and attach, then leave: no clause runs.")
	oneOf(f, &t.Attach, "attach", "", "WAY", "Force how probes are attached", append([]string{"auto"}, ponytrace.Ways()...)...)
	f.BoolVarP(&t.Reads, "failed-reads", "k", false,
		"Tell where in the script memory could not be read, and how often.")
	f.BoolVar(&t.Strict, "strict", false, "Refuse functions that were renamed.")
	f.BoolVar(&t.Unsafe, "unsafe", false,
		"Allow functions that change the system: system, signal, override.")
	oneOfAny(f, &t.Stages, "dump", "d", "STAGE", "Print a stage of the compiler, or what the kernel makes of it, and do not trace", stages...).foreign = foreignStages
	f.BoolVar(&t.Info, "info", false,
		"Tell what this kernel and these privileges allow, and why not.")
	version := f.BoolP("version", "V", false, "Show the version.")
	return &command{
		arguments: []string{"SCRIPT|-e TEXT", "[PARAMETERS]"},
		summary:   "A dynamic tracer for Linux: one line, compiled straight to eBPF.",
		details:   traceDetails,
		flags:     f,
		run: func(arguments []string) error {
			if *version {
				fmt.Fprintln(stdout, "ponytrace", versionText())
				return nil
			}
			if t.Info {
				return printInfo()
			}
			return t.Run(arguments)
		},
	}
}

const traceDetails = `What follows the script belongs to the script: its parameters are $1, $2, ... and --name=value.

Examples:
  ponytrace -e 'kprobe:vfs_read { @[comm] = count() }'
  ponytrace examples/bitehist.pt 5
  ponytrace -lv 'tracepoint:sched:*'

Besides tracing:
  ponytrace help [WORD]   describe a function, variable, probe, setting or topic
  ponytrace check FILE    report the errors of a script
  ponytrace explain FILE  explain what a script becomes, instruction by instruction
  ponytrace fmt FILE      write a script in the one style
  ponytrace learn         lessons, from the first probe to the verifier
  ponytrace step FILE     step through the instructions of a script, forwards and backwards`

// take tells the script from its parameters, and refuses flags that do not go together.
func (t *traceCommand) take(arguments []string) error {
	if err := t.takeScript(arguments); err != nil {
		return err
	}
	switch {
	case t.BTF != "" && !t.List:
		return errors.New("--btf goes with -l")
	case t.Command == "" && t.flags.Changed("command"):
		return errors.New("-c has no command")
	case t.Command != "" && len(t.Pids) > 0:
		return errors.New("-c and -p exclude each other: the tracing ends with the command, " +
			"or with the process")
	case t.Family && len(t.Pids) > 0 && !detect.InitialProcesses():
		return errors.New("--children of -p needs ponytrace to run in the initial PID namespace: " +
			"the kernel numbers children as that does")
	case t.Family && t.Command == "" && len(t.Pids) == 0:
		return errors.New("--children goes with -p or -c")
	}
	return nil
}

func (t *traceCommand) takeScript(arguments []string) (err error) {
	dashed := t.flags.ArgsLenAtDash() >= 0
	switch {
	case len(t.Texts) > 0:
		return t.takeParameters(arguments, dashed)
	case t.List && len(arguments) > 1 && !isScript(arguments[0]):
		return t.takePatterns(arguments)
	case len(arguments) > 0:
		t.Script, t.Named, arguments = arguments[0], true, arguments[1:]
	}
	t.Params, err = t.scriptsOwn(arguments, dashed)
	return err
}

// takeParameters is for -e, where no name of a script parts its parameters from
// ponytrace's flags: up to a "--" both may stand in any order.
func (t *traceCommand) takeParameters(arguments []string, dashed bool) error {
	for len(arguments) > 0 && !dashed {
		if arguments[0] == "--" {
			arguments = arguments[1:]
			break
		}
		if !t.isFlag(arguments[0]) || arguments[0] == "--help" {
			t.Params, arguments = append(t.Params, arguments[0]), arguments[1:]
			continue
		}
		n, err := t.takeFlag(arguments)
		if err != nil {
			return (&command{flags: t.flags}).explain(err)
		}
		arguments = arguments[n:]
	}
	t.Params = append(t.Params, arguments...)
	return nil
}

// takeFlag parses the word in front, with the next one if that is its value, and returns
// how many they are.
func (t *traceCommand) takeFlag(arguments []string) (int, error) {
	err := t.flags.Parse(arguments[:1])
	if lacking := new(pflag.ValueRequiredError); errors.As(err, &lacking) && len(arguments) > 1 {
		return 2, t.flags.Parse(arguments[:2])
	}
	return 1, err
}

// isFlag reports whether a word is one of ponytrace's flags.
func (t *traceCommand) isFlag(word string) bool {
	if name, long := strings.CutPrefix(word, "--"); long {
		name, _, _ = strings.Cut(name, "=")
		return t.flags.Lookup(name) != nil
	}
	return len(word) > 1 && word[0] == '-' && t.flags.ShorthandLookup(word[1:2]) != nil
}

// takePatterns is for -l, where flags may follow: patterns have no parameters.
func (t *traceCommand) takePatterns(patterns []string) error {
	t.flags.SetInterspersed(true)
	if err := t.flags.Parse(patterns); err != nil {
		return (&command{flags: t.flags}).explain(err)
	}
	t.Script, t.Params, t.Named = t.flags.Arg(0), t.flags.Args()[1:], true
	return nil
}

// scriptsOwn removes the "--" that separates nothing any more.
func (t *traceCommand) scriptsOwn(given []string, dashed bool) ([]string, error) {
	at := slices.Index(given, "--")
	before := given
	if at >= 0 {
		before = given[:at]
	}
	if dashed {
		return given, nil
	}
	for _, text := range before {
		if t.isFlag(text) && !strings.HasPrefix(text, "--") {
			return nil, fmt.Errorf("%s follows the script, where all is the script's own: "+
				"ponytrace's flags come before it, and after -- it is a parameter", text)
		}
	}
	if at >= 0 {
		return slices.Concat(before, given[at+1:]), nil
	}
	return given, nil
}
