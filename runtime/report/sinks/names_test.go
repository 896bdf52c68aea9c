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

// words stores numbers of 64 bits one after the other.
func words(list ...uint64) []byte {
	var raw []byte
	for _, word := range list {
		raw = binary.NativeEndian.AppendUint64(raw, word)
	}
	return raw
}

func address(family byte, bytes ...byte) []byte { return append([]byte{family, 0, 0, 0}, bytes...) }

// enum has names and values in turn.
func enum(values ...any) *types.Type {
	t := &types.Type{Kind: types.Enum, Size: 8, Signed: true, Name: "e"}
	for i := 0; i < len(values); i += 2 {
		t.Values = append(t.Values, types.EnumValue{Name: values[i].(string), Value: int64(values[i+1].(int))})
	}
	return t
}

const kernelAddress = 1 << 63

// What a value prints as text, and as the data of a JSON line.
func TestNames(t *testing.T) {
	timestamp := &types.Type{Kind: types.Timestamp, Size: 8, Name: "%H:%M:%S.%f"}
	cgroup := &types.Type{Kind: types.CgroupPath, Size: 8, Name: "unified"}
	kernel := types.NewKernelStack("bpftrace", 3)
	modes := enum("NONE", 0, "READ", 1, "WRITE", 2, "EXEC", 4)
	counted := enum("FIRST", 0, "SECOND", 1, "THIRD", 2)
	for _, test := range []struct {
		value      events.Value
		text, json string
	}{
		{value(types.Symbol, kernelAddress|uint64(5)), "vfs_read", `"vfs_read"`},
		{value(types.Symbol, 4096), "0x1000", `"0x1000"`},
		{value(types.ErrorNumber, -2), "No such file or directory", `"No such file or directory"`},
		{value(types.SignalNumber, 15), "SIGTERM", `"SIGTERM"`},
		{value(types.Probe, 2), `uprobe:/bin/a:"f\x1b[31m\x0a"`, `"uprobe:/bin/a:\"f\\x1b[31m\\x0a\""`},
		{value(types.FunctionName, 2), `f\x1b[31m\x0a`, `"f\\x1b[31m\\x0a"`},
		{value(enum("A\x1b", 1), 1), `A\x1b`, "1"},
		{value(modes, 3), "READ|WRITE", "3"},
		{value(modes, 0), "NONE", "0"},
		{value(modes, 6), "WRITE|EXEC", "6"},
		{value(modes, 8), "8", "8"},
		{value(modes, 9), "9", "9"},
		{value(counted, 3), "3", "3"},
		{value(types.SyscallID, 1<<20), "Unknown syscall", `"Unknown syscall"`},
		{value(types.UserID, 0), "root", `"root"`},
		{value(types.UserID, 1000), "1000", `"1000"`},
		{value(cgroup, 1), "unified:/system.slice", `"unified:/system.slice"`},
		{value(timestamp, 61_500_001_000), "17:01:01.500001", `"17:01:01.500001"`},
		{value(timestamp, uint64(1430773387012345678)), "21:03:07.012345", `"21:03:07.012345"`},
		{value(timestamp, 0), "(?)", `"(?)"`},
		{value(types.UserAddress, words(16, 7)), `a\x0ab`, `"a\\x0ab"`},
		{value(types.UserAddress, words(16, 8)), "0x10", `"0x10"`},
		{value(types.GoType, words(16, 7)), `a\x0ab`, `"a\\x0ab"`},
		{value(types.GoType, words(17, 7)), `a\x0ab`, `"a\\x0ab"`},
		{value(types.GoType, words(17, 8)), "0x10", `"0x10"`},
		{value(types.GoType, words(0, 7)), "nil", `"nil"`},
		{value(types.IPAddress, address(2, 127, 0, 0, 1)), "127.0.0.1", `"127.0.0.1"`},
		{value(types.IPAddress, address(10, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)), "2001:db8::1", `"2001:db8::1"`},
		{value(types.IPAddress, address(1)), "", `""`},
		{value(types.MAC, []byte{0, 0x1a, 0xff, 3, 4, 5}), "00:1A:FF:03:04:05", `"00:1A:FF:03:04:05"`},
		{value(kernel, words(kernelAddress+1, kernelAddress+2, 0)), "\n        vfs_read+1\n        vfs_read+2\n", `"\n        vfs_read+1\n        vfs_read+2\n"`},
		{value(types.NewKernelStack("perf", 2), words(kernelAddress, 16)), "\n\t8000000000000000 vfs_read+0\n\t10 0x10\n", `"\n\t8000000000000000 vfs_read+0\n\t10 0x10\n"`},
		{value(types.NewKernelStack("raw", 1), words(kernelAddress)), "\n8000000000000000\n", `"\n8000000000000000\n"`},
		{value(types.NewUserStack("bpftrace", 2), words(7, 16, 4096)), "\n        a\\x0ab+16\n        0x1000\n", `"\n        a\\x0ab+16\n        0x1000\n"`},
		{value(types.NewUserStack("perf", 2), words(7, 16, 4096)), "\n\t10 a\\x0ab+16 (/bin/app)\n\t1000 0x1000 ([unknown])\n", `"\n\t10 a\\x0ab+16 (/bin/app)\n\t1000 0x1000 ([unknown])\n"`},
		{value(types.NewUserStack("raw", 1), words(7, 0)), "\n", `"\n"`},
		{value(types.NewUserStack("bpftrace", 1), words(9, 16)), "\n        [inlined] in\\x0aner@/a\\x1b.c:3\n        outer+4@/b.c:5\n", `"\n        [inlined] in\\x0aner@/a\\x1b.c:3\n        outer+4@/b.c:5\n"`},
		{value(types.NewUserStack("perf", 1), words(9, 16)), "\n\t10 in\\x0aner (inlined)\n\t10 outer+4 (/bin/app)\n", `"\n\t10 in\\x0aner (inlined)\n\t10 outer+4 (/bin/app)\n"`},
		{value(types.NewUserStack("raw", 1), words(9, 16)), "\n10\n", `"\n10\n"`},
	} {
		check(t, textOf(object.Settings{}, func(r *printer) { r.value(test.value) }), test.text+"\n")
		check(t, printf("%s", test.value), test.text)
		check(t, jsonLine(t, func(r *printer) { r.value(test.value) }), `{"type": "value", "data": `+test.json+`}`)
	}
}

