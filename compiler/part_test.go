package compiler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/eval"
	"github.com/ponytrace/ponytrace/internal/oracle"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// partsOf counts the functions of an object that the verifier walks by themselves: the
// parts, and what they share.
func partsOf(o *object.Object) (n int) {
	for _, program := range o.Programs {
		for i := range program.Instructions[1:] {
			f := btf.FuncMetadata(&program.Instructions[i+1])
			if f != nil && f.Linkage == btf.GlobalFunc && strings.Contains(f.Name, "_part") {
				n++
			}
		}
	}
	return n
}

// TestPartsLeave has all ways out of a part: each must lead where it leads without parts.
func TestPartsLeave(t *testing.T) {
	const rest = `@y = 1; @y = 2; @y = 3; @y = 4; @y = 5; @y = 6; @y = 7; @last = 1; `
	for name, script := range map[string]string{
		"return":         `BEGIN { @x = 1; if (pid == 7) { @x = 2; return; } ` + rest + `} END { @end = 1 }`,
		"exit":           `BEGIN { @x = 1; if (pid == 7) { @x = 2; exit(3); } ` + rest + `} END { @end = 1 }`,
		"no return":      `BEGIN { @x = 1; if (pid == 9) { @x = 2; return; } ` + rest + `}`,
		"break":          `BEGIN { for ($i : 0..9) { @x = $i; if ($i == 5) { @z[$i] = 2; break; } ` + rest + `@s[$i] = sum($i); } @end = 1; ` + rest + `}`,
		"continue":       `BEGIN { for ($i : 0..9) { @x = $i; if ($i > 5) { @z[$i] = 2; continue; } ` + rest + `@s[$i] = sum($i); } @end = 1 }`,
		"while":          `BEGIN { $n = 0; while ($n < 20) { $n++; @x = $n; if ($n > 9) { @z[$n] = 1; break; } ` + rest + `} @n = $n; ` + rest + `}`,
		"return in loop": `BEGIN { for ($i : 0..9) { @x = $i; if ($i == 5) { @z[$i] = 2; return; } ` + rest + `} @end = 1; ` + rest + `}`,
		"plain loop":     `BEGIN { for ($i : 0..pid) { ` + rest + `} ` + rest + `}`,
		"loop in part":   `BEGIN { @x = 1; for ($i : 0..9) { if ($i == 5) { return; } @s = sum($i); } ` + rest + `}`,
		"function": `fn f($n : uint64) : uint64 { if ($n > 3) { return $n * 2; } @f = $n; return 1; }
			BEGIN { @a = f(2); @b = f(5); ` + rest + `}`,
		"variables": `BEGIN { $a = pid; $s = "text"; $t = (1, "two"); @x = $a; ` + rest + `$a += 5; ` + rest + `@a = $a; @s = $s; @t = $t;
			$s = comm; ` + rest + `@s2 = $s; { let $a : uint8 = 300; @inner = $a; ` + rest + `} @outer = $a; }`,
	} {
		for _, kernel := range []string{"5.10", "6.1", "6.12"} {
			t.Run(name+" "+kernel, func(t *testing.T) {
				machine := frozen.Target(kernel)
				if err := judge(script, machine, nil); err != nil {
					t.Error(err)
				}
				o, err := compileFor(script, machine, compiler.Options{PartSize: oracle.PartSize})
				if err != nil {
					t.Fatal(err)
				}
				if n := partsOf(o); n < 2 {
					t.Errorf("it has %d parts", n)
				}
			})
		}
	}
}

