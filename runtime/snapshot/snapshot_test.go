package snapshot

import (
	"encoding/binary"
	"math"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// words are numbers as they lie in memory.
func words(list ...uint64) (raw []byte) {
	for _, word := range list {
		raw = binary.NativeEndian.AppendUint64(raw, word)
	}
	return raw
}

var boot = time.Unix(1_000_000, 0).UTC()

var names = &report.Names{
	Probes: []string{"kprobe:vfs_read"}, Boot: boot,
	Kernel: func(frames []report.Frame, address uint64) []report.Frame {
		return append(frames, report.Frame{Address: address, Function: "vfs_read", Offset: 4})
	},
	Account: func(id uint64) (string, bool) { return "root", id == 0 },
	Cgroup:  func(uint64, string) string { return "unified:/a" },
}

// enum has two values.
var enum = &types.Type{Kind: types.Enum, Size: 8, Values: []types.EnumValue{{Name: "ONE", Value: 1}, {Name: "TWO", Value: 2}}}

func TestValues(t *testing.T) {
	hist := make([]uint64, types.HistBucketsOf(0))
	hist[0], hist[2], hist[len(hist)-1] = 1, 7, 2
	frame := Frame{Address: 0x10, Function: "vfs_read", Offset: 4}
	for name, test := range map[string]struct {
		t    *types.Type
		raw  []byte
		want any
	}{
		"signed":   {types.Int64, words(math.MaxUint64), int64(-1)},
		"unsigned": {types.Uint64, words(math.MaxUint64), uint64(math.MaxUint64)},
		"bool":     {types.Boolean, []byte{1}, true},
		"pointer":  {types.NewPointer(nil), words(16), uint64(16)},
		"enum":     {enum, words(2), Named{2, "TWO"}},
		"no enum":  {enum, words(3), Named{3, ""}},
		"string":   {types.NewString(8), []byte("a\x1bb\x00...."), "a\x1bb"},
		"buffer":   {&types.Type{Kind: types.Buffer, Size: 8}, []byte{2, 0, 0, 0, 'a', 'b', 0, 0}, []byte("ab")},
		"bytes":    {types.NewArray(types.NewInt(1, false), 2), []byte("ab"), []byte("ab")},
		"array":    {types.NewArray(types.Uint32, 2), []byte{1, 0, 0, 0, 2, 0, 0, 0}, []any{uint64(1), uint64(2)}},
		"tuple":    {types.NewTuple(types.Int64, types.Uint64), words(1, 2), []any{int64(1), uint64(2)}},
		"record":   {types.NewRecord([]string{"a"}, []*types.Type{types.Int64}), words(1), []Field{{"a", int64(1)}}},
		"probe":    {types.Probe, words(0), "kprobe:vfs_read"},
		"function": {types.FunctionName, words(0), "vfs_read"},
		"symbol":   {types.Symbol, words(16), frame},
		"stack":    {types.NewKernelStack("perf", 3), words(16, 16, 0), []Frame{frame, frame}},
		"signal":   {types.SignalNumber, words(9), Named{9, "SIGKILL"}},
		"error":    {types.ErrorNumber, words(2), Named{2, "No such file or directory"}},
		"call":     {types.SyscallID, words(math.MaxUint64), Named{-1, "Unknown syscall"}},
		"user":     {types.UserID, words(0), Named{0, "root"}},
		"cgroup":   {&types.Type{Kind: types.CgroupPath, Size: 8}, words(5), Named{5, "unified:/a"}},
		"time":     {&types.Type{Kind: types.Timestamp, Size: 8}, words(5), boot.Add(5)},
		"no time":  {&types.Type{Kind: types.Timestamp, Size: 8}, words(0), time.Time{}},
		"address":  {types.IPAddress, append([]byte{2, 0, 0, 0, 127, 0, 0, 1}, make([]byte, 12)...), netip.MustParseAddr("127.0.0.1")},
		"mac":      {types.MAC, []byte{1, 2, 3, 4, 5, 6}, [6]byte{1, 2, 3, 4, 5, 6}},
		"count":    {types.NewAggregation(builtin.Count, false), words(5), uint64(5)},
		"sum":      {types.NewAggregation(builtin.Sum, true), words(math.MaxUint64, 1), int64(-1)},
		"max":      {types.NewAggregation(builtin.Max, false), words(9, 1), uint64(9)},
		"quantiles": {builtin.NewQuantiles(true, []int64{50_000_000, 99_900_000}), words(10, 4, 7),
			Quantiles{10, []Quantile{{50, int64(4)}, {99.9, int64(7)}}}},
		"stats":     {types.NewAggregation(builtin.Stats, true), words(10, 4), Stats{4, 10, 2}},
		"histogram": {builtin.NewHist(true, 0), words(hist...), wide()},
		"linear": {
			builtin.NewLinearHist(0, 20, 10), words(1, 0, 0, 3),
			Histogram{{math.MinInt64, 0, 1}, {0, 10, 0}, {10, 20, 0}, {20, math.MaxInt64, 3}},
		},
		"series": {
			builtin.NewTimeSeries(types.Int64, int64(time.Second), 2), words(8, 70, 0, 7, 60, 0),
			[]Interval{{boot.Add(6 * time.Second), int64(60)}, {boot.Add(7 * time.Second), int64(70)}},
		},
	} {
		got := converter{names}.value(report.Plain(events.Decode(test.t, test.raw)))
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %#v, want %#v", name, got, test.want)
		}
	}
}

