// Package render prints: the lines of printf, maps, histograms and the time, as text or as JSON. It decodes
// nothing and knows nothing of the kernel; it gets views of bytes (package events) and descriptions of
// them (package object) and appends to one buffer that Flush writes out.
//
// # Text
//
// The bytes are those of bpftrace 0.24 and later, since scripts and eyes are used to them:
//
//	@x: 5
//	@x[key, 2]: 5
//	@h[key]:
//	[2, 4)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
//
// A histogram is followed by a blank line, everything else is not.
//
// Three deviations, all on purpose: %d prints all 64 bits of its argument where bpftrace cuts it to an int, unless
// the script says %hd or %hhd; print(@lhist, top, div) divides; and text from the traced system cannot
// steer the terminal: control characters other than newline and tab, and bytes that are not UTF-8, become
// \xNN. What the script itself says in a format string is printed as it stands.
//
// A string that fills its space may have been cut and ends in "..". The space of str() is the setting max_strlen,
// in practice a power of two of at least 64; literals and comm are as big as their text, so smaller
// and odd sizes mean nothing unless the ending zero is missing.
//
// # Histograms
//
// The bar of a style is always drawn from the same buckets (types.Words):
//
//	bpftrace     52 columns of the largest bucket
//	dtrace       40 columns of the total, one empty bucket on either side
//	bcc          the tools of 2015: 38 columns of the largest bucket, less one; from the first bucket on
//	bcc-trimmed  the same from the first bucket that is not empty
//
// The bcc styles are for powers of two; linear histograms fall back to bpftrace's style there.
//
// # Speed
//
// A printf format is parsed once per event and then appends its pieces without allocation; see
// BenchmarkPrintf. (Rejected: fmt, which boxes every argument and differs from C in its flags.)
//
// # JSON
//
// One object a line, with the members of bpftrace's. Integers that a double cannot hold are strings. Spaces within
// keys are kept, but for the indentation of stacks; bpftrace takes them out and so makes one of two keys.
//
// Sources: bpftrace's output (https://github.com/bpftrace/bpftrace/tree/v0.24.0/src/output),
// DTrace's quantize (https://github.com/oracle/dtrace-utils/blob/1781f153002410b55e2689f088be247fdde4032e/libdtrace/dt_consume.c),
// the tools of 2015 (https://github.com/brendangregg/BPF-tools/tree/95fabbf4b02bce207665a9facbd01ba1fea97002/old/2015-03-25),
// printf of C23 (https://www.open-std.org/jtc1/sc22/wg14/www/docs/n3096.pdf, 7.23.6.1).
package render

import (
	"io"
	"math"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// Renderer prints what a script says. It is not safe for concurrent use.
type Renderer interface {
	// Printf prints an event's format over its arguments.
	Printf(event *object.Event, args []events.Value)
	// Value prints one value on a line.
	Value(value events.Value)
	// Map prints the last top rows, all when top is 0, with values divided by divisor unless it is 0, and by the table's own.
	Map(t *events.Table, top, divisor int64)
	// Key prints the value of one row on a line.
	Key(t *events.Table, row int)
	// Printa prints the format once per key of any of the tables.
	Printa(format string, tables []*events.Table)
	// Cat prints what was read of a file, System what a command wrote, Join texts on a line of their own.
	Cat(text []byte)
	System(output []byte)
	Join(texts []events.Value, separator string)
	// Message is for warnf and errorf, told apart by kind ("warnf", "errorf"): it reports whether it printed it. If not, the
	// text that it returns is for standard error.
	Message(kind string, event *object.Event, args []events.Value) (text string, printed bool)
	// Format returns an event's format over its arguments.
	Format(event *object.Event, args []events.Value) string
	// Time prints a moment by a strftime format.
	Time(format string, now time.Time)
	// Text prints s as it stands.
	Text(s string)
	// Attaching tells that n probes are about to be attached. JSON then keeps what BEGIN prints until Attached or NotAttached:
	// its first line tells to how many probes the script is attached.
	Attaching(n int)
	Attached(n int)
	NotAttached()
	// Lost tells how many events were lost.
	Lost(n uint64)
	// Flush writes out what was printed. It returns the first error of any write.
	Flush() error
}

// printer is what both renderers share.
type printer struct {
	w        io.Writer
	err      error
	buf      []byte
	settings object.Settings
	names    Names
	events   map[*object.Event]*format
	formats  map[string]*format
	// indent stands before each frame of a stack.
	indent string
	// lastInterval is where all time series of the table at hand end.
	lastInterval uint64
}

func newPrinter(w io.Writer, settings object.Settings, names Names) printer {
	return printer{
		w: w, settings: settings, names: names, indent: stackIndent,
		events: map[*object.Event]*format{}, formats: map[string]*format{},
	}
}

// sort brings the rows of a table in the order that the settings ask for.
func (p *printer) sort(t *events.Table) {
	p.lastInterval = lastInterval(t)
	if p.settings.SortBy == "key" {
		t.SortByKey()
	} else {
		t.Sort()
	}
}

// Format returns an event's format over its arguments.
func (p *printer) Format(event *object.Event, args []events.Value) string {
	return string(p.appendFormat(nil, p.eventFormat(event), args))
}

// scale is what values of a table are divided by.
func scale(t *events.Table, divisor int64) int64 {
	a, b := max(divisor, 1), max(t.Divisor, 1)
	if a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

// appendJoined appends texts up to the first empty one.
func appendJoined(b []byte, texts []events.Value, separator string) []byte {
	for i, v := range texts {
		text, _ := v.Text()
		if len(text) == 0 {
			break
		}
		if i > 0 {
			b = append(b, separator...)
		}
		b = appendSafe(b, text)
	}
	return b
}

// fullBuffer is how much is kept before it is written without a Flush.
const fullBuffer = 64 << 10

// keep takes over the buffer that the renderer appended to.
func (p *printer) keep(b []byte) {
	p.buf = b
	if len(b) >= fullBuffer {
		p.write()
	}
}

func (p *printer) write() {
	if len(p.buf) > 0 && p.err == nil {
		_, p.err = p.w.Write(p.buf)
	}
	p.buf = p.buf[:0]
}

// Flush writes out the buffer.
func (p *printer) Flush() error {
	p.write()
	return p.err
}
