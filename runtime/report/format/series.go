package format

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/report"
)

func init() {
	Register(types.DrawSeries, Drawing{Draw: (*Formatter).appendSeries, Multiline: true})
}

// chart draws a time series, the time downwards.
type chart struct {
	points    []report.Point
	low, high int64
	signed    bool
	unit      string
	digits    int // of the fraction of a second
	fraction  time.Duration
	width     int    // in columns, with both borders
	mark      string // of a value
}

const (
	chartWidth = 53
	lowWidth   = 21 // of the label at the left end; the one at the right end takes what is left
	leastChart = 8
)

// appendSeries appends the chart of a time series.
func (f *Formatter) appendSeries(b []byte, v report.Value) []byte {
	points := v.Points()
	if len(points) == 0 {
		return append(b, "<no data>"...)
	}
	c := newChart(points, v.Type)
	c.mark = f.painted("*")
	if f.Width > 0 {
		c.width = max(leastChart, f.Width-c.timeWidth()-len("  ")-c.labelWidth())
	}
	b = c.appendScale(b)
	b = repeat(append(b, c.heading()...), ' ', c.timeWidth()+1-utf8.RuneCountInString(c.heading()))
	b = append(repeat(append(b, '|'), '_', c.width-2), "|\n"...)
	for _, next := range points {
		moment := f.names.Moment(next.Interval * uint64(v.Type.Step))
		b = append(c.appendMoment(b, moment), ' ')
		b = append(c.appendPoint(b, next), '\n')
	}
	b = repeat(b, ' ', c.timeWidth()+1)
	b = append(repeat(append(b, 'v'), '_', c.width-2), "v\n"...)
	return c.appendScale(b)
}

func newChart(points []report.Point, t *types.Type) *chart {
	c := &chart{points: points, signed: t.Signed, width: chartWidth}
	first := true
	for _, p := range points {
		switch n := int64(p.Value); {
		case p.Empty:
		case first:
			c.low, c.high, first = n, n, false
		case c.less(n, c.low):
			c.low = n
		case c.less(c.high, n):
			c.high = n
		}
	}
	if c.low == c.high {
		c.widen()
	}
	c.scaleTo(time.Duration(t.Step))
	return c
}

func (c *chart) less(a, b int64) bool {
	if c.signed {
		return a < b
	}
	return uint64(a) < uint64(b)
}

// widen makes room on both sides of a single value, where the type has any.
func (c *chart) widen() {
	if c.less(c.low-1, c.low) {
		c.low--
	}
	if c.less(c.high, c.high+1) {
		c.high++
	}
}

// scaleTo shows as much of the time as intervals of this length need.
func (c *chart) scaleTo(interval time.Duration) {
	switch {
	case interval >= time.Second:
		return
	case interval >= time.Millisecond:
		c.unit, c.digits, c.fraction = "ms", 3, time.Millisecond
	case interval >= time.Microsecond:
		c.unit, c.digits, c.fraction = "μs", 6, time.Microsecond
	default:
		c.unit, c.digits, c.fraction = "ns", 9, time.Nanosecond
	}
}

func (c *chart) heading() string {
	if c.unit == "" {
		return "hh:mm:ss"
	}
	return "hh:mm:ss." + c.unit
}

func (c *chart) timeWidth() int {
	if c.digits == 0 {
		return len("hh:mm:ss")
	}
	return len("hh:mm:ss.") + c.digits
}

func (c *chart) appendScale(b []byte) []byte {
	b = repeat(b, ' ', c.timeWidth()+1)
	low := c.width * lowWidth / chartWidth
	b = appendLeft(b, low, func(b []byte) []byte { return c.appendNumber(b, uint64(c.low)) })
	label := c.appendNumber(nil, uint64(c.high))
	return append(append(repeat(b, ' ', c.width-low-len(label)), label...), '\n')
}

// labelWidth is the width of the widest value.
func (c *chart) labelWidth() int {
	widest := len("-")
	var space [20]byte
	for _, p := range c.points {
		widest = max(widest, len(c.appendNumber(space[:0], p.Value)))
	}
	return widest
}

func (c *chart) appendNumber(b []byte, n uint64) []byte { return AppendNumber(b, n, c.signed) }

func (c *chart) appendMoment(b []byte, moment time.Time) []byte {
	b = moment.AppendFormat(b, "15:04:05")
	if c.digits == 0 {
		return b
	}
	return appendFilled(append(b, '.'), int64(moment.Nanosecond())/int64(c.fraction), c.digits, '0')
}

// appendPoint appends the line of an interval: a star between the borders, a dot where
// zero is.
func (c *chart) appendPoint(b []byte, p report.Point) []byte {
	start := len(b)
	b = append(repeat(append(b, '|'), ' ', c.width-2), '|')
	if zero := c.place(c.width, 0); c.signed && c.low < 0 && c.high > 0 && zero > 0 {
		b[start+zero] = '.'
	}
	if p.Empty {
		return append(b, " -"...)
	}
	at := start + c.place(c.width-1, int64(p.Value))
	b = slices.Replace(b, at, at+1, []byte(c.mark)...)
	return c.appendNumber(append(b, ' '), p.Value)
}

// place is computed in single precision, as bpftrace does, for the same chart to the
// column.
func (c *chart) place(width int, n int64) int {
	offset := float32(width) * float32(c.low-n) / float32(c.low-c.high)
	return max(0, min(c.width-1, int(offset)))
}