// wide is a histogram from below zero to the last bucket.
func wide() Histogram {
	h := Histogram{{math.MinInt64, 0, 1}, {0, 1, 0}, {1, 2, 7}}
	for low := int64(2); low < 1<<62; low *= 2 {
		h = append(h, Bucket{low, 2 * low, 0})
	}
	return append(h, Bucket{1 << 62, math.MaxInt64, 0}, Bucket{math.MaxInt64, math.MaxInt64, 2})
}

// Rows are in the order in which they print, and stay when the table goes.
func TestRows(t *testing.T) {
	key := types.NewLayout(0, types.NewString(8))
	table := events.NewTable(&object.MapSpec{Name: "a", Key: &key, Value: types.NewAggregation(builtin.Count, false)})
	table.Append([]byte("two\x00\x00\x00\x00\x00"), words(2))
	table.Append([]byte("one\x00\x00\x00\x00\x00"), words(1))
	got := Of(report.NewTable(&object.Settings{}, table, 0, 0), names)
	clear(table.Keys)
	want := &Table{"a", []Row{{[]any{"one"}, uint64(1)}, {[]any{"two"}, uint64(2)}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%#v, want %#v", got, want)
	}
}

func TestEmpty(t *testing.T) {
	table := events.NewTable(&object.MapSpec{Value: types.NewAggregation(builtin.Count, false)})
	if got := Of(report.NewTable(&object.Settings{}, table, 0, 0), names); len(got.Rows) != 0 {
		t.Errorf("%#v", got)
	}
}

func TestTotal(t *testing.T) {
	if n := (Histogram{{0, 1, 2}, {1, 2, 3}}).Total(); n != 5 {
		t.Error(n)
	}
}

// What the records ask for has values of Go, and nothing else has.
func TestDrawings(t *testing.T) {
	asked := map[types.Drawing]bool{types.DrawNumber: true}
	for _, a := range builtin.Aggregations() {
		draws := a.Record.Draws
		if drawings[draws] == nil && !asked[draws] {
			t.Errorf("%s() draws as %q, which has no value of Go", a.Name, draws)
		}
		asked[draws] = true
	}
	for draws := range drawings {
		if !asked[draws] {
			t.Errorf("no aggregation is drawn as %q", draws)
		}
	}
}
