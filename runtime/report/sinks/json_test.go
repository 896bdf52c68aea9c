package sinks

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// jsonLine is what is printed, checked to be JSON, without its newline.
func jsonLine(t *testing.T, print func(*printer)) string {
	t.Helper()
	line := jsonOf(print)
	if line != "" && !json.Valid([]byte(line)) {
		t.Errorf("no JSON: %s", line)
	}
	if line == "" {
		return ""
	}
	return line[:len(line)-1]
}

func jsonMap(t *testing.T, table *events.Table) string {
	t.Helper()
	return jsonLine(t, func(r *printer) { r.table(table, 0, 0) })
}

func TestJSONMap(t *testing.T) {
	keyed := newTable("a", types.Int64, types.Int64, types.NewString(16))
	check(t, jsonMap(t, keyed), "")
	add(keyed, 1, 1, "x")
	add(keyed, 2, 2, `a "b`)
	check(t, jsonMap(t, keyed), `{"type": "map", "data": {"@a": {"1,x": 1, "2,a \"b": 2}}}`)

	stats := newTable("s", types.NewAggregation(builtin.Stats, true))
	add(stats, []uint64{12, 2})
	check(t, jsonMap(t, stats), `{"type": "stats", "data": {"@s": {"count": 2, "average": 6, "total": 12}}}`)
	avg := newTable("s", types.NewAggregation(builtin.Avg, true))
	add(avg, []uint64{12, 2})
	check(t, jsonMap(t, avg), `{"type": "stats", "data": {"@s": 6}}`)
}

func TestJSONHist(t *testing.T) {
	table := newTable("h", hist())
	check(t, jsonMap(t, table), "")
	add(table, buckets(hist(), map[int]uint64{0: 1, 1: 2, 2: 3, 3: 4}))
	check(t, jsonMap(t, table), `{"type": "hist", "data": {"@h": [{"max": -1, "count": 1},{"min": 0, "max": 0, "count": 2},{"min": 1, "max": 1, "count": 3},{"min": 2, "max": 3, "count": 4}]}}`)

	keyed := newTable("", hist(), types.NewString(16))
	add(keyed, buckets(hist(), map[int]uint64{65: 1}), "k")
	check(t, jsonMap(t, keyed), `{"type": "hist", "data": {"@": {"k": [{"min": 9223372036854775808, "max": "18446744073709551615", "count": 1}]}}}`)

	check(t, jsonMap(t, linear(0, 2, 1, map[int]uint64{0: 1, 1: 2, 3: 4})),
		`{"type": "hist", "data": {"@": [{"max": -1, "count": 1},{"min": 0, "max": 0, "count": 2},{"min": 1, "max": 1, "count": 0},{"min": 2, "count": 4}]}}`)
}

func TestJSONValues(t *testing.T) {
	structure := &types.Type{Kind: types.Struct, Size: 8, Fields: []types.Field{{Name: "m", Type: types.Int64}}}
	for want, v := range map[string]events.Value{
		`9007199254740992`:     value(types.Int64, 1<<53),
		`"9007199254740993"`:   value(types.Int64, 1<<53+1),
		`"-9007199254740993"`:  value(types.Int64, -1<<53-1),
		`-9223372036854775808`: value(types.Int64, -1<<63),
		`true`:                 value(types.Boolean, 1),
		`4096`:                 value(types.NewPointer(nil), 4096),
		`[1,"a\tb\\x1b"]`:      value(types.NewTuple(types.Int64, types.NewString(16)), []any{1, "a\tb\x1b"}),
		`{"m": 5}`:             value(structure, []any{5}),
		`[72,255]`:             value(&types.Type{Kind: types.Buffer, Size: 12}, "H\xff"),
		`"vfs_read"`:           value(types.Symbol, -1),
		`"BEGIN"`:              value(types.Probe, 0),
	} {
		check(t, jsonLine(t, func(r *printer) { r.value(v) }), `{"type": "value", "data": `+want+`}`)
	}
}

