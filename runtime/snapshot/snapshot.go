// Package snapshot makes values of Go of what a map of a script holds at one moment.
//
// A program that embeds the tracer wants numbers, texts and stacks that it may keep, not
// views of bytes. So everything here is copied: a snapshot stays as it is while tracing
// goes on. Sinks do without it, as a value of Go for each leaf of a million keys would
// cost them an allocation each.
//
// A value of the script becomes
//
//	an integer         int64, or uint64 where it is unsigned; a pointer uint64
//	a bool             bool
//	a string           string, as it was, control characters included
//	a buffer           []byte, also for an array of bytes
//	an array, a tuple  []any
//	a struct, record   []Field
//	a probe's name     string
//	a number that has a name (an enum, a signal, an error, a system call, a user, a cgroup)  Named
//	ksym, usym         Frame
//	kstack, ustack     []Frame, the innermost first
//	strftime           time.Time; the zero Time for 0
//	inet_ntop          netip.Addr
//	macaddr            [6]byte
//	count              uint64
//	sum, min, max      int64 or uint64
//	avg, stats         Stats
//	hist, lhist        Histogram
//	tseries            []Interval
//	quantiles          Quantiles
//
// Bytes that a script calls a string may be no UTF-8. Whoever prints them to a terminal
// has to keep control characters from it, as the command does.
package snapshot

