package diag

import (
	"cmp"
	"slices"

	"github.com/ponytrace/ponytrace/lang/order"
)

// Diagnostic is one message about a script, in the user's terms.
type Diagnostic struct {
	Span    Span
	Message string // no trailing full stop
	Hint    string // a suggestion ("did you mean ..."), or empty
	// Related points at a second place, such as the earlier assignment that a type
	// conflicts with.
	Related []Related
	Warning bool
}

// Related is a further place that explains a Diagnostic.
type Related struct {
	Span    Span
	Message string
}

// Diagnostics is a list of messages in the order of the script; as an error it prints
// them all.
type Diagnostics []Diagnostic

// Sorted returns the messages in the order of their places, each once; nil for none.
// Those of several scripts stand together by script.
func (d Diagnostics) Sorted() Diagnostics {
	sorted := slices.Clone(d)
	first := map[*Source]int{}
	for i, one := range d {
		if _, known := first[one.Span.Source]; !known {
			first[one.Span.Source] = i
		}
	}
	order.Stable(sorted, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(first[a.Span.Source], first[b.Span.Source]), cmp.Compare(a.Span.Start, b.Span.Start), cmp.Compare(a.Span.End, b.Span.End))
	})
	return slices.CompactFunc(sorted, func(a, b Diagnostic) bool {
		return a.Span == b.Span && a.Message == b.Message
	})
}

// MaxDiagnostics keeps a file that is no script from filling the screen.
const MaxDiagnostics = 100

// Limited cuts the list after MaxDiagnostics messages, and says so in one more.
func (d Diagnostics) Limited() Diagnostics {
	if len(d) <= MaxDiagnostics {
		return d
	}
	last := Diagnostic{Span: d[MaxDiagnostics].Span, Message: "too many errors; what follows is not read"}
	return append(d[:MaxDiagnostics:MaxDiagnostics], last)
}

// HasErrors tells errors from a list of nothing but warnings.
func (d Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(d, func(one Diagnostic) bool { return !one.Warning })
}