// Without names the numbers stand.
func TestNoNames(t *testing.T) {
	var out []byte
	f := format.New(testSettings, &report.Names{})
	for _, v := range []events.Value{
		value(types.Symbol, 16), value(types.UserAddress, words(16, 7)), value(types.UserID, 5),
		value(&types.Type{Kind: types.CgroupPath, Size: 8}, 9), value(types.NewUserStack("bpftrace", 1), words(7, 16)),
	} {
		out = append(f.AppendValue(out, report.Plain(v)), ' ')
	}
	check(t, string(out), "0x10 0x10 5 9 \n        0x10\n ")
}

func TestStackKeys(t *testing.T) {
	table := newTable("", count(), types.NewKernelStack("bpftrace", 2), types.NewString(16))
	add(table, 3, words(kernelAddress, kernelAddress+1), "bash")
	check(t, mapText(table, 0, 0), "@[\n        vfs_read+0\n        vfs_read+1\n, bash]: 3\n")
	check(t, jsonMap(t, table), `{"type": "map", "data": {"@": {"\nvfs_read+0\nvfs_read+1\n,bash": 3}}}`)
	alone := newTable("x", count(), types.NewKernelStack("bpftrace", 1))
	add(alone, 22, words(kernelAddress))
	check(t, mapText(alone, 0, 0), "@x[\n        vfs_read+0\n]: 22\n")
	check(t, printaIn("bpftrace", "%s%@d\n", alone), "\n        vfs_read+0\n22\n")
}
