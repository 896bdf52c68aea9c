package runtime

import (
	"fmt"
	"io"

	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// notices go to whom the options name, or to standard error.
type notices struct {
	to     io.Writer
	notify func(report.Notice)
	quiet  bool
}

func (n *notices) tell(notice report.Notice) {
	if n.notify != nil {
		n.notify(notice)
		return
	}
	notice.Print(n.to)
}

// notice tells what is neither a loss nor a failure.
func (n *notices) notice(format string, args ...any) {
	if !n.quiet {
		n.tell(report.Notice{Text: fmt.Sprintf(format, args...)})
	}
}

func (n *notices) warn(format string, args ...any) { n.warnAt(diag.Span{}, format, args...) }

// warnAt tells that something that the script asked for did not work, and where it asked.
func (n *notices) warnAt(place diag.Span, format string, args ...any) {
	n.tell(report.Notice{Warning: true, Place: place, Text: fmt.Sprintf(format, args...)})
}

func (n *notices) losses(list []report.Loss) {
	for i := range list {
		n.tell(list[i].Notice())
	}
}
