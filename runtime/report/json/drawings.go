package json

import (
	"strconv"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// drawing is how an aggregation prints.
type drawing struct {
	kind string // the type of the line of its map; "map" where it is empty
	draw func(s *sink, b []byte, v report.Value) []byte
}

// drawings is by what records ask for. What is not here prints as its number.
var drawings = map[types.Drawing]drawing{}

func init() {
	hist := drawing{"hist", (*sink).appendBuckets}
	drawings[types.DrawPowers], drawings[types.DrawLinear] = hist, hist
	drawings[types.DrawStats] = drawing{"stats", (*sink).appendStats}
	drawings[types.DrawAverage] = drawing{"stats", nil}
	drawings[types.DrawSeries] = drawing{"tseries", (*sink).appendSeries}
}

func mapKind(t *types.Type) string {
	if kind := drawings[t.Draws()].kind; kind != "" {
		return kind
	}
	return "map"
}

func (s *sink) appendStats(b []byte, v report.Value) []byte {
	stats := v.Stats()
	b = appendNumber(append(b, `{"count": `...), stats.Count, false)
	b = appendNumber(append(b, `, "average": `...), stats.Average, v.Type.Signed)
	b = appendNumber(append(b, `, "total": `...), stats.Total, v.Type.Signed)
	return append(b, '}')
}

// appendBuckets appends the buckets from the first to the last that is not empty, with
// closed bounds.
func (s *sink) appendBuckets(b []byte, v report.Value) []byte {
	b = append(b, '[')
	counts := v.Counts()
	first, last := v.Filled()
	for i := first; i <= last; i++ {
		if i > first {
			b = append(b, ',')
		}
		b = appendBounds(append(b, '{'), v.Type, i)
		b = strconv.AppendUint(append(b, `"count": `...), counts[i], 10)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendBounds(b []byte, t *types.Type, i int) []byte {
	low, high := report.Bounds(t, i)
	linear := t.Draws() == types.DrawLinear
	if i > 0 {
		b = append(appendNumber(append(b, `"min": `...), low, linear), ", "...)
	}
	if !linear || i < t.Words()-1 {
		b = append(appendNumber(append(b, `"max": `...), high, i == 0 || linear), ", "...)
	}
	return b
}

// appendSeries appends the intervals with an event.
func (s *sink) appendSeries(b []byte, v report.Value) []byte {
	b = append(b, '[')
	for i, point := range v.Used() {
		if i > 0 {
			b = append(b, ',')
		}
		moment := s.names.Moment(point.Interval * uint64(v.Type.Step))
		b = moment.AppendFormat(append(b, `{"interval_start":"`...), "2006-01-02T15:04:05.000000000")
		b = appendNumber(append(b, `","value":`...), point.Value, v.Type.Signed)
		b = append(b, '}')
	}
	return append(b, ']')
}
