// Command ponytrace traces a live Linux system with one line or a script.
//
// This package holds flags and nothing else: what is traced, how it is compiled, loaded
// and printed is the business of the library, the package at the root. The exit code is
// that of the script's exit(n), 0 when it has none, and 1 for wrong usage or a script
// with errors.
//
// # Whose flag is it
//
// What stands before the script is for ponytrace, what follows it is for the script:
//
//	ponytrace -v tool.pt --every=3 7
//	          │          └ the script's: getopt("every"), $1
//	          └ ponytrace's own
//
// One "--" after the script's name, or after -e TEXT, separates nothing any more and is
// dropped, because that is how other tracers want it written.
//
// # One table
//
// Each command (command.go) is a set of flags with their texts, from which parsing, -h,
// the man page (manual.go) and the completions of the shells (complete.go) are made. The
// flags of bpftrace that are not here are in foreign.go, with what serves instead.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/ponytrace/ponytrace/lang/diag"
)

// exitError ends the process with a code, without another message.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is a mistake on the command line.
type usageError struct{ error }

func main() { os.Exit(exitCode(codeOf(run(os.Args[1:])))) }

func codeOf(err error) int {
	var exit exitError
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "ponytrace: %s (ponytrace -h lists the flags)\n", diag.Printable(err.Error()))
		return 1
	}
	fmt.Fprintf(os.Stderr, "ERROR: %s\n", diag.Printable(err.Error()))
	return 1
}
