package render

import (
	"cmp"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// point is the value of one interval of a time series; without an event there it is empty.
type point struct {
	number uint64
	value  uint64
	empty  bool
}

// lastInterval returns the number of the latest interval of any row with an event, 0 when there is none.
func lastInterval(t *events.Table) uint64 {
	last := uint64(0)
	if t.Map.Value.Kind != types.TimeSeries {
		return last
	}
	for row := range t.Len() {
		for _, p := range used(t.Value(row)) {
			last = max(last, p.number)
		}
	}
	return last
}

// used returns the intervals of a series with an event, in order.
func used(v events.Value) []point {
	var points []point
	for i := range v.Type.Count {
		if interval, value, ok := v.Interval(i); ok {
			points = append(points, point{number: interval, value: number(value)})
		}
	}
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.number, b.number) })
	return points
}

// series returns the intervals from the first with an event to the last of the map; those of one table end together, so
// that they can be compared.
func (p *printer) series(v events.Value) []point {
	points := used(v)
	if len(points) == 0 {
		return nil
	}
	last := max(p.lastInterval, points[len(points)-1].number)
	var all []point
	for _, next := range points {
		if last-next.number < uint64(v.Type.Count) {
			all = append(fill(all, next.number), next)
		}
	}
	return fill(all, last+1)
}

// fill appends empty intervals up to the one of the given number.
func fill(points []point, end uint64) []point {
	for len(points) > 0 && points[len(points)-1].number+1 < end {
		points = append(points, point{number: points[len(points)-1].number + 1, empty: true})
	}
	return points
}

// chart draws a time series, the time downwards.
type chart struct {
	points    []point
	low, high int64
	signed    bool
	unit      string
	digits    int // of the fraction of a second
	fraction  time.Duration
}

const (
	chartWidth = 53
	lowWidth   = 21 // of the label at the left end; the one at the right end takes what is left
)

// appendSeries appends the chart of a time series.
func (p *printer) appendSeries(b []byte, v events.Value) []byte {
	points := p.series(v)
	if len(points) == 0 {
		return append(b, "<no data>"...)
	}
	c := newChart(points, v.Type)
	b = c.appendScale(b)
	b = repeat(append(b, c.heading()...), ' ', c.timeWidth()+1-utf8.RuneCountInString(c.heading()))
	b = append(repeat(append(b, '|'), '_', chartWidth-2), "|\n"...)
	for _, next := range points {
		moment := p.moment(next.number * uint64(v.Type.Step))
		b = append(c.appendMoment(b, moment), ' ')
		b = append(c.appendPoint(b, next), '\n')
	}
	b = repeat(b, ' ', c.timeWidth()+1)
	b = append(repeat(append(b, 'v'), '_', chartWidth-2), "v\n"...)
	return c.appendScale(b)
}

func newChart(points []point, t *types.Type) *chart {
	c := &chart{points: points, signed: t.Signed}
	first := true
	for _, p := range points {
		switch n := int64(p.value); {
		case p.empty:
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
	b = appendLeft(b, lowWidth, func(b []byte) []byte { return c.appendNumber(b, uint64(c.low)) })
	label := c.appendNumber(nil, uint64(c.high))
	return append(append(repeat(b, ' ', chartWidth-lowWidth-len(label)), label...), '\n')
}

func (c *chart) appendNumber(b []byte, n uint64) []byte { return appendDivided(b, n, c.signed, 1) }

func (c *chart) appendMoment(b []byte, moment time.Time) []byte {
	b = moment.AppendFormat(b, "15:04:05")
	if c.digits == 0 {
		return b
	}
	return appendFilled(append(b, '.'), int64(moment.Nanosecond())/int64(c.fraction), c.digits, '0')
}

// appendPoint appends the line of an interval: a star between the borders, a dot where zero is.
func (c *chart) appendPoint(b []byte, p point) []byte {
	start := len(b)
	b = append(repeat(append(b, '|'), ' ', chartWidth-2), '|')
	if zero := c.place(chartWidth, 0); c.signed && c.low < 0 && c.high > 0 && zero > 0 {
		b[start+zero] = '.'
	}
	if p.empty {
		return append(b, " -"...)
	}
	b[start+c.place(chartWidth-1, int64(p.value))] = '*'
	return c.appendNumber(append(b, ' '), p.value)
}

// place is computed in single precision, as bpftrace does, for the same chart to the column.
func (c *chart) place(width int, n int64) int {
	offset := float32(width) * float32(c.low-n) / float32(c.low-c.high)
	return max(0, min(chartWidth-1, int(offset)))
}

// appendSeriesJSON appends the intervals with an event.
func (r *jsonLines) appendSeriesJSON(b []byte, v events.Value) []byte {
	b = append(b, '[')
	for i, next := range used(v) {
		if i > 0 {
			b = append(b, ',')
		}
		moment := r.moment(next.number * uint64(v.Type.Step))
		b = moment.AppendFormat(append(b, `{"interval_start":"`...), "2006-01-02T15:04:05.000000000")
		b = appendJSONNumber(append(b, `","value":`...), next.value, v.Type.Signed, 1)
		b = append(b, '}')
	}
	return append(b, ']')
}
