package ir

import (
	"fmt"
	"runtime/debug"

	"github.com/ponytrace/ponytrace/lang/diag"
)

// Error is a mistake of the compiler, never of the user: a broken invariant. It is thrown
// by Fail and caught at the door of each package behind the IR.
type Error struct {
	Span diag.Span // the clause or expression being compiled
	Func string
	Text string
}

// Error names the script line, for the report that the user is asked to send.
func (e *Error) Error() string {
	if e.Span.Source == nil {
		return fmt.Sprintf("internal error in %s: %s", e.Func, e.Text)
	}
	line, column := e.Span.Source.Position(e.Span.Start)
	return fmt.Sprintf("%s:%d:%d: internal error in %s: %s", e.Span.Source.Name, line, column, e.Func, e.Text)
}

// Fail panics with an Error.
//
//go:noinline
func (f *Func) Fail(span diag.Span, format string, args ...any) {
	if span.Source == nil {
		span = f.Span
	}
	panic(&Error{Span: span, Func: f.Name, Text: fmt.Sprintf(format, args...)})
}

// Blame, deferred, makes of any other panic an Error at the span, with the stack for
// whoever reads the report.
func Blame(span diag.Span, name string) {
	switch thrown := recover().(type) {
	case nil:
	case *Error:
		panic(thrown)
	default:
		panic(&Error{Span: span, Func: name, Text: fmt.Sprintf("%v\n%s", thrown, debug.Stack())})
	}
}

// Catch, deferred, turns the panic of Fail into an error. Other panics go on.
func Catch(err *error) {
	switch thrown := recover().(type) {
	case nil:
	case *Error:
		*err = thrown
	default:
		panic(thrown)
	}
}
