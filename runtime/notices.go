package runtime

import (
	"fmt"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// tell hands a notice to whom the options name, or prints it on standard error.
func (s *Session) tell(n report.Notice) {
	if s.options.Notify != nil {
		s.options.Notify(n)
		return
	}
	n.Print(s.options.Stderr)
}

// notice tells what is neither a loss nor a failure.
func (s *Session) notice(format string, args ...any) {
	if !s.options.Quiet {
		s.tell(report.Notice{Text: fmt.Sprintf(format, args...)})
	}
}

func (s *Session) warn(format string, args ...any) {
	s.tell(report.Notice{Warning: true, Text: fmt.Sprintf(format, args...)})
}

// warnAt tells that something that the script asked for did not work, and where it asked.
func (s *Session) warnAt(event *object.Event, format string, args ...any) {
	s.flush()
	s.tell(report.Notice{Warning: true, Place: event.Source, Text: fmt.Sprintf(format, args...)})
}

func (s *Session) tellLosses(list []report.Loss) {
	for i := range list {
		s.tell(list[i].Notice())
	}
}
