package sinks

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
)

var testNames = report.Names{
	Probes: []string{"BEGIN", "kprobe:vfs_write", "uprobe:/bin/a:\"f\x1b[31m\n\""},
	Kernel: func(frames []report.Frame, address uint64) []report.Frame {
		if address>>63 == 0 {
			return frames
		}
		return append(frames, report.Frame{Address: address, Function: "vfs_read", Offset: address & 0xff})
	},
	User: func(frames []report.Frame, process int, address uint64, _ report.Role) []report.Frame {
		if process == 9 {
			return append(frames,
				report.Frame{Address: address, Function: "in\nner", Module: "/bin/app", File: "/a\x1b.c", Line: 3, Inlined: true},
				report.Frame{Address: address, Function: "outer", Module: "/bin/app", Offset: 4, File: "/b.c", Line: 5})
		}
		if process != 7 || address >= 0x1000 {
			return frames
		}
		return append(frames, report.Frame{Address: address, Function: "a\nb", Module: "/bin/app", Offset: address})
	},
	Account: func(id uint64) (string, bool) { return "root", id == 0 },
	Cgroup:  func(id uint64, pattern string) string { return pattern + ":/system.slice" },
	Boot:    time.Date(2026, 11, 25, 17, 0, 0, 0, time.UTC),
}

var testSettings = object.Settings{StringTrailer: ".."}

// encode stores a Go value as the type says: an integer, text, or the parts of a tuple or
// aggregation.
func encode(t *types.Type, value any) []byte {
	raw := make([]byte, t.Size)
	switch value := value.(type) {
	case int:
		putInt(raw, t.Size, uint64(value))
	case uint64:
		putInt(raw, t.Size, value)
	case string:
		copy(raw[textOffset(t, raw, len(value)):], value)
	case []uint64:
		for i, word := range value {
			binary.NativeEndian.PutUint64(raw[8*i:], word)
		}
	case []byte:
		copy(raw, value)
	case []any:
		for i, part := range value {
			partType, offset := partOf(t, i)
			copy(raw[offset:], encode(partType, part))
		}
	}
	return raw
}

func partOf(t *types.Type, i int) (*types.Type, int) {
	if t.Kind == types.Array {
		return t.Elem, i * t.Elem.Size
	}
	return t.Fields[i].Type, t.Fields[i].Offset
}

func textOffset(t *types.Type, raw []byte, length int) int {
	if t.Kind != types.Buffer {
		return 0
	}
	binary.NativeEndian.PutUint32(raw, uint32(length))
	return 4
}

func putInt(raw []byte, size int, n uint64) {
	switch size {
	case 1:
		raw[0] = byte(n)
	case 2:
		binary.NativeEndian.PutUint16(raw, uint16(n))
	case 4:
		binary.NativeEndian.PutUint32(raw, uint32(n))
	default:
		binary.NativeEndian.PutUint64(raw, n)
	}
}

func value(t *types.Type, v any) events.Value { return events.Decode(t, encode(t, v)) }

// newTable makes a map without rows; no key types make one without key.
func newTable(name string, value *types.Type, key ...*types.Type) *events.Table {
	m := &object.MapSpec{Name: name, Value: value}
	if len(key) > 0 {
		layout := types.NewLayout(0, key...)
		m.Key = &layout
	}
	return events.NewTable(m)
}

func add(t *events.Table, value any, key ...any) {
	var raw []byte
	if t.Map.Key != nil {
		raw = encode(&types.Type{Kind: types.Tuple, Size: t.Map.Key.Size, Fields: t.Map.Key.Fields}, key)
	}
	t.Append(raw, encode(t.Map.Value, value))
}

func hist() *types.Type  { return types.NewAggregation(builtin.Hist, true) }
func count() *types.Type { return types.NewAggregation(builtin.Count, false) }

// buckets places counts in a row of the type.
func buckets(t *types.Type, counts map[int]uint64) []uint64 {
	words := make([]uint64, t.Words())
	for i, n := range counts {
		words[i] = n
	}
	return words
}

// printer is a sink that takes what tests have.
type printer struct {
	report.Sink
	settings object.Settings
}

func newPrinter(t testing.TB, name string, out io.Writer, settings object.Settings, names report.Names) *printer {
	f, known := report.Find(name)
	if !known {
		t.Fatalf("there is no format %q", name)
	}
	return &printer{f.New(report.Config{Out: out, Settings: settings, Names: &names}), settings}
}

func (p *printer) value(v events.Value) { p.Value(report.Plain(v)) }

func (p *printer) table(t *events.Table, top, divisor int64) {
	p.Table(report.NewTable(&p.settings, t, top, divisor))
}

func (p *printer) key(t *events.Table, row int) { p.Value(report.Divided(t.Value(row), t.Divisor)) }

func (p *printer) printa(format string, tables []*events.Table) {
	p.Item(report.Formatted{Format: format, Table: report.SideBySide(&p.settings, tables)})
}

func (p *printer) text(s string) { p.Line(&object.Event{Format: s}, nil) }

func printed(name string, settings object.Settings, print func(*printer)) string {
	settings.StringTrailer = testSettings.StringTrailer
	f, _ := report.Find(name)
	var out bytes.Buffer
	r := &printer{f.New(report.Config{Out: &out, Settings: settings, Names: &testNames}), settings}
	print(r)
	r.Flush()
	return out.String()
}

func textOf(settings object.Settings, print func(*printer)) string {
	return printed("text", settings, print)
}

func jsonOf(print func(*printer)) string { return printed("json", testSettings, print) }

func check(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s\ngot  %q\nwant %q", got, want, got, want)
	}
}
