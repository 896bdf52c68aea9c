// Package format writes values as text: the lines of printf, keys and values of maps,
// histograms and the time. Sinks append what it returns to their output.
//
// # Text
//
// The bytes are those of bpftrace 0.24 and later, since scripts and eyes are used to
// them:
//
//	@x: 5
//	@x[key, 2]: 5
//	@h[key]:
//	[2, 4)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
//
// A histogram is followed by a blank line, everything else is not.
//
// Three deviations, all on purpose: %d prints all 64 bits of its argument where bpftrace
// cuts it to an int, unless the script says %hd or %hhd; print(@lhist, top, div) divides;
// and text from the traced system cannot steer the terminal: control characters other
// than newline and tab, and bytes that are not UTF-8, become \xNN. What the script itself
// says in a format string is printed as it stands.
//
// A string that fills its space may have been cut and ends in "..". The space of str() is
// the setting max_strlen, in practice a power of two of at least 64; literals and comm
// are as big as their text, so smaller and odd sizes mean nothing unless the ending zero
// is missing.
//
// # Aggregations
//
// How an aggregation draws is a Drawing, registered under the name that records ask for
// it by, in a file of its own. One without a drawing prints its number.
//
// The bar of a style of histograms is always drawn from the same buckets (builtin.Hist,
// builtin.LinearHist):
//
//	bpftrace     52 columns of the largest bucket
//	dtrace       40 columns of the total, one empty bucket on either side
//	bcc          the tools of 2015: 38 columns of the largest bucket, less one; from the
//	             first bucket on
//	bcc-trimmed  the same from the first bucket that is not empty
//
// The bcc styles are for powers of two; linear histograms fall back to bpftrace's style
// there.
//
// # Speed
//
// A printf format is parsed once per event and then appends its pieces without
// allocation; see BenchmarkPrintf. (Rejected: fmt, which boxes every argument and differs
// from C in its flags.)
//
// Sources: bpftrace's output, DTrace's quantize, the tools of 2015, printf of C23
// (7.23.6.1).
//
//	https://github.com/bpftrace/bpftrace/tree/v0.24.0/src/output
//	https://github.com/oracle/dtrace-utils/blob/1781f153002410b55e2689f088be247fdde4032e/libdtrace/dt_consume.c
//	https://github.com/brendangregg/BPF-tools/tree/95fabbf4b02bce207665a9facbd01ba1fea97002/old/2015-03-25
//	https://www.open-std.org/jtc1/sc22/wg14/www/docs/n3096.pdf
package format

import (
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// Formatter writes values as the settings of a script ask for. It is not safe for
// concurrent use.
type Formatter struct {
	Width int  // in columns, to which tables and charts are drawn; 0 for bpftrace's own
	Color bool // bars and points have one

	settings object.Settings
	names    *report.Names
	events   map[*object.Event]*layout
	texts    map[string]*layout
	frames   []report.Frame // of the stack at hand
	indent   string         // stands before each frame of a stack
}

// New returns a formatter.
//
//go:noinline
func New(settings object.Settings, names *report.Names) *Formatter {
	return &Formatter{
		settings: settings, names: names, indent: stackIndent,
		events: map[*object.Event]*layout{}, texts: map[string]*layout{},
	}
}

// Drawing is how an aggregation prints.
type Drawing struct {
	Draw func(f *Formatter, b []byte, v report.Value) []byte
	// Multiline: it takes lines of its own, each with its end.
	Multiline bool
	// Heads reports whether it prints a heading even where nothing was recorded; nil for
	// never.
	Heads func(f *Formatter, t *types.Type) bool
}

var drawings = map[types.Drawing]Drawing{}

// Register sets what draws the aggregations whose records ask for it. It is for init
// functions.
func Register(name types.Drawing, d Drawing) { drawings[name] = d }

// Multiline reports whether values of the type take lines of their own.
func Multiline(t *types.Type) bool { return t.Aggregation() && drawings[t.Draws()].Multiline }

// Heads reports whether values of the type print a heading even where nothing was
// recorded.
func (f *Formatter) Heads(t *types.Type) bool {
	heads := drawings[t.Draws()].Heads
	return heads != nil && heads(f, t)
}

// AppendKey appends the parts of a row's key. A key that is one tuple goes without its
// parentheses.
func (f *Formatter) AppendKey(b []byte, row report.Row, separator string) []byte {
	if row.KeyParts() == 1 && row.KeyPart(0).Type.Kind == types.Tuple {
		return f.appendParts(b, row.KeyPart(0), separator)
	}
	for i := range row.KeyParts() {
		if i > 0 {
			b = append(b, separator...)
		}
		b = f.AppendValue(b, row.KeyPart(i))
	}
	return b
}

// AppendFlatKey appends a key as AppendKey does, with the frames of stacks not indented.
func (f *Formatter) AppendFlatKey(b []byte, row report.Row, separator string) []byte {
	f.indent = ""
	b = f.AppendKey(b, row, separator)
	f.indent = stackIndent
	return b
}

// AppendJoined appends texts up to the first empty one.
func AppendJoined(b []byte, item report.Joined) []byte {
	for i, v := range item.Texts {
		text, _ := v.Text()
		if len(text) == 0 {
			break
		}
		if i > 0 {
			b = append(b, item.Separator...)
		}
		b = AppendSafe(b, text)
	}
	return b
}

// AppendMoment appends a moment in the time zone that is printed in.
func (f *Formatter) AppendMoment(b []byte, item report.Moment) []byte {
	return AppendTime(b, item.Format, f.names.Local(item.Time))
}
