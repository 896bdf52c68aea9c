package attach

import "github.com/ponytrace/ponytrace/compiler/object"

// RefusedError says that the kernel refused to load a program, or to attach it, in the
// way that was tried.
type RefusedError struct {
	Program string // its name in the kernel
	// Probes are all that the program serves. When it was being attached, the one that
	// failed comes first.
	Probes    []string
	Mechanism object.Mechanism
	Loading   bool // it was not attached yet
	// Kernel is the end of the verifier's log, or what the kernel's error number means.
	Kernel  string
	Instead Instead
	// Untraceable: the kernel lets nothing attach there.
	Untraceable bool
	Message     string // the whole, in the terms of the script
	Cause       error
}

func (e *RefusedError) Error() string { return e.Message }
func (e *RefusedError) Unwrap() error { return e.Cause }

// Instead is what may serve where the kernel refuses a program.
type Instead uint8

const (
	// Nothing: the same script is refused in every way.
	Nothing Instead = iota
	// Plainer is a mechanism that asks less of the kernel: compile again with the probes
	// in compiler.Options.Refused.
	Plainer
	// Separate is a program for each of the clauses that share the one that was refused:
	// compile again with compiler.Options.Separate.
	Separate
)

var insteadTexts = [...]string{
	Nothing: "nothing", Plainer: "a plainer mechanism", Separate: "a program for each clause",
}

// String names what may serve, as in "a plainer mechanism".
func (i Instead) String() string { return insteadTexts[i] }
