package sinks

import (
	"testing"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
)

func mapText(t *events.Table, top, divisor int64) string {
	return textOf(object.Settings{}, func(r *printer) { r.table(t, top, divisor) })
}

func TestMap(t *testing.T) {
	plain := newTable("x", types.Int64)
	check(t, mapText(plain, 0, 0), "@x: 0\n")
	add(plain, -5)
	check(t, mapText(plain, 0, 0), "@x: -5\n")

	counts := newTable("", count(), types.NewString(16), types.Int64)
	add(counts, 7, "zsh", 2)
	add(counts, 1, "bash", 3)
	check(t, mapText(counts, 0, 0), "@[bash, 3]: 1\n@[zsh, 2]: 7\n")
	check(t, mapText(counts, 1, 2), "@[zsh, 2]: 3\n")
	check(t, mapText(newTable("x", count(), types.Int64), 0, 0), "")

	pair := newTable("t", types.NewTuple(types.Int64, types.NewString(16)), types.NewTuple(types.Int64, types.Int64))
	add(pair, []any{1, "a"}, []any{1, 2})
	check(t, mapText(pair, 0, 0), "@t[1, 2]: (1, a)\n")
}

func TestAggregations(t *testing.T) {
	stats := newTable("s", types.NewAggregation(builtin.Stats, true))
	add(stats, []uint64{6, 3})
	check(t, mapText(stats, 0, 0), "@s: { .count = 3, .average = 2, .total = 6 }\n")

	avg := newTable("", types.NewAggregation(builtin.Avg, true), types.NewString(16))
	for i, name := range []string{"a", "b", "c", "d"} {
		add(avg, []uint64{uint64(10 * (i + 1)), 1}, name)
	}
	check(t, mapText(avg, 2, 10), "@[c]: 3\n@[d]: 4\n")

	low := newTable("low", types.NewAggregation(builtin.Min, true))
	add(low, []uint64{^uint64(0), 1})
	check(t, mapText(low, 0, 0), "@low: -1\n")
}

func TestValues(t *testing.T) {
	structure := &types.Type{Kind: types.Struct, Size: 16, Fields: []types.Field{
		{Name: "m", Type: types.Int64}, {Name: "n", Type: types.Int64, Offset: 8},
	}}
	array := &types.Type{Kind: types.Array, Size: 16, Count: 4, Elem: types.Int32}
	inner := types.NewTuple(types.Int64, types.Int64)
	for want, v := range map[string]events.Value{
		"{ .m = 2, .n = 3 }\n":     value(structure, []any{2, 3}),
		"{}\n":                     value(&types.Type{Kind: types.Struct}, nil),
		"[1,2,3,-4]\n":             value(array, []any{1, 2, 3, -4}),
		"(1, 2, string, (4, 5))\n": value(types.NewTuple(types.Int64, types.Int64, types.NewString(16), inner), []any{1, 2, "string", []any{4, 5}}),
		"0xffff888000000000\n":     value(types.NewPointer(nil), uint64(0xffff888000000000)),
		"true\n":                   value(types.Boolean, 1),
		"18446744073709551615\n":   value(types.Uint64, -1),
		"vfs_read\n":               value(types.Symbol, -1),
		"\n":                       value(types.NewString(8), ""),
	} {
		check(t, textOf(object.Settings{}, func(r *printer) { r.value(v) }), want)
	}
}

func TestKey(t *testing.T) {
	table := newTable("x", types.Int64, types.Int64)
	add(table, 5, 1)
	check(t, textOf(object.Settings{}, func(r *printer) { r.key(table, 0) }), "5\n")
	check(t, jsonOf(func(r *printer) { r.key(table, 0) }), `{"type": "value", "data": 5}`+"\n")
}

func TestPrinta(t *testing.T) {
	table := newTable("", count(), types.NewString(16), types.Int64)
	printa := func(t *events.Table, format string) string {
		return textOf(object.Settings{}, func(r *printer) { r.printa(format, []*events.Table{t}) })
	}
	check(t, printa(table, "%s %d %@d\n"), "")
	add(table, 12, "zsh", 5)
	add(table, 3, "bash", 7)
	check(t, printa(table, "%-6s %3d %@5d\n"), "bash     7     3\nzsh      5    12\n")
	check(t, printa(table, "%-6s %3d %5@d|%-5.2@d|\n"), "bash     7     3|03   |\nzsh      5    12|12   |\n")
	check(t, printa(newTable("n", count()), "n = %@d\n"), "n = 0\n")
	stats := newTable("s", types.NewAggregation(builtin.Stats, true))
	add(stats, []uint64{7, 2})
	check(t, printa(stats, "%@04d"), "0003")
}
