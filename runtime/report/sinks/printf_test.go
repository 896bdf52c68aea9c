package sinks

import (
	"bytes"
	"io"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
)

func printf(format string, args ...events.Value) string {
	return textOf(object.Settings{}, func(r *printer) { r.Line(&object.Event{Format: format}, args) })
}

func TestInteger(t *testing.T) {
	stored := &types.Type{Kind: types.Int, Size: 8, Signed: true, Exact: types.Int32}
	for _, test := range []struct {
		format string
		kind   *types.Type
		number any
		want   string
	}{
		{"%d", types.Int64, -5, "-5"},
		{"%5d|", types.Int64, 42, "   42|"},
		{"%-5d|", types.Int64, 42, "42   |"},
		{"%05d", types.Int64, -42, "-0042"},
		{"%-05d|", types.Int64, 42, "42   |"},
		{"%+d", types.Int64, 42, "+42"},
		{"% d", types.Int64, 42, " 42"},
		{"%.4d", types.Int64, 42, "0042"},
		{"%08.4d", types.Int64, 42, "    0042"},
		{"%.0d|", types.Int64, 0, "|"},
		{"%d", types.Int64, -1 << 63, "-9223372036854775808"},
		{"%ld", types.Int64, 1 << 40, "1099511627776"},
		{"%d", types.Int64, 1 << 40, "1099511627776"},
		{"%hhd", types.Int64, 255, "-1"},
		{"%hx", types.Int64, -1, "ffff"},
		{"%u", types.Int64, -1, "18446744073709551615"},
		{"%u", types.Int32, -1, "4294967295"},
		{"%x", types.Int32, -1, "ffffffff"},
		{"%lx", types.Int32, -1, "ffffffffffffffff"},
		{"%llu", types.Int32, -1, "18446744073709551615"},
		{"%x", stored, -1, "ffffffff"},
		{"%d", stored, -1, "-1"},
		{"%lx", stored, -1, "ffffffffffffffff"},
		{"%x", stored, 1 << 40, "10000000000"},
		{"%x", stored, 0xffffffff, "ffffffff"},
		{"%d", stored, 0xffffffff, "4294967295"},
		{"%x", types.Uint64, 48879, "beef"},
		{"%#X", types.Uint64, 48879, "0XBEEF"},
		{"%#010x", types.Uint64, 48879, "0x0000beef"},
		{"%#x", types.Uint64, 0, "0"},
		{"%#o", types.Uint64, 8, "010"},
		{"%#o", types.Uint64, 0, "0"},
		{"%#.0o", types.Uint64, 0, "0"},
		{"%o", types.Uint64, 8, "10"},
		{"%p", types.NewPointer(nil), 4096, "0x1000"},
		{"%10p|", types.NewPointer(nil), 4096, "    0x1000|"},
		{"%c", types.Int64, 65, "A"},
		{"%3c|", types.Int64, 65, "  A|"},
		{"%c", types.Int64, 27, `\x1b`},
		{"%d", types.Boolean, 1, "1"},
	} {
		check(t, test.format+" "+printf(test.format, value(test.kind, test.number)), test.format+" "+test.want)
	}
}

func TestText(t *testing.T) {
	enum := &types.Type{Kind: types.Enum, Size: 4, Name: "Color", Values: []types.EnumValue{{Name: "RED", Value: 3}}}
	buffer := &types.Type{Kind: types.Buffer, Size: 12}
	for _, test := range []struct{ format, got, want string }{
		{"%-6s|", printf("%-6s|", value(types.NewString(16), "bash")), "bash  |"},
		{"%6s|", printf("%6s|", value(types.NewString(16), "bash")), "  bash|"},
		{"%.2s|", printf("%.2s|", value(types.NewString(16), "bash")), "ba|"},
		{"%.2s rune", printf("%.2s|", value(types.NewString(16), "aä")), "a|"},
		{"%s enum", printf("%-5s|", value(enum, 3)), "RED  |"},
		{"%d enum", printf("%d", value(enum, 3)), "3"},
		{"%s unknown enum", printf("%s", value(enum, 4)), "4"},
		{"%s bool", printf("%s", value(types.Boolean, 1)), "true"},
		{"%s probe", printf("%s %s", value(types.Probe, 1), value(types.FunctionName, 1)), "kprobe:vfs_write vfs_write"},
		{"%s no probe", printf("%s", value(types.Probe, 7)), ""},
		{"%s symbol", printf("%s", value(types.Symbol, -7)), "vfs_read"},
		{"%r", printf("%r", value(buffer, "Hi\x00\xff")), `Hi\x00\xff`},
		{"%rx", printf("%rx", value(buffer, "Hi\x00")), `\x48\x69\x00`},
		{"%rh", printf("%rh.", value(buffer, "Hi\x00")), `48 69 00.`},
		{"%%", printf("100%% of %d%%\n", value(types.Int64, 3)), "100% of 3%\n"},
		{"no arguments", printf("a\n"), "a\n"},
		{"too few", printf("a%db"), "ab"},
		{"full comm", printf("%s", value(types.NewString(16), "systemd-journal")), "systemd-journal"},
		{"unended", printf("%s", value(types.NewString(4), "abcd")), "abcd.."},
		{"full", printf("%s", value(types.NewString(64), string(make63()))), string(make63())},
		{"hostile", printf("%s", value(types.NewString(64), "\x1b[2Ja\rb\n\tä\x7f\xff\u009b\u0085ö")), `\x1b[2Ja\x0db` + "\n\tä" + `\x7f\xff\xc2\x9b\xc2\x85ö`},
	} {
		check(t, test.format+": "+test.got, test.format+": "+test.want)
	}
}

func make63() []byte { return bytes.Repeat([]byte{'x'}, 63) }

func BenchmarkPrintf(b *testing.B) {
	event := &object.Event{Format: "%-16s %-6d %5d.%06d %s 0x%x\n"}
	args := []events.Value{
		value(types.NewString(16), "bash"), value(types.Int32, 4711), value(types.Uint64, 12), value(types.Uint64, 34567),
		value(types.NewString(64), "/usr/lib/x86_64-linux-gnu/libc.so.6"), value(types.Uint64, 0xdeadbeef),
	}
	r := newPrinter(b, "text", io.Discard, object.Settings{}, testNames)
	b.ReportAllocs()
	for b.Loop() {
		r.Line(event, args)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

func TestPrintfDoesNotAllocate(t *testing.T) {
	event := &object.Event{Format: "%-16s %06d %#x %c\n"}
	args := []events.Value{value(types.NewString(16), "bash"), value(types.Int64, 5), value(types.Int64, 5), value(types.Int64, 65)}
	r := newPrinter(t, "text", io.Discard, object.Settings{}, testNames)
	r.Line(event, args)
	r.Flush()
	if n := testing.AllocsPerRun(100, func() { r.Line(event, args); r.Flush() }); n != 0 {
		t.Errorf("%v allocations per line", n)
	}
}
