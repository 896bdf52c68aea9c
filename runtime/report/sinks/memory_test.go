package sinks

import (
	"encoding/binary"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/report/format"
)

func bitfield(name string, t *types.Type, offset, bitOffset, bits int) types.Field {
	return types.Field{Name: name, Type: t, Offset: offset, BitOffset: bitOffset, BitSize: bits}
}

// Structs with all that C has: bitfields, members without a name, unions, arrays of
// arrays.
func TestMemory(t *testing.T) {
	byteArray := &types.Type{Kind: types.Array, Count: 3, Size: 3, Elem: types.NewInt(1, false)}
	matrix := &types.Type{Kind: types.Array, Count: 2, Size: 6, Elem: byteArray}
	flags := &types.Type{Kind: types.Struct, Name: "flags", Size: 4, Fields: []types.Field{
		bitfield("low", types.Uint32, 0, 0, 4), bitfield("sign", types.Int32, 0, 4, 3), bitfield("high", types.Uint32, 0, 7, 25),
	}}
	either := &types.Type{Kind: types.Struct, Union: true, Size: 2, Fields: []types.Field{
		{Name: "number", Type: types.NewInt(2, false)}, {Name: "bytes", Type: &types.Type{Kind: types.Array, Count: 2, Size: 2, Elem: types.NewInt(1, false)}},
	}}
	outer := &types.Type{Kind: types.Struct, Size: 8, Fields: []types.Field{
		{Name: "a", Type: types.NewInt(1, true)}, {Type: either, Offset: 2}, {Name: "f", Type: flags, Offset: 4},
	}}
	record := types.NewRecord([]string{"a", "b"}, []*types.Type{types.Int64, types.NewString(8)})
	wide := &types.Type{Kind: types.Int, Size: 16}
	for _, test := range []struct {
		value      events.Value
		text, json string
	}{
		{value(flags, []byte{0x45, 0x01, 0, 0x80}), "{ .low = 5, .sign = -4, .high = 16777218 }", `{"low": 5, "sign": -4, "high": 16777218}`},
		{value(outer, []byte{0xff, 0, 1, 2, 0x05, 0, 0, 0}),
			"{ .a = -1, .number = 513, .bytes = [1,2], .f = { .low = 5, .sign = 0, .high = 0 } }",
			`{"a": -1, "number": 513, "bytes": [1,2], "f": {"low": 5, "sign": 0, "high": 0}}`},
		{vector(types.NewVector(types.NewInt(2, true), 4), 6, 1, 0, 254, 255, 3, 0), "[1,-2,3]", "[1,-2,3]"},
		{vector(types.NewVector(types.NewInt(8, false), 1), 20, 7), "[7..]", "[7]"},
		{vector(types.NewVector(types.NewInt(4, false), 4), 0), "[]", "[]"},
		{value(matrix, []byte{1, 2, 3, 4, 5, 255}), "[[1,2,3],[4,5,255]]", "[[1,2,3],[4,5,255]]"},
		{value(record, []any{1, "x y"}), "{ .a = 1, .b = x y }", `{"a": 1, "b": "x y"}`},
		{value(types.NewTuple(record, types.Boolean), []any{[]any{1, "x"}, 1}), "({ .a = 1, .b = x }, true)", `[{"a": 1, "b": "x"},true]`},
		{value(wide, words(1, 0)), "1", "1"},
		{value(wide, words(0, 1)), "18446744073709551616", `"18446744073709551616"`},
		{value(&types.Type{Kind: types.Int, Size: 16, Signed: true}, words(^uint64(0), ^uint64(0))), "-1", "-1"},
		{value(&types.Type{Kind: types.Int, Size: 16, Signed: true}, words(0, 1<<63)),
			"-170141183460469231731687303715884105728", `"-170141183460469231731687303715884105728"`},
		{value(&types.Type{Kind: types.Int, Size: 16, Signed: true}, words(1<<63-1, ^uint64(0))), "-9223372036854775809", `"-9223372036854775809"`},
		{value(&types.Type{Kind: types.Int, Size: 16, Signed: true}, words(1<<63, ^uint64(0))), "-9223372036854775808", "-9223372036854775808"},
		{value(wide, words(^uint64(0), ^uint64(0))), "340282366920938463463374607431768211455", `"340282366920938463463374607431768211455"`},
		{value(wide, words(1e19, 0)), "10000000000000000000", `"10000000000000000000"`},
		{value(wide, words(0xd35ec9bec0000005, 0x25dd85d670)), "3000000000000000000000000000005", `"3000000000000000000000000000005"`},
		{events.Value{Type: types.NoValue}, "null", "null"},
	} {
		check(t, textOf(object.Settings{}, func(r *printer) { r.value(test.value) }), test.text+"\n")
		check(t, printf("%s", test.value), test.text)
		check(t, jsonLine(t, func(r *printer) { r.value(test.value) }), `{"type": "value", "data": `+test.json+`}`)
	}
	check(t, printf("%s.%3.1s.%s", value(byteArray, []byte{'H', 0, 255}), value(byteArray, []byte{'a', 'b', 0x1b}),
		value(byteArray, []byte{'a', 'b', 0x1b})), `H.  a.ab\x1b`)
	check(t, printf("%r %rx %rh %r", value(byteArray, []byte{'H', 0, 255}), value(byteArray, []byte{'H', 0, 255}),
		value(byteArray, []byte{'H', 0, 255}), value(types.NewString(8), "a\tb")), `H\x00\xff \x48\x00\xff 48 00 ff a\x09b`)
}

