//go:build guest

package guest

import (
	"regexp"
	"strings"
	"testing"
)

// way is a value of --attach, and the feature without which it cannot serve.
type way struct{ attach, lacking string }

// readAll makes reads of a size that nothing else has.
const readAll = "--comm pony read --n 200 --size 123"

// Whatever way a probe is attached, its script prints the same: counts, arguments, results,
// names and the innermost frames of stacks. Those of processes are addresses, since a process
// may have ended before its frames are named.
func TestEveryWayPrintsTheSame(t *testing.T) {
	functions := []way{{"auto", ""}, {"kprobe", ""}, {"kprobe_multi", "kprobe_multi"}, {"fentry", "fentry"}}
	calls := []way{{"auto", ""}, {"kprobe", ""}, {"tracepoint", ""}, {"rawtracepoint", ""}}
	users := []way{{"auto", ""}, {"uprobe", ""}, {"uprobe_multi", "uprobe_multi"}}
	for _, test := range []struct {
		name, script, load string
		ways               []way
		contains           []string
	}{
		{"function", `kprobe:vfs_read /comm == "pony" && arg2 == 123/ {
				@entry[func, comm, probe] = count(); @words = sum(arg2 + (arg1 != 0)); @types = sum(args.count); @s[tid] = arg2
			}
			kretprobe:vfs_read /comm == "pony" && retval == 123/ {
				@return[func, comm, probe] = count(); @results = sum(retval); @pairs = sum(retval + @s[tid]); delete(@s, tid);
				@back[kstack(20)] = count()
			}`,
			readAll, functions, []string{"@entry[vfs_read, pony, kprobe:vfs_read]: 200\n", "@pairs: 49200\n", "@results: 24600\n",
				"@return[vfs_read, pony, kretprobe:vfs_read]: 200\n", "@types: 24600\n", "@words: 24800\n"}},
		{"stacks", `kprobe:vfs_read /comm == "pony" && arg2 == 123/ { @stack[kstack(20)] = count(); @user[ustack(raw, 3)] = count() }`,
			readAll, functions, []string{"@stack[\n", "@user[\n"}},
		{"system call", `tracepoint:syscalls:sys_enter_getpgid /comm == "pony"/ { @n[comm, probe] = count(); @a = sum(args.pid + 7); @u[ustack(raw, 2)] = count() }
			tracepoint:syscalls:sys_exit_getpgid /comm == "pony"/ { @r[args.ret > 0] = count() }`,
			"--comm pony syscalls --name getpgid --n 300", calls, []string{"@a: 2100\n"}},
		{"function of a program", `uprobe:/programs/c-fixed:add { @n[func, comm, probe] = count(); @a = sum(arg0 + arg1); @u[ustack(raw, 1)] = count() }
			uretprobe:/programs/c-fixed:add { @r[comm, retval] = count() }`, "noise /programs/c-fixed 4", users, []string{"@r["}},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := ""
			for _, way := range test.ways {
				out, served := attachedBy(t, way, test.script, test.load)
				if want == "" {
					want = out
				}
				for _, part := range test.contains {
					if served && !strings.Contains(out, part) {
						t.Errorf("%s: no %q in\n%s", way.attach, part, out)
					}
				}
				if served && out != want {
					t.Errorf("%s:\n%s\nand not\n%s", way.attach, out, want)
				}
			}
		})
	}
}

// sameFrames takes away what depends on how a probe comes to be called: the place in the
// traced function, and at a return whether the function itself is still on the stack, as it
// is for fexit. docs/exactness.md tells of that.
func sameFrames(text string) string {
	text = offset.ReplaceAllString(text, "")
	return strings.Replace(text, "@back[\n        vfs_read\n", "@back[\n", 1)
}

var (
	offset = regexp.MustCompile(`\+\d+`)
	back   = regexp.MustCompile(`(?s)@back\[.*?\]: \d+\n`)
)

// attachedBy runs a script with its probes attached one way. A kernel that cannot must say
// what it lacks.
func attachedBy(t *testing.T, way way, script, load string) (stdout string, served bool) {
	t.Helper()
	out := Run(t, "ponytrace", "-v", "--attach", way.attach, "-e", script, "-c", "workload "+load)
	if out.Code == 0 {
		text := sameFrames(withoutLoad(out).Stdout)
		// Before 5.16 the kernel's walk of a stack ends at the trampoline of a kretprobe: at
		// the return, and at the entry of a function that has both probes.
		if !AtLeast(t, 5, 16) {
			text = back.ReplaceAllString(text, "")
		}
		return text, true
	}
	if way.lacking == "" || !strings.Contains(out.Stderr, "cannot serve") || !strings.Contains(out.Stderr, "this kernel has no "+way.lacking) {
		t.Errorf("%s: %s", way.attach, out.Stderr)
	}
	if way.lacking == "fentry" || AtLeast(t, 6, 2) {
		t.Errorf("%s: this kernel has it: %s", way.attach, out.Stderr)
	}
	return "", false
}
