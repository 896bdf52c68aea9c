//go:build guest

package guest

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// crashers took kernels down when kprobe: was served by fentry wherever that loaded,
// because a program then fired inside of the helpers and locks of another, or of itself.
var crashers = []string{
	`kprobe:bpf_* { @[arg0] = count(); @b = curtask->pid }`,
	`kprobe:copy_from_kernel_nofault { @[arg0] = count(); @b = curtask->pid }`,
	`kprobe:_raw_spin_lock_irqsave { @[comm] = count() }`,
	`kprobe:ksys_read { printf("a\n") } kprobe:_raw_spin_unlock_irqrestore { printf("b\n") }`,
	`kprobe:_raw_spin_* { printf("%s %p\n", func, arg0) }`,
	`let @a = lruhash(1000); kprobe:_raw_spin_unlock_irqrestore { @a[rand] = 1 } kprobe:ksys_read { @a[rand] = 1 }`,
	`tracepoint:raw_syscalls:sys_enter { printf("a\n") } kprobe:_raw_spin_unlock_irqrestore { printf("b\n") }`,
	`profile:hz:999 { printf("a\n") } kprobe:_raw_spin_unlock_irqrestore { printf("b\n") }`,
	`interval:ms:1 { printf("a\n") } kprobe:_raw_spin_unlock_irqrestore { printf("b\n") }`,
	`config = { missing_probes = "ignore" } kprobe:_raw_spin_unlock { @[str(uptr(0x400000))] = count() } BEGIN { }`,
	`config = { missing_probes = "ignore" } kprobe:migrate_disable, kprobe:__rcu_read_lock { @[func] = count() } BEGIN { }`,
}

// Each of them now runs until the command ends, while a clause beside it counts every
// call of the command. Without kprobe_multi, the hundreds of functions of the first take
// minutes to attach.
func TestCrashersSurvive(t *testing.T) {
	for _, script := range crashers {
		if !AtLeast(t, 6, 12) && os.Getenv("GUEST_SWEEP") == "" {
			script = strings.Replace(script, "bpf_*", "bpf_map_u*", 1)
		}
		t.Run(script, func(t *testing.T) { survives(t, script) })
	}
}

// calls is how often the command makes the system call that exact counts.
const calls = 400

// exact is in a map without keys, in a hash, and in the ring buffer. No program of the
// run can leave it out: a system call is not entered inside of one.
const exact = ` kprobe:__x64_sys_getpgid { @calls = count(); @keyed[tid] = count(); printf("call\n"); }`

// survives runs a script beside the clause exact, and holds that its sums add up: what is
// not there was reported.
func survives(t *testing.T, script string) {
	t.Helper()
	load := fmt.Sprintf("workload syscalls --name getpgid --n %d --threads 2", calls)
	out := Run(t, "ponytrace", "-e", script+exact, "-c", load)
	if out.Code != 0 {
		t.Fatalf("ended with %d: %s", out.Code, out.Stderr)
	}
	calls := counted(t, out)
	keyed := 0
	for _, match := range regexp.MustCompile(`(?m)^@keyed\[\d+\]: (\d+)$`).FindAllStringSubmatch(out.Stdout, -1) {
		n, _ := strconv.Atoi(match[1])
		keyed += n
	}
	if lost := reported(out.Stderr, `(\d+) updates of the map @keyed`); keyed+lost != calls {
		t.Errorf("%d calls by key, and %d reported as lost, of %d", keyed, lost, calls)
	}
	// The command's own line may stand in the middle of another: both write to one pipe.
	lines := regexp.MustCompile(`\{"load".*\}\n`).ReplaceAllString(out.Stdout, "")
	printed := len(regexp.MustCompile(`(?m)^call$`).FindAllString(lines, -1))
	if lost := reported(out.Stderr, `(\d+) events were lost`); printed > calls || printed+lost < calls {
		t.Errorf("%d calls printed, and %d lines reported as lost, of %d", printed, lost, calls)
	}
	t.Logf("%d lines; %s", strings.Count(out.Stdout, "\n"), strings.ReplaceAll(out.Stderr, "\n", "; "))
}