func TestTrailer(t *testing.T) {
	v := value(types.NewString(4), "abcd")
	for trailer, want := range map[string]string{"..": "abcd..", "": "abcd", "~": "abcd~"} {
		f := format.New(object.Settings{StringTrailer: trailer}, &report.Names{})
		check(t, string(f.AppendValue(nil, report.Plain(v))), want)
		long := vector(types.NewVector(types.NewInt(8, false), 1), 20, 7)
		check(t, string(f.AppendValue(nil, report.Plain(long))), "[7"+trailer+"]")
	}
}

func TestSortBy(t *testing.T) {
	table := newTable("", count(), types.NewString(8))
	add(table, 1, "b")
	add(table, 2, "a")
	byKey := object.Settings{SortBy: "key"}
	check(t, textOf(byKey, func(r *printer) { r.table(table, 0, 0) }), "@[a]: 2\n@[b]: 1\n")
	check(t, textOf(object.Settings{SortBy: "value"}, func(r *printer) { r.table(table, 0, 0) }), "@[b]: 1\n@[a]: 2\n")

	add(table, 2, "c")
	add(table, 7, "d")
	largest := object.Settings{SortBy: "largest"}
	check(t, textOf(largest, func(r *printer) {
		r.table(table, 0, 0)
		r.table(table, 2, 0)
		r.printa("%s %@d, ", []*events.Table{table})
	}), "@[d]: 7\n@[a]: 2\n@[c]: 2\n@[b]: 1\n@[d]: 7\n@[a]: 2\nd 7, a 2, c 2, b 1, ")
	texts := newTable("", types.NewString(8), types.Int64)
	add(texts, "x", 2)
	add(texts, "y", 1)
	check(t, textOf(largest, func(r *printer) {
		r.table(texts, 0, 0)
		r.table(texts, 1, 0)
	}), "@[1]: y\n@[2]: x\n@[2]: x\n")
}

// vector is an array of varying length: its bytes behind their number.
func vector(t *types.Type, length int, bytes ...byte) events.Value {
	raw := make([]byte, t.Size)
	binary.NativeEndian.PutUint32(raw, uint32(length))
	copy(raw[types.BufferHeader:], bytes)
	return events.Decode(t, raw)
}
