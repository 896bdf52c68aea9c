package compiler_test

import (
	"encoding/binary"
	"maps"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// partner makes any script one of two programs that take the same locks, one of them
// outside of the kernel's guard.
const partner = ` tracepoint:sched:sched_switch { @partner[tid] = 1; printf("p\n"); }`

// guarded are clauses of which every way out must clear the word.
var guarded = []string{
	`kprobe:vfs_read { @a[tid] = nsecs }`,
	`kprobe:vfs_read /arg2 > 4/ { @a[tid] = nsecs; printf("x\n") }`,
	`kprobe:vfs_read { if (arg2 > 4) { printf("x\n"); return; } @b = count(); @a[1] = 2; }`,
	`kprobe:vfs_read { if (arg2 > 4) { @a[1] = 2 } }`,
	`kprobe:vfs_read { $i = 0; while ($i < 5) { if ($i == arg2) { break; } @a[$i] = 1; $i++; } }`,
	`kprobe:vfs_read { for $i : 0..5 { if ($i == arg2) { return; } @a[$i] = 1; } @b = 5; }`,
	`kprobe:vfs_read { for $i : 0..5000 { if ($i == arg2) { return; } @a[$i] = 1; } @b = 5; }`,
	`kprobe:vfs_read { @a[1] = 2; if (arg2 == 5) { exit(); } @c = 1; }`,
	`fn f($n: int64): int64 { if ($n > 4) { return 1; } @a[$n] = 1; return 2; } kprobe:vfs_read { @b = f((int64)arg2); }`,
	`kprobe:vfs_read { @a[str(arg1)] = count(); @h[comm] = hist(arg2); delete(@a[str(arg1)]); }`,
	`kprobe:vfs_read { @a[1] = 1; for ($kv : @a) { printf("%d\n", $kv.0); if ($kv.0 == 1) { return; } } }`,
	`interval:s:1 { printf("x\n"); @a[2] = 3; if (@a[2] == 3) { exit(); } print(@a); }`,
}

// Whatever way a program takes, the word is clear when it ends, and where the word was
// set before, it does nothing but count what it left out. What the runtime runs puts the
// word back.
func TestGuard(t *testing.T) {
	for _, kernel := range []string{"5.10", "6.1", "6.12", "7.x"} {
		for _, script := range guarded {
			if strings.Contains(script, "$kv") && !frozen.Target(kernel).Features.ForEachMapElement {
				continue // loops over maps need bpf_for_each_map_elem
			}
			t.Run(kernel+" "+script, func(t *testing.T) { guardHolds(t, kernel, script) })
		}
	}
}

func guardHolds(t *testing.T, kernel, script string) {
	parsed, diagnostics := lang.Parse(diag.NewSource("script", script+partner))
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	machine := frozen.Target(kernel)
	built, err := compiler.Compile(parsed, machine, compiler.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if built.Kernel[object.GuardMap] == nil {
		t.Fatal("no guard")
	}
	for size := range uint64(8) {
		for _, busy := range []uint64{0, 1} {
			guardedRun(t, built, size, busy)
		}
	}
}

func guardedRun(t *testing.T, built *object.Object, size, busy uint64) {
	const cpu, stride = 1, 64
	scene := &scene{memory: make([]byte, memorySize), context: make([]byte, contextSize)}
	for at := 0; at < contextSize; at += 8 {
		binary.LittleEndian.PutUint64(scene.context[at:], size)
	}
	e := scene.environment(built)
	words := e.Maps[object.GuardMap].Values[""][0]
	word := words[cpu*stride:][:8]
	data := e.Maps[object.DataMap].Values[""][0]
	for _, program := range built.Programs {
		binary.LittleEndian.PutUint64(word, busy)
		missed, records, keys := binary.LittleEndian.Uint64(data[object.DataMissed:]), len(e.Records), keysOf(e)
		foreign := program.Points[0].Mechanism == object.Run
		scene.run(t, program, e)
		if got := binary.LittleEndian.Uint64(word); got != busy {
			t.Errorf("%s, size %d: the word was %d and is %d", program.Name, size, busy, got)
		}
		now := binary.LittleEndian.Uint64(data[object.DataMissed:])
		if busy == 0 && now != missed {
			t.Errorf("%s, size %d: left out without a reason", program.Name, size)
		}
		if busy == 1 && !foreign && (len(e.Records) != records || !maps.Equal(keysOf(e), keys) || now > missed+1) {
			t.Errorf("%s, size %d: ran inside of another, or was counted %d times", program.Name, size, now-missed)
		}
	}
}

// keysOf counts the keys of every map.
func keysOf(e *emu.Environment) map[string]int {
	counts := map[string]int{}
	for name, m := range e.Maps {
		counts[name] = len(m.Values)
	}
	return counts
}

// Where nothing can deadlock there is no guard, and nothing is paid.
func TestNoGuard(t *testing.T) {
	for kernel, scripts := range map[string][]string{
		"6.12": {
			`kprobe:vfs_read { @[comm] = count() }`,
			`tracepoint:sched:sched_switch { printf("x\n") }`,
			`BEGIN { printf("x\n") } interval:s:1 { print(@a) } END { @a[1] = 1 }`,
			`kprobe:vfs_read { @ = count() } kretprobe:vfs_read { printf("x\n") }`,
			`kprobe:vfs_read { @[comm] = count() } interval:s:1 { print(@); clear(@) }`,
			`tracepoint:sched:sched_switch { @[args.next_comm] = count() } profile:hz:99 { @[comm] = count() }`,
		},
		"5.10": {
			`kprobe:vfs_read { @[comm] = count() } kretprobe:vfs_read { @[comm] = count() }`,
			`tracepoint:sched:sched_switch { @ = count() } profile:hz:99 { printf("x\n") }`,
		},
	} {
		for _, script := range scripts {
			built, _ := build(t, script, kernel)
			if built.Kernel[object.GuardMap] != nil {
				t.Errorf("%s: a guard in %s", kernel, script)
			}
		}
	}
}