func TestJSONLines(t *testing.T) {
	moment := time.Date(2015, 5, 14, 23, 3, 17, 0, time.UTC)
	table := newTable("", count())
	for want, print := range map[string]func(*printer){
		`{"type": "printf", "data": "a 5\n"}`: func(r *printer) {
			r.Line(&object.Event{Format: "a %d\n"}, []events.Value{value(types.Int64, 5)})
		},
		`{"type": "printf", "data": "n 0"}`:                              func(r *printer) { r.printa("n %@d", []*events.Table{table}) },
		`{"type": "printf", "data": "\u001bx"}`:                          func(r *printer) { r.text("\x1bx") },
		`{"type": "time", "data": "23:03:17\n"}`:                         func(r *printer) { r.Item(report.Moment{Format: "%H:%M:%S\n", Time: moment}) },
		`{"type": "attached_probes", "count": 2, "data": {"probes": 2}}`: func(r *printer) { r.Item(report.Attached{Probes: 2}) },
		``: func(r *printer) { r.Item(report.FinalMaps{}) },
	} {
		check(t, jsonLine(t, print), want)
	}
}

// A script's own text may hold any bytes; its line is JSON in UTF-8 all the same.
func TestTextThatIsNoUTF8(t *testing.T) {
	got := jsonOf(func(r *printer) {
		r.Line(&object.Event{Format: "caf\xe9 %d\n"}, []events.Value{value(types.Int64, 1)})
	})
	check(t, got, "{\"type\": \"printf\", \"data\": \"caf\ufffd 1\\n\"}\n")
}

// What BEGIN prints while probes are being attached waits for the line that comes first.
func TestAttachedProbesComeFirst(t *testing.T) {
	const first = `{"type": "attached_probes", "count": 2, "data": {"probes": 2}}` + "\n"
	var out bytes.Buffer
	r := newPrinter(t, "json", &out, object.Settings{}, report.Names{})
	r.Item(report.Attaching{Probes: 3})
	r.text("early")
	if err := r.Flush(); err != nil || out.Len() > 0 {
		t.Errorf("%q, %v", out.String(), err)
	}
	r.Item(report.Attached{Probes: 2})
	r.text("late")
	r.Flush()
	check(t, out.String(), first+`{"type": "printf", "data": "early"}`+"\n"+`{"type": "printf", "data": "late"}`+"\n")
}

// Where nothing could be attached, another way is tried and BEGIN runs again.
func TestLinesOfAnAttemptThatFailed(t *testing.T) {
	var out bytes.Buffer
	r := newPrinter(t, "json", &out, object.Settings{}, report.Names{})
	r.Item(report.Attaching{Probes: 3})
	r.text("early")
	r.Item(report.NotAttached{})
	r.Flush()
	check(t, out.String(), "")
}

// Lines do not wait for ever: more than can be kept makes the first line come early.
func TestTooManyLinesToWait(t *testing.T) {
	var out bytes.Buffer
	r := newPrinter(t, "json", &out, object.Settings{}, report.Names{})
	r.Item(report.Attaching{Probes: 3})
	line := strings.Repeat("x", 1<<20)
	for range 40 {
		r.text(line)
	}
	r.Item(report.Attached{Probes: 3})
	r.Flush()
	lines := strings.SplitAfter(out.String(), "\n")
	if lines[0] != `{"type": "attached_probes", "count": 3, "data": {"probes": 3}}`+"\n" || len(lines) != 42 || strings.Count(out.String(), "attached_probes") != 1 {
		t.Errorf("%d lines, the first is %.100s", len(lines), lines[0])
	}
}

func TestBenches(t *testing.T) {
	benches := report.Benches{List: []report.Bench{
		{Name: "a", Time: 40, Runs: 250}, {Name: strings.Repeat("b", 41), Time: 1500, Runs: 3},
	}}
	check(t, textOf(testSettings, func(r *printer) { r.Item(benches) }), `
Benchmark                                 Time(ns)       Iterations
-------------------------------------------------------------------
a                                         40             250
bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 1500           3
`[1:])
	check(t, jsonOf(func(r *printer) { r.Item(benches) }), `
{"type": "benchmark_result", "data": {"a": {"average": 40, "iters": 250}}}
{"type": "benchmark_result", "data": {"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb": {"average": 1500, "iters": 3}}}
`[1:])
}
