package compiler_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
)

// countsBytes are conditions that hold in kprobe:vfs_read, whose first argument is a
// struct file, wherever the value of an argument goes. Every register holds the address
// of kernelText.
var countsBytes = []string{
	"@r = arg0 + 8 == 8 + (uint64)arg0 && arg0 - 8 == (uint64)arg0 - 8 && 8 + arg0 == (uint64)arg0 + 8",
	"@r = *(uint64 *)(arg0 + 72) == *(uint64 *)((uint64)arg0 + 72) && *(uint64 *)(arg0 + 72) != 0",
	"@r = *(arg0 + 64) == (uint64)arg0",
	"@r = (uint64)((struct file *)arg0 + 1) - (uint64)arg0 == sizeof(struct file)",
	"@r = (uint64)(args.file + 1) - (uint64)args.file == sizeof(struct file)",
	"@r = (uint64)(args.file + 2 - 1) - (uint64)args.file == sizeof(struct file)",
	"@r = (uint64)&arg0->f_path - (uint64)arg0 == offsetof(struct file, f_path)",
	"@r = &arg0[1] - &arg0[0] == 1 && (uint64)&arg0[1] - arg0 == sizeof(struct file)",
	"$p = arg0; @r = $p + 8 - arg0 == 8",
	"$p = arg0; $p += 8; @r = $p - arg0 == 8",
	"$p = arg0; $p++; ++$p; $p--; @r = $p - arg0 == 1",
	"$p = arg0; $p = arg1; @r = $p + 8 - arg0 == 8",
	"$p = args.file; @r = (uint64)($p + 1) - (uint64)arg0 == sizeof(struct file)",
	"$p = args.file; $p++; @r = (uint64)$p - (uint64)arg0 == sizeof(struct file)",
	"@p[tid] = arg0; @r = *(uint64 *)(@p[tid] + 72) == *(uint64 *)((uint64)arg0 + 72)",
	"@p[tid] = arg0; @r = @p[tid]->f_flags == arg0->f_flags",
	"@p[tid] = arg0; @p[tid] += 8; @p[tid]++; @r = @p[tid] - arg0 == 9",
	"@p = args.file; @r = (uint64)(@p + 1) - (uint64)arg0 == sizeof(struct file)",
	"@p = arg0; @p = args.file; @r = @p + 8 - arg0 == 8",
	"@p = arg0; @p = arg1; @r = @p + 8 - arg0 == 8",
	"@p = arg0; @r = @p + 8 - arg0 == 8; @p = 0",
	"$t = (arg0, 1); @r = $t.0 + 8 - arg0 == 8 && ($t.0 & 0xfff) == ((uint64)arg0 & 0xfff)",
	"$t = (a = arg0, b = args.file); @r = $t.a + 8 - arg0 == 8 && (uint64)($t.b + 1) - arg0 == sizeof(struct file)",
	"$p = pid ? arg0 : arg1; @r = $p + 8 - arg0 == 8 && ($p & 7) == 0",
	"$p = pid ? arg0 : 5; @r = $p + 8 - arg0 == 8 && ($p & 7) == 0",
	"$p = arg0; $q = &$p; @r = *$q + 8 - arg0 == 8",
	"$p = { $q = arg0; $q }; @r = $p + 8 - arg0 == 8",
	"let $p : struct file * = arg0; @r = (uint64)($p + 1) - arg0 == sizeof(struct file)",
	"let $p : typeof(arg0) = arg0; @r = (uint64)($p + 1) - arg0 == sizeof(struct file)",
	"let $p : uint64 = arg0; @r = $p + 8 - arg0 == 8 && ($p & 7) == 0",
	"@k[arg0] = 1; for ($kv : @k) { @r = $kv.0 + 8 - arg0 == 8 }",
	"@r = (arg0 & 0xfff) == 0 && arg0 >> 12 << 12 == (uint64)arg0 && arg0 % 4096 == 0 && arg0 / 2 * 2 == (uint64)arg0",
	"@r = -arg0 == -(uint64)arg0 && ~arg0 == ~(uint64)arg0 && (arg0 | 1) == (uint64)arg0 + 1 && (arg0 ^ 1) == (uint64)arg0 + 1",
	"$x = 5; $x += arg0; @r = $x == (uint64)arg0 + 5; @x = 5; @x += arg0",
	"@r = arg0 - arg1 == 0 && arg0 == arg1 && arg0 <= arg1 && !(arg0 < arg1) && arg0 - args.file == 0",
	`@r = str(arg0 + 5) == "hosts" && str(arg1 + 5) == str((uint64)arg1 + 5)`,
	"macro plus(x) { x + 8 } kprobe:vfs_read { @r = plus(arg0) - arg0 == 8 }",
	"fn plus($x : uint64) : uint64 { return $x + 8 } kprobe:vfs_read { @r = plus(arg0) - arg0 == 8 }",
	"fn next($x : struct file *) : uint64 { return (uint64)($x + 1) } kprobe:vfs_read { @r = next(arg0) - arg0 == sizeof(struct file) }",
}

func TestArgumentsCountBytes(t *testing.T) {
	for _, attach := range []string{"kprobe", "fentry"} {
		for _, kernel := range []string{"6.12", "5.10"} {
			for _, script := range countsBytes {
				if kernel == "5.10" && strings.Contains(script, "for (") {
					continue
				}
				if err := holds(kernel, attach, script); err != "" {
					t.Errorf("%s, %s: %s\n%s", kernel, attach, script, err)
				}
			}
		}
	}
}

// holds is empty when @r is true after the script.
func holds(kernel, attach, script string) string {
	if !strings.Contains(script, "kprobe:") {
		script = "kprobe:vfs_read { " + script + " }"
	}
	o, err := compileText(script, frozen.Target(kernel), compiler.Options{Attach: attach})
	if err != nil {
		return err.Error()
	}
	machine := emulator(o)
	machine.Context = bytes.Repeat(binary.LittleEndian.AppendUint64(nil, kernelText), contextSize/8)
	if err := runAll(o, machine); err != nil {
		return err.Error()
	}
	for _, m := range o.Maps {
		if table := emulatedTable(o, m, machine.Maps); m.Name == "r" && table.Len() == 1 && table.Value(0).Raw[0] == 1 {
			return ""
		}
	}
	return "it does not hold"
}

// TestBytesOfArgumentsAreExplained holds the messages where bytes and elements could be
// confused.
func TestBytesOfArgumentsAreExplained(t *testing.T) {
	_, err := compileWith("kprobe:vfs_read { @ = (arg0 + 8)->f_flags }")
	want := "arg0 + 8 is an address some bytes further"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	o, err := compileWith("kprobe:vfs_read { @ = ((struct file *)(arg0 + 1))->f_flags }")
	if err != nil {
		t.Fatal(err)
	}
	want = "arg0 + 1 counts bytes, and struct file has 184; (struct file *)arg0 + 1 moves by whole ones"
	if len(o.Notices) != 1 || o.Notices[0] != want {
		t.Errorf("got %q, want %s", o.Notices, want)
	}
}
