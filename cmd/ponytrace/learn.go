package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/internal/teach/lesson"
	"github.com/ponytrace/ponytrace/internal/teach/markdown"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

type learnCommand struct {
	Run, Emulate, Check, Script, Events, Solution bool
	Texts                                         []string
	flags                                         *pflag.FlagSet
}

func learnFlags() *command {
	f := newFlags("learn")
	l := &learnCommand{flags: f}
	f.BoolVar(&l.Run, "run", false,
		"Run the script of the lesson: as root on this kernel, else in the emulator.")
	f.BoolVar(&l.Emulate, "emulate", false,
		"Run it in the emulator, which needs no root, on the events of the lesson.")
	f.BoolVar(&l.Check, "check", false,
		"Check a script for the exercise: learn 3 --check mine.pt. - is standard input.")
	f.StringArrayVarP(&l.Texts, "text", "e", nil, "With --check: the script itself, `TEXT`.")
	f.BoolVar(&l.Script, "script", false, "Print only the script of the lesson.")
	f.BoolVar(&l.Events, "events", false, "Print the events that happen in the emulator.")
	f.BoolVar(&l.Solution, "solution", false, "Print a solution of the exercise.")
	return &command{
		name:      "learn",
		arguments: []string{"[LESSON]", "[FILE]"},
		summary:   "Lessons about tracing and eBPF: list them, read one, run its script, check its exercise.",
		flags:     f,
		run:       l.run,
	}
}

func (l *learnCommand) run(arguments []string) error {
	if len(arguments) == 0 {
		return l.listOnly()
	}
	chosen, err := lesson.Find(arguments[0])
	if err != nil {
		return usageError{err}
	}
	if err := l.fits(arguments[1:]); err != nil {
		return usageError{err}
	}
	switch {
	case l.Check:
		return l.check(chosen, arguments[1:])
	case l.Run || l.Emulate:
		return l.play(chosen)
	case l.Script:
		fmt.Fprint(stdout, chosen.Script)
	case l.Events:
		fmt.Fprint(stdout, chosen.Events)
	case l.Solution:
		fmt.Fprint(stdout, chosen.Solution)
	default:
		return page(markdown.Render(chosen.Blocks(), textTerminal()))
	}
	return nil
}

// fits refuses flags that do not go together.
func (l *learnCommand) fits(files []string) error {
	chosen := 0
	for _, flag := range []bool{l.Run || l.Emulate, l.Check, l.Script, l.Events, l.Solution} {
		if flag {
			chosen++
		}
	}
	switch {
	case chosen > 1:
		return errors.New("--run, --check, --script, --events and --solution exclude each other")
	case !l.Check && len(l.Texts) > 0:
		return errors.New("-e goes with --check")
	case !l.Check && len(files) > 0:
		return fmt.Errorf("to check the script %s, use --check", files[0])
	case l.Check && len(files)+min(len(l.Texts), 1) != 1:
		return errors.New("which script is to be checked? Name one file, - for standard input, or give the script itself with -e")
	}
	return nil
}

// listOnly lists the lessons. What flags ask for needs one of them.
func (l *learnCommand) listOnly() error {
	flag := ""
	l.flags.Visit(func(f *pflag.Flag) { flag = cmp.Or(flag, "--"+f.Name) })
	if flag != "" {
		return usageError{fmt.Errorf("which lesson? %s needs its number, as in ponytrace learn 3 %[1]s", flag)}
	}
	return l.list()
}

func (l *learnCommand) list() error {
	lessons, err := lesson.All()
	if err != nil {
		return err
	}
	var b strings.Builder
	group := ""
	for _, lesson := range lessons {
		if lesson.Group != group {
			group = lesson.Group
			fmt.Fprintf(&b, "%s\n", group)
		}
		fmt.Fprintf(&b, "  %2d  %s\n", lesson.Number, lesson.Title)
	}
	b.WriteString("\nponytrace learn 1 shows the first lesson.\n")
	return page(b.String())
}

func (l *learnCommand) check(chosen *lesson.Lesson, files []string) error {
	source := ponytrace.NewSource("-e", strings.Join(l.Texts, "\n"))
	if len(files) > 0 {
		var err error
		if source, err = ponytrace.ReadSource(files[0]); err != nil {
			return err
		}
	}
	verdict, err := chosen.Examine(source, lesson.Machine())
	if err != nil {
		return say(err)
	}
	fmt.Fprint(stdout, chosen.Report(verdict, textTerminal()))
	if !verdict.Passed() {
		return exitError(1)
	}
	return nil
}

// play runs the script of a lesson on this kernel, if that is allowed.
func (l *learnCommand) play(chosen *lesson.Lesson) error {
	why := "as you ask"
	if !l.Emulate {
		machine, err := ponytrace.Detect()
		if err != nil {
			return err
		}
		lacking := ponytrace.Privilege(machine)
		if lacking == nil {
			return onThisKernel(chosen)
		}
		why = "because " + lacking.Error()
	}
	fmt.Fprintf(os.Stderr, "The script runs in the emulator, %s.\n", diag.Printable(why))
	terminal := (&traceCommand{out: os.Stdout, Color: "auto"}).terminal()
	code, err := chosen.Run(stdout, os.Stderr, terminal)
	if err == nil && code != 0 {
		return exitError(code)
	}
	return say(err)
}

func onThisKernel(chosen *lesson.Lesson) error {
	fmt.Fprintln(os.Stderr, "The script runs on this kernel. Ctrl-C ends it.")
	err := commandOf("").parse([]string{"-e", chosen.Script})
	if exit := exitError(0); err == nil || errors.As(err, &exit) {
		return err
	}
	return fmt.Errorf("%w; --emulate runs the script in the emulator", err)
}

// textTerminal is what texts are drawn on.
func textTerminal() markdown.Terminal {
	width := columns(unix.Stdout)
	return markdown.Terminal{Width: max(width, 0), Color: width >= 0 && wantsColor()}
}