import (
	"math"
	"time"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/numbers"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// Table is what a map held at one moment.
type Table struct {
	Map  string // its name, without the at sign
	Rows []Row  // in the order in which they print
}

// Row is a key and its value. A map without a key has one row, or none when nothing was
// assigned.
type Row struct {
	Key   []any
	Value any
}

// Named is a number that stands for a name; Name is empty where it stands for none.
type Named struct {
	Number int64
	Name   string
}

// Field is a member of a struct or record.
type Field struct {
	Name  string
	Value any
}

// Frame is a function at an address.
type Frame = report.Frame

// Stats is what avg() and stats() keep. The total of unsigned values is the same 64 bits.
type Stats struct {
	Count   uint64
	Total   int64
	Average int64
}

// Histogram is the buckets from the first to the last that are not empty.
type Histogram []Bucket

// Bucket counts the values of at least Low and less than High. A bound that no int64
// holds, or that the bucket does not have, is the least or the greatest int64.
type Bucket struct {
	Low, High int64
	Count     uint64
}

// Total is how many values are in the histogram.
func (h Histogram) Total() (n uint64) {
	for _, bucket := range h {
		n += bucket.Count
	}
	return n
}

// Interval is the value of an interval of a time series that had an event.
type Interval struct {
	Start time.Time
	Value any // int64, or uint64
}

// Of copies a table. The names are asked for from the calling goroutine.
func Of(t *report.Table, names *report.Names) *Table {
	c := converter{names}
	copied := &Table{Map: t.Name}
	if t.Empty() {
		return copied
	}
	for row := range t.Rows() {
		r := Row{Value: c.value(row.Value(0))}
		for part := range row.KeyParts() {
			r.Key = append(r.Key, c.value(row.KeyPart(part)))
		}
		copied.Rows = append(copied.Rows, r)
	}
	return copied
}

// converter makes values of Go.
type converter struct{ names *report.Names }

func (c converter) value(v report.Value) any {
	switch kind := v.Type.Kind; {
	case kind == types.None:
		return nil
	case v.Type.Aggregation():
		return c.aggregation(v)
	case report.Named(v.Type):
		return c.named(v)
	case v.Type.ByteArray() || kind == types.Buffer && v.Type.Elem == nil:
		return append([]byte{}, v.Bytes()...)
	case kind == types.Bool:
		return v.Uint() != 0
	case kind == types.Enum:
		return Named{v.Int(), nameOf(v.Type, v.Int())}
	case kind == types.Pointer:
		return v.Uint()
	case kind == types.String:
		text, _ := v.Text()
		return string(text)
	case kind == types.Struct || kind == types.Record:
		return c.fields(v)
	case kind != types.Int:
		return c.parts(v)
	case v.Type.Size > 8:
		return append([]byte{}, v.Raw...)
	}
	return integer(v.Uint(), v.Type.Signed)
}

func integer(n uint64, signed bool) any {
	if signed {
		return int64(n)
	}
	return n
}

func nameOf(t *types.Type, number int64) string {
	for _, value := range t.Values {
		if value.Value == number {
			return value.Name
		}
	}
	return ""
}

func (c converter) parts(v report.Value) []any {
	parts := make([]any, v.Len())
	for i := range parts {
		parts[i] = c.value(v.Part(i))
	}
	return parts
}

func (c converter) fields(v report.Value) []Field {
	fields := make([]Field, v.Len())
	for i := range fields {
		fields[i] = Field{v.Type.Fields[i].Name, c.value(v.Part(i))}
	}
	return fields
}

// named is for numbers and memory that stand for something.
func (c converter) named(v report.Value) any {
	switch v.Type.Kind {
	case types.KernelSymbol, types.UserSymbol:
		return c.names.Frames(nil, v.Value)[0]
	case types.KernelStack, types.UserStack:
		return c.names.Frames(nil, v.Value)
	case types.ProbeName:
		return c.names.Probe(v.Value)
	case types.Timestamp:
		return c.moment(v.Uint())
	case types.NetworkAddress:
		return v.Inet()
	case types.MACAddress:
		return [6]byte(v.Raw)
	}
	return Named{v.Int(), c.name(v)}
}

func (c converter) moment(nsecs uint64) time.Time {
	if nsecs == 0 {
		return time.Time{}
	}
	return c.names.Moment(nsecs)
}

// name is what a number stands for.
func (c converter) name(v report.Value) string {
	switch v.Type.Kind {
	case types.ErrorText:
		return numbers.Error(v.Int())
	case types.SignalName:
		return numbers.Signal(v.Int())
	case types.SyscallName:
		return numbers.Syscall(v.Int())
	case types.UserName:
		name, _ := c.names.Account(v.Uint())
		return name
	}
	return c.names.Cgroup(v.Uint(), v.Type.Name)
}

// drawings are what aggregations become for which no single number stands, by how they
// draw.
var drawings = map[types.Drawing]func(c converter, v report.Value) any{
	types.DrawAverage: stats,
	types.DrawStats:   stats,
	types.DrawPowers:  histogram,
	types.DrawLinear:  histogram,
	types.DrawSeries:  converter.intervals,
}

func (c converter) aggregation(v report.Value) any {
	if convert, special := drawings[v.Type.Draws()]; special {
		return convert(c, v)
	}
	return integer(v.Number(), v.Type.Signed)
}

func stats(_ converter, v report.Value) any {
	s := v.Stats()
	return Stats{Count: s.Count, Total: int64(s.Total), Average: int64(s.Average)}
}

func histogram(_ converter, v report.Value) any {
	first, last := v.Filled()
	h := Histogram{}
	for i := first; i <= last; i++ {
		low, high := bounds(v.Type, i)
		h = append(h, Bucket{low, high, v.Word(i)})
	}
	return h
}

// bounds are the first value of a bucket and the first of the next.
func bounds(t *types.Type, i int) (low, high int64) {
	low, high = math.MinInt64, math.MaxInt64
	switch linear := t.Draws() == types.DrawLinear; {
	case linear && i == 0:
		return low, t.Low
	case linear && i == t.Words()-1:
		return t.High, high
	case linear:
		return report.LinearBounds(t, i)
	case i == 0:
		return low, 0
	case i < t.Words()-1:
		high = clamped(types.HistLow(i+1, t.Bits))
	}
	return clamped(types.HistLow(i, t.Bits)), high
}

func clamped(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

func (c converter) intervals(v report.Value) any {
	var list []Interval
	for _, point := range v.Used() {
		start := c.moment(point.Interval * uint64(v.Type.Step))
		list = append(list, Interval{start, integer(point.Value, v.Type.Signed)})
	}
	return list
}
