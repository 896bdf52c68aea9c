package sinks

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// everything is a record with a value of each kind.
func everything() *types.Type {
	parts := []*types.Type{
		types.NewInt(1, true), types.Uint64, {Kind: types.Int, Size: 16, Signed: true}, types.Boolean,
		{Kind: types.Enum, Size: 4, Values: []types.EnumValue{{Name: "A", Value: 1}}}, types.NewPointer(nil), types.NewString(64), types.NewString(3),
		{Kind: types.Buffer, Size: 12}, {Kind: types.Struct, Size: 8, Fields: []types.Field{bitfield("f", types.Int64, 0, 60, 4)}},
		{Kind: types.Array, Size: 6, Count: 3, Elem: types.NewInt(2, false)}, types.Symbol, types.Probe, types.FunctionName,
		{Kind: types.Timestamp, Size: 8, Name: "%c %f %s %j"}, types.ErrorNumber, types.SignalNumber, types.SyscallID, types.UserID,
		{Kind: types.CgroupPath, Size: 8}, types.UserAddress, types.NewKernelStack("perf", 2), types.NewUserStack("perf", 2), types.IPAddress, types.MAC,
	}
	names := make([]string, len(parts))
	for i := range names {
		names[i] = "f"
	}
	return types.NewRecord(names, parts)
}

// Whatever bytes a record holds, it prints without a character that steers the terminal,
// and as JSON that is JSON.
func FuzzHostileRecord(f *testing.F) {
	kind := everything()
	f.Add([]byte("\x1b[2J\x00\xff\xff"))
	f.Add([]byte(strings.Repeat("\xff", kind.Size)))
	f.Add([]byte(strings.Repeat("\u009b2J", kind.Size/4)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v := events.Decode(kind, append(raw, make([]byte, kind.Size)...))
		narrow := watched(wide(40), "bpftrace", func(r *printer) {
			table := newTable("", count(), kind)
			table.Append(v.Raw, words(1))
			r.table(table, 0, 0)
		})
		text := textOf(object.Settings{}, func(r *printer) { r.value(v) }) + printf("%s %s", v, v.Part(6)) + narrow
		if steers := func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 }; strings.ContainsFunc(text, steers) || !utf8.ValidString(text) {
			t.Errorf("%q", text)
		}
		if line := jsonOf(func(r *printer) { r.value(v) }); !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %q", line)
		}
	})
}