// counted is how many calls the clause exact counted. From 7.0 on a task can be preempted
// in the bpf system call, with bpf_prog_active raised, and what other threads do on that
// CPU meanwhile is left out and reported.
func counted(t *testing.T, out Output) (n int) {
	t.Helper()
	if match := regexp.MustCompile(`@calls: (\d+)\n`).FindStringSubmatch(out.Stdout); match != nil {
		n, _ = strconv.Atoi(match[1])
	}
	left := reported(out.Stderr, `(\d+) events were missed`)
	if n != calls && !(AtLeast(t, 7, 0) && n < calls && n+left >= calls) {
		t.Errorf("%d calls of %d, and %d reported as missed", n, calls, left)
	}
	return n
}

// reported is the number in a warning, 0 without one.
func reported(text, pattern string) (n int) {
	if match := regexp.MustCompile(pattern).FindStringSubmatch(text); match != nil {
		n, _ = strconv.Atoi(match[1])
	}
	return n
}

// reentered are functions that helpers, maps, the ring buffer, locks, RCU, scheduling and
// entry code use. A kernel has most of them.
var reentered = map[string]string{
	"locks":  "_raw_spin_lock _raw_spin_unlock _raw_spin_lock_irqsave _raw_spin_unlock_irqrestore",
	"rcu":    "__rcu_read_lock __rcu_read_unlock migrate_enable call_rcu __call_rcu_common",
	"maps":   "htab_map_update_elem htab_lru_map_update_elem bpf_lru_pop_free alloc_htab_elem __pcpu_freelist_pop bpf_ringbuf_reserve",
	"memory": "__kmalloc ___slab_alloc kfree strncpy_from_kernel_nofault copy_from_user_nofault",
	"sched":  "__schedule try_to_wake_up update_curr __wake_up irq_work_run",
}

// Programs with maps of every kind, stacks and lines fire in all functions of a group,
// and beside them an exact one.
func TestProbesInsideOfPrograms(t *testing.T) {
	for name, functions := range reentered {
		for _, probe := range []string{"kprobe", "kretprobe"} {
			if probe == "kretprobe" && name != "locks" {
				continue
			}
			t.Run(probe+" "+name, func(t *testing.T) {
				if probe == "kretprobe" && !AtLeast(t, 5, 11) {
					refusesReturns(t, strings.Fields(functions)...)
					return
				}
				survives(t, busy(probe, strings.Fields(functions)...))
			})
		}
	}
}

// refusesReturns: before 5.11 the kernel holds a lock while the program of a kretprobe
// runs. One CPU held that and waited for the ring buffer's, another held the ring buffer's
// in _raw_spin_unlock_irqrestore and waited for the first: both for ever, in one of 20
// runs.
func refusesReturns(t *testing.T, functions ...string) {
	t.Helper()
	refused := 0
	for _, function := range functions {
		out := Run(t, "ponytrace", "-e", "kretprobe:"+function+" { @ = count() }")
		switch {
		case out.Code == 1 && strings.Contains(out.Stderr, function+" is not safe to trace at its return on this kernel"):
			refused++
		case out.Code != 1 || !strings.Contains(out.Stderr, "this kernel has no traceable function "+function):
			t.Errorf("kretprobe:%s ended with %d: %s", function, out.Code, out.Stderr)
		}
	}
	if refused < 2 {
		t.Errorf("%d functions are refused, and the kernel has no others", refused)
	}
}

