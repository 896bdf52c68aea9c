package render

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/symbols"
)

var testNames = Names{
	Probes: []string{"BEGIN", "kprobe:vfs_write"},
	Kernel: func(address uint64) (symbols.Symbol, bool) {
		return symbols.Symbol{Name: "vfs_read", Offset: address & 0xff}, address>>63 == 1
	},
	User: func(process int, address uint64) (symbols.Symbol, bool) {
		return symbols.Symbol{Name: "a\nb", Module: "/bin/app", Offset: address}, process == 7 && address < 0x1000
	},
	Account: func(id uint64) (string, bool) { return "root", id == 0 },
	Cgroup:  func(id uint64, pattern string) string { return pattern + ":/system.slice" },
	Boot:    time.Date(2026, 11, 25, 17, 0, 0, 0, time.UTC),
}

var testSettings = object.Settings{StringTrailer: ".."}

// encode stores a Go value as the type says: an integer, text, or the parts of a tuple or aggregation.
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

func hist() *types.Type  { return types.NewAggregation(types.Hist, true) }
func count() *types.Type { return types.NewAggregation(types.Count, false) }

// buckets places counts in a row of the type.
func buckets(t *types.Type, counts map[int]uint64) []uint64 {
	words := make([]uint64, t.Words())
	for i, n := range counts {
		words[i] = n
	}
	return words
}

func textOf(settings object.Settings, print func(Renderer)) string {
	settings.StringTrailer = testSettings.StringTrailer
	var out bytes.Buffer
	r := NewText(&out, settings, testNames)
	print(r)
	r.Flush()
	return out.String()
}

func jsonOf(print func(Renderer)) string {
	var out bytes.Buffer
	r := NewJSON(&out, testSettings, testNames)
	print(r)
	r.Flush()
	return out.String()
}

func check(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s\ngot  %q\nwant %q", got, want, got, want)
	}
}
