//go:build guest

package guest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/oracle"
)

// TestSelfAssignedMaps counts calls by maps whose only assignments mention the map
// itself.
func TestSelfAssignedMaps(t *testing.T) {
	out := MustRun(t, "ponytrace", "-c", "workload syscalls --name dup --n 1000", "-e", `
		tracepoint:syscalls:sys_enter_dup /comm == "workload"/ {
			@i = @i + 1; @k[comm] = @k[comm] + 2; @m = 5 > @m ? 5 : @m; @f = !@f; @a = @b; @b = @a + 1;
			@s = str_concat(@s, @i < 4 ? "x" : "");
		}`)
	equal(t, "self-assigned", withoutLoad(out).Stdout, `
@a: 999
@b: 1000
@f: false
@i: 1000
@k[workload]: 2000
@m: 5
@s: xxx
`)
}

// registerRules are conditions that hold in kprobe:vfs_read. A # is another number in
// each.
var registerRules = []string{
	`arg0 + 8 == 8 + (uint64)arg0 && arg0 - 8 == (uint64)arg0 - 8 && arg0 - arg1 == -(arg1 - arg0)`,
	`*(uint64 *)(arg0 + offsetof(struct file, f_inode)) == (uint64)arg0->f_inode && arg0->f_inode != 0`,
	`(uint64)((struct file *)arg0 + 1) - (uint64)arg0 == sizeof(struct file)`,
	`(uint64)(args.file + 1) - (uint64)args.file == sizeof(struct file)`,
	`{ $p# = arg0; $p# += 8; $p#++; $p# - arg0 == 9 && ($p# & 7) == (((uint64)arg0 + 9) & 7) }`,
	`{ $p# = arg0; $p# = arg0; $p# + 8 - arg0 == 8 && $p#->f_inode == arg0->f_inode && ($p# & 7) == ((uint64)arg0 & 7) }`,
	`{ @p#[tid] = arg0; *(uint64 *)(@p#[tid] + offsetof(struct file, f_inode)) == (uint64)arg0->f_inode }`,
	`{ @p#[tid] = arg0; @p#[tid]->f_inode == arg0->f_inode && @p#[tid] + 8 - arg0 == 8 }`,
	`{ @p# = arg0; @p# = 0; @p# = arg0; @p# + 8 - arg0 == 8 }`,
	`{ $p# = (arg0, args.file); $p#.0 + 8 - arg0 == 8 && ($p#.0 & 7) == ((uint64)arg0 & 7) && (uint64)($p#.1 + 1) - arg0 == sizeof(struct file) }`,
	`{ $p# = pid ? arg0 : arg1; ($p# & 7) == ((uint64)arg0 & 7) && $p# * 2 == (uint64)arg0 * 2 }`,
	`{ $p# = pid ? arg0 : 5; ($p# & 7) == ((uint64)arg0 & 7) }`,
	`{ let $p# : uint64 = arg0; ($p# & 7) == ((uint64)arg0 & 7) }`,
	`{ let $p# : struct file * = arg0; (uint64)($p# + 1) - arg0 == sizeof(struct file) }`,
	`~arg0 == ~(uint64)arg0 && -arg0 == -(uint64)arg0 && arg0 >> 12 == (uint64)arg0 >> 12 && (arg0 | 1) == ((uint64)arg0 | 1)`,
	`plus(arg0) - arg0 == 8`,
	`arg1 + 1 - arg1 == 1`,
}

// TestArgumentsCountBytes evaluates them in the kernel by a kprobe and by fentry, whose
// verifier knows the types.
func TestArgumentsCountBytes(t *testing.T) {
	var body, want strings.Builder
	for i, rule := range registerRules {
		fmt.Fprintf(&body, "@holds[%d] = %s;\n", i, strings.ReplaceAll(rule, "#", fmt.Sprint(i)))
		fmt.Fprintf(&want, "@holds[%d]: true\n", i)
	}
	for _, attach := range []string{"kprobe", "fentry"} {
		out := MustRun(t, "ponytrace", "--attach", attach, "-c", "workload read --n 3 --size 100", "-e", `
			config = { print_maps_on_exit = false }
			fn plus($x : uint64) : uint64 { return $x + 8 }
			kprobe:vfs_read /comm == "workload"/ { `+body.String()+` }
			END { print(@holds) }`)
		equal(t, attach, withoutLoad(out).Stdout, "\n"+want.String())
	}
}

// TestReturnValueCountsBytes: retval is what a register holds, too.
func TestReturnValueCountsBytes(t *testing.T) {
	out := MustRun(t, "ponytrace", "-c", "workload --comm pony syscalls --name openat --n 5", "-e", `
		kretprobe:do_filp_open /comm == "pony"/ {
			@bytes = retval + 8 - (uint64)retval; @p[0] = retval; @same = @p[0] + 8 - retval;
			@elements = (uint64)((struct file *)retval + 1) - (uint64)retval == sizeof(struct file);
			delete(@p[0]);
		}`)
	equal(t, "retval", withoutLoad(out).Stdout, `
@bytes: 8
@elements: true
@same: 8
`)
}

// TestIntegers applies every operator to every pair of types, each type on the left named
// in another way; with GUEST_NAMINGS in every way.
func TestIntegers(t *testing.T) {
	if AtLeast(t, 5, 11) && !AtLeast(t, 7, 0) && os.Getenv("GUEST_NAMINGS") == "" {
		return // the oldest and the newest kernel tell
	}
	script, lines := oracle.IntegerScripts()
	printsLines(t, "all types", script, lines)
	if os.Getenv("GUEST_NAMINGS") == "" {
		return
	}
	for _, x := range oracle.IntegerTypes {
		for _, naming := range oracle.Namings {
			script, lines := oracle.IntegerScript(x, naming)
			printsLines(t, naming.Name+" of "+x.Name, script, lines)
		}
	}
}

func printsLines(t *testing.T, name, script string, lines []string) {
	t.Helper()
	out := MustRun(t, "ponytrace", "-e", "config = { print_maps_on_exit = false }\n"+script+"BEGIN { exit() }")
	equalLines(t, name, out.Stdout, lines)
}

func equalLines(t *testing.T, name, got string, want []string) {
	t.Helper()
	for i, line := range strings.Split(strings.TrimSpace(got), "\n") {
		if i >= len(want) || line != want[i] {
			t.Errorf("%s, line %d: got %s, want %s", name, i, line, want[min(i, len(want)-1)])
			return
		}
	}
	if n := strings.Count(got, "("); n != len(want) {
		t.Errorf("%s: %d lines, want %d", name, n, len(want))
	}
}
