package report

import (
	"cmp"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// Point is the value of one interval of a time series; without an event there it is
// Empty.
type Point struct {
	Interval uint64 // its number since the epoch of nsecs
	Value    uint64
	Empty    bool
}

// lastInterval returns the number of the latest interval of any row with an event, 0 when
// there is none.
func lastInterval(t *events.Table) uint64 {
	last := uint64(0)
	if t.Map.Value.Draws() != types.DrawSeries {
		return last
	}
	for row := range t.Len() {
		for _, p := range Plain(t.Value(row)).Used() {
			last = max(last, p.Interval)
		}
	}
	return last
}

// Used returns the intervals of a time series with an event, in order.
func (v Value) Used() []Point {
	var points []Point
	for i := range v.Type.Count {
		if interval, value, ok := v.Interval(i); ok {
			points = append(points, Point{Interval: interval, Value: value.Number()})
		}
	}
	slices.SortFunc(points, func(a, b Point) int { return cmp.Compare(a.Interval, b.Interval) })
	return points
}

// Points returns the intervals of a time series from the first with an event to the last
// of the map; those of one table end together, so that they can be compared.
func (v Value) Points() []Point {
	points := v.Used()
	if len(points) == 0 {
		return nil
	}
	last := max(v.last, points[len(points)-1].Interval)
	var all []Point
	for _, next := range points {
		if last-next.Interval < uint64(v.Type.Count) {
			all = append(fill(all, next.Interval), next)
		}
	}
	return fill(all, last+1)
}

// fill appends empty intervals up to the one of the given number.
func fill(points []Point, end uint64) []Point {
	for len(points) > 0 && points[len(points)-1].Interval+1 < end {
		points = append(points, Point{Interval: points[len(points)-1].Interval + 1, Empty: true})
	}
	return points
}