// busy is a script that does much at each of the functions. Its stacks are addresses: to
// read the kernel's symbols takes a virtual machine longer than all else. It prints at one
// in four: a line that is printed takes locks, which print lines, and a busy virtual
// machine was seen to need minutes for that.
func busy(probe string, functions ...string) string {
	points := probe + ":" + strings.Join(functions, ", "+probe+":")
	return `config = { missing_probes = "ignore"; stack_mode = "raw" } let @recent = lruhash(256); ` + points + ` {
		@[func] = count(); @stacks[kstack(4)] = count(); @recent[rand] = 1; @last[cpu] = nsecs; delete(@last[cpu]);
		if (rand % 4 == 0) { printf("%s %s\n", func, comm); } } interval:ms:100 { print(@last); @beat[cpu] = count(); }`
}

// Tracepoints inside of helpers and locks.
func TestTracepointsInsideOfPrograms(t *testing.T) {
	for _, category := range []string{"lock", "kmem", "exceptions"} {
		t.Run(category, func(t *testing.T) {
			survives(t, `config = { missing_probes = "ignore" } tracepoint:`+category+`:* { @[probe] = count(); @k[comm] = count(); printf("x\n"); } BEGIN { }`)
		})
	}
}

// TestSweep goes through the functions that programs run through, a few at a time, each
// beside an exact clause. All of them take hours: one batch is usual, and
// GUEST_SWEEP=3/50 takes every 50th, from the third on.
func TestSweep(t *testing.T) {
	functions := reenteredFunctions(t)
	const size = 8
	batches, done := (len(functions)+size-1)/size, 0
	first, step := 0, batches // one
	if slice := os.Getenv("GUEST_SWEEP"); slice != "" {
		if _, err := fmt.Sscanf(slice, "%d/%d", &first, &step); err != nil || step <= 0 {
			t.Fatalf("GUEST_SWEEP=%s is not as 3/50", slice)
		}
	}
	for i := first; i < batches; i += step {
		batch := functions[i*size : min(len(functions), (i+1)*size)]
		t.Run(strings.Join(batch, ","), func(t *testing.T) {
			survives(t, busy("kprobe", batch...))
			if AtLeast(t, 5, 11) {
				survives(t, busy("kretprobe", batch...))
			}
		})
		done += len(batch)
	}
	t.Logf("%d of %d functions", done, len(functions))
}

func reenteredFunctions(t *testing.T) (names []string) {
	out := MustRun(t, "ponytrace", "-l", "kprobe:*")
	for line := range strings.Lines(out.Stdout) {
		name := strings.TrimSpace(strings.TrimPrefix(line, "kprobe:"))
		if _, yes := target.Reentered(name); yes && !strings.Contains(name, ":") {
			names = append(names, name)
		}
	}
	return names
}

// beside is why a probe is attached by a kprobe beside one that fires in a lock.
func beside(t *testing.T) string {
	if !AtLeast(t, 5, 12) || AtLeast(t, 7, 0) {
		return avoided(t)
	}
	return "another probe of the script fires in what programs run through"
}

// -v tells the mechanism, and the reason where it is not the cheapest.
func TestMechanismIsSafe(t *testing.T) {
	out := MustRun(t, "ponytrace", "-v", "-e", `kprobe:_raw_spin_lock { @ = count() } kprobe:vfs_read { @b = count() }`, "-c", "workload sleep --ms 1")
	// What the lock's probe misses where a program runs depends on what else the machine
	// does.
	notices, _, _ := strings.Cut(out.Stderr, "WARNING: ")
	equal(t, "both by kprobes", notices, `
kprobe:_raw_spin_lock: attached by kprobe, because maps hold locks in it
kprobe:vfs_read: attached by kprobe, because `+beside(t)+`
Attached 2 probes`)
	out = Run(t, "ponytrace", "--attach", "fentry", "-e", `kprobe:_raw_spin_lock { @ = count() }`)
	if want := "_raw_spin_lock is not safe to trace by fentry: maps hold locks in it"; out.Code != 1 || !strings.Contains(out.Stderr, want) {
		t.Errorf("ended with %d, not with 1 and %q: %s", out.Code, want, out.Stderr)
	}
}
