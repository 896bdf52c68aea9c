package api

import (
	"errors"
	"strings"

	"github.com/ponytrace/ponytrace/lang/diag"
)

// Problem is a message about a script. Start and End count bytes; both are 0 where it has
// no place.
type Problem struct {
	Start   int    `json:"start"`
	End     int    `json:"end"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Text    string `json:"text"` // with the line and a caret, as a terminal shows it
	Warning bool   `json:"warning,omitempty"`
}

// problemsOf is nil for no error.
func problemsOf(err error) (list []Problem) {
	var diagnostics diag.Diagnostics
	switch {
	case err == nil:
	case errors.As(err, &diagnostics):
		for _, d := range diagnostics {
			list = append(list, problemOf(d))
		}
	default:
		list = []Problem{{Message: err.Error(), Text: diag.Printable(err.Error())}}
	}
	return list
}

func problemOf(d diag.Diagnostic) Problem {
	var text strings.Builder
	d.Render(&text)
	p := Problem{Message: d.Message, Hint: d.Hint, Text: text.String(), Warning: d.Warning}
	if d.Span.Source != nil {
		p.Start, p.End = d.Span.Start, d.Span.End
	}
	return p
}