// TestPartsReachContext has parts that read what a probe is handed: the same as without
// parts, whether the kernel takes the context for an argument or not.
func TestPartsReachContext(t *testing.T) {
	const rest = `@y = 1; @y = 2; @y = 3; @y = 4; @y = 5; @y = 6; @y = 7; `
	for _, script := range []string{
		`kprobe:vfs_read { ` + rest + `@size = arg2; @h = hist(arg2 + 5); ` + rest + `@a[arg2, pid] = count(); @pos = (uint64)arg3; }`,
		`kprobe:vfs_read { $f = arg0; ` + rest + `@mode = $f->f_mode; ` + rest + `@flags = arg0->f_flags; }`,
		`kretprobe:vfs_read { ` + rest + `@r = retval; ` + rest + `@h = lhist(retval, 0, 100, 5); }`,
		`tracepoint:sched:sched_switch { ` + rest + `@prev = args.prev_pid; ` + rest + `@[args.next_comm] = count(); }`,
		`kprobe:vfs_read { for ($i : 0..5) { @s = sum(arg2 + $i); ` + rest + `} ` + rest + `}`,
	} {
		for _, kernel := range frozen.Names()[:4] {
			machine := frozen.Target(kernel)
			whole := contextual(t, script, machine, compiler.Options{})
			parts := contextual(t, script, machine, compiler.Options{PartSize: oracle.PartSize})
			if difference := oracle.Difference(parts, whole); difference != "" {
				t.Errorf("%s, Linux %s: %s", script, kernel, difference)
			}
		}
	}
}

// contextual runs a program with something in its context.
func contextual(t *testing.T, script string, machine *target.Target, options compiler.Options) *eval.Result {
	t.Helper()
	o, err := compileFor(script, machine, options)
	if err != nil {
		t.Fatal(err)
	}
	if n := partsOf(o); (n > 1) != (options.PartSize > 0) {
		t.Errorf("%s: %d parts", script, n)
	}
	environment := newEmulated(o)
	for i := range environment.Context {
		environment.Context[i] = byte(i * 7)
	}
	if _, err := emu.Run(o.Programs[0].Instructions, environment); err != nil {
		t.Fatalf("%s, Linux %s, %+v: %v", script, machine.Version, options, err)
	}
	table := func(m *object.MapSpec) (*events.Table, error) {
		return emulatedTable(o, m, environment.Maps), nil
	}
	result, err := oracle.Observe(o, table, environment.Records)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// TestFiveThousandStatements is more than a kernel takes of one function: none may be
// long, and their number is limited (BPF_MAX_SUBPROGS).
func TestFiveThousandStatements(t *testing.T) {
	testkit.Long(t)
	var script strings.Builder
	script.WriteString("kprobe:vfs_read {\n")
	for i := range 1250 {
		fmt.Fprintf(&script, "@a[%d] = count(); if (pid == %d) { @x = count() } printf(\"%%d\\n\", %d); @h = hist(arg2 + %d);\n", i, i, i, i)
	}
	script.WriteString("}\n")
	for _, kernel := range frozen.Names() {
		o, err := compileFor(script.String(), frozen.Target(kernel), compiler.Options{})
		if err != nil {
			t.Fatal(err)
		}
		functions, longest := lengths(o.Programs[0].Instructions)
		if functions > 256 || longest > 2000 {
			t.Errorf("Linux %s: %d functions, the longest of %d instructions", kernel, functions, longest)
		}
		environment := newEmulated(o)
		if _, err := emu.Run(o.Programs[0].Instructions, environment); err != nil {
			t.Fatal(err)
		}
		if n := len(environment.Records); n != 1250 {
			t.Errorf("Linux %s: %d lines", kernel, n)
		}
		for _, m := range o.Maps {
			if table := emulatedTable(o, m, environment.Maps); m.Name == "a" && table.Len() != 1250 {
				t.Errorf("Linux %s: %d keys", kernel, table.Len())
			}
		}
	}
}

// lengths counts the functions of a program, and the instructions of the longest.
func lengths(code asm.Instructions) (functions, longest int) {
	start := 0
	for i := range code {
		if btf.FuncMetadata(&code[i]) != nil {
			functions++
			start = i
		}
		longest = max(longest, i+1-start)
	}
	return functions, longest
}
