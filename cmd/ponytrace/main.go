// Command ponytrace traces a live Linux system with one line or a script.
//
// This package holds flags and nothing else: what is traced, how it is compiled, loaded and printed is the
// business of the packages lang, compiler and runtime, in that order. The exit code is that of
// the script's exit(n), 0 when it has none, and 1 for wrong usage or a script with errors.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kong"
	"github.com/ponytrace/ponytrace/lang"
)

// version is set by the linker.
var version = "development"

// commands is what may follow the program's name.
type commands struct {
	Trace traceCommand `cmd:"" default:"withargs" help:"Trace with a one-liner or a script (the default)."`
	Fmt   fmtCommand   `cmd:"" help:"Write scripts in the one style."`
	Check checkCommand `cmd:"" help:"Report the errors of scripts without tracing."`
	Help  helpCommand  `cmd:"" help:"Describe a function, variable, probe or setting."`

	Version kong.VersionFlag `short:"V" help:"Show the version."`
}

// exitError ends the process with a code; what there was to say has been said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func main() {
	var cli commands
	parser := kong.Must(&cli,
		kong.Name("ponytrace"),
		kong.Description("A dynamic tracer for Linux: one line, compiled straight to eBPF."),
		kong.Help(help),
		kong.Vars{"version": "ponytrace " + version},
		kong.Writers(stdout, os.Stderr),
		kong.Exit(func(code int) { os.Exit(exitCode(min(code, 1))) }),
	)
	context, err := parser.Parse(cli.Trace.before(os.Args[1:]))
	if err != nil {
		fmt.Fprintf(os.Stderr, "ponytrace: %s (ponytrace -h lists the flags)\n", lang.Printable(err.Error()))
		os.Exit(1)
	}
	os.Exit(exitCode(codeOf(context.Run())))
}

func codeOf(err error) int {
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	}
	fmt.Fprintf(os.Stderr, "ERROR: %s\n", lang.Printable(err.Error()))
	return 1
}
