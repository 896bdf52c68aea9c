package sinks

import (
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
)

const step = 100_000_000

// seriesRow stores values of consecutive intervals from first on in a row for the type.
func seriesRow(t *types.Type, first uint64, values ...int64) []uint64 {
	row := make([]uint64, t.Words())
	width := len(row) / t.Count
	for i, n := range values {
		number := first + uint64(i)
		copy(row[int(number)%t.Count*width:], []uint64{number + 1, uint64(n), 1})
	}
	return row
}

func newSeries(count int) *types.Type { return builtin.NewTimeSeries(types.Int64, step, count) }

func TestSeries(t *testing.T) {
	table := newTable("", newSeries(20))
	check(t, mapText(table, 0, 0), "")
	add(table, seriesRow(newSeries(20), 1, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0, -1, -2, -3, -4))
	check(t, mapText(table, 0, 0), `@:
             -5                                                  5
hh:mm:ss.ms  |___________________________________________________|
17:00:00.100 *                         .                         | -5
17:00:00.200 |    *                    .                         | -4
17:00:00.300 |         *               .                         | -3
17:00:00.400 |              *          .                         | -2
17:00:00.500 |                   *     .                         | -1
17:00:00.600 |                         *                         | 0
17:00:00.700 |                         .    *                    | 1
17:00:00.800 |                         .         *               | 2
17:00:00.900 |                         .              *          | 3
17:00:01.000 |                         .                   *     | 4
17:00:01.100 |                         .                         * 5
17:00:01.200 |                         .                   *     | 4
17:00:01.300 |                         .              *          | 3
17:00:01.400 |                         .         *               | 2
17:00:01.500 |                         .    *                    | 1
17:00:01.600 |                         *                         | 0
17:00:01.700 |                   *     .                         | -1
17:00:01.800 |              *          .                         | -2
17:00:01.900 |         *               .                         | -3
17:00:02.000 |    *                    .                         | -4
             v___________________________________________________v
             -5                                                  5

`)
}

// The series of one map end together: where one has ended, the lines are empty.
func TestKeyedSeries(t *testing.T) {
	kind := newSeries(10)
	table := newTable("a", kind, types.NewString(8))
	add(table, seriesRow(kind, 0, 0, 5, 5), "one")
	add(table, seriesRow(kind, 3, 4, 4), "two")
	check(t, mapText(table, 0, 0), `@a[one]:
             0                                                   5
hh:mm:ss.ms  |___________________________________________________|
17:00:00.000 *                                                   | 0
17:00:00.100 |                                                   * 5
17:00:00.200 |                                                   * 5
17:00:00.300 |                                                   | -
17:00:00.400 |                                                   | -
             v___________________________________________________v
             0                                                   5

@a[two]:
             3                                                   5
hh:mm:ss.ms  |___________________________________________________|
17:00:00.300 |                         *                         | 4
17:00:00.400 |                         *                         | 4
             v___________________________________________________v
             3                                                   5

`)
	check(t, jsonMap(t, table), `{"type": "tseries", "data": {"@a": {"one": [`+
		`{"interval_start":"2026-11-25T17:00:00.000000000","value":0},{"interval_start":"2026-11-25T17:00:00.100000000","value":5},{"interval_start":"2026-11-25T17:00:00.200000000","value":5}], `+
		`"two": [{"interval_start":"2026-11-25T17:00:00.300000000","value":4},{"interval_start":"2026-11-25T17:00:00.400000000","value":4}]}}}`)
}

// TestSeriesOfOneKey: the series of one key ends with its own last interval, whatever was
// printed before.
func TestSeriesOfOneKey(t *testing.T) {
	short := newSeries(10)
	before := newTable("a", short, types.NewString(8))
	add(before, seriesRow(short, 0, 0, 5, 5), "one")
	long := builtin.NewTimeSeries(types.Int64, 3600e9, 3)
	table := newTable("b", long)
	add(table, seriesRow(long, 0, 5))
	text := textOf(object.Settings{}, func(r *printer) {
		r.table(before, 0, 0)
		r.key(table, 0)
	})
	check(t, text[strings.Index(text, "         4"):], `         4                                                   6
hh:mm:ss |___________________________________________________|
17:00:00 |                         *                         | 5
         v___________________________________________________v
         4                                                   6

`)
}

func TestSeriesOfAggregations(t *testing.T) {
	avg := builtin.NewTimeSeries(types.NewAggregation(builtin.Avg, false), 1e9, 4)
	row := make([]uint64, avg.Words())
	copy(row[3:], []uint64{6, 7, 2}) // interval 5: 7 in 2 events
	copy(row[0:], []uint64{9, 8, 1}) // interval 8
	text := printf("%s", events.Decode(avg, encode(avg, row)))
	if lines := strings.Split(text, "\n"); !strings.HasPrefix(lines[2], "17:00:05 *") || !strings.HasSuffix(lines[2], "| 3") ||
		!strings.HasSuffix(lines[3], "| -") || !strings.HasSuffix(lines[5], "* 8") {
		t.Error(text)
	}
	check(t, printf("%s", events.Decode(avg, make([]byte, avg.Size))), "<no data>")
	one := builtin.NewTimeSeries(types.Uint64, 1e9, 2)
	if text := printf("%s", events.Decode(one, encode(one, []uint64{0, 0, 0, 2, 7, 0}))); !strings.Contains(text, "hh:mm:ss |") || !strings.Contains(text, "17:00:01 |") {
		t.Error(text)
	}
	single := builtin.NewTimeSeries(types.Uint64, 1000, 2)
	text = printf("%s", events.Decode(single, encode(single, []uint64{1, ^uint64(0), 0, 0, 0, 0})))
	if !strings.HasPrefix(text, strings.Repeat(" ", 16)+"18446744073709551614") || !strings.Contains(text, "hh:mm:ss.μs     |") {
		t.Error(text)
	}
}

// A row with nonsense in it, as a torn read may give, prints something and no more lines
// than the series has.
func FuzzSeries(f *testing.F) {
	kind := newSeries(3)
	f.Add(encode(kind, seriesRow(kind, 1, 2, 3)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v := events.Decode(kind, append(raw, make([]byte, kind.Size)...))
		if lines := strings.Count(printf("%s", v), "\n"); lines > kind.Count+4 {
			t.Errorf("%d lines", lines)
		}
		jsonOf(func(r *printer) { r.value(v) })
	})
}
