//go:build guest

package guest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// entries are ways to count calls of dup, by a function, its return, and a tracepoint.
const entries = `
kprobe:__x64_sys_dup { @entry = count() }
kretprobe:__x64_sys_dup { @return = count() }
tracepoint:syscalls:sys_enter_dup { @call = count() }
tracepoint:syscalls:sys_exit_dup { @end = count() }`

func dupCounts(n int) string {
	return fmt.Sprintf("@call: %[1]d\n@end: %[1]d\n@entry: %[1]d\n@return: %[1]d\n", n)
}

// gated starts a family that makes its calls when the gate opens.
func gated(t *testing.T, args ...string) (p *Process, open func()) {
	gate := filepath.Join(t.TempDir(), "gate")
	p = Start(t, "workload", append([]string{"family", "--gate", gate}, args...)...)
	return p, func() {
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestProcesses: of three processes that make the same calls in two threads each, two are
// seen.
func TestProcesses(t *testing.T) {
	var pids []string
	var gates []func()
	for range 3 {
		p, open := gated(t, "--n", "300", "--depth", "0")
		pids, gates = append(pids, fmt.Sprint(p.Pid())), append(gates, open)
	}
	tracing := Start(t, "ponytrace", "-p", strings.Join(pids[:2], ","), "-e", entries)
	tracing.Await("Attached 4 probes")
	gates[2]()
	gates[1]()
	gates[0]()
	equal(t, "two of three", tracing.Wait().Stdout, dupCounts(600))
}

// TestChildren: the descendants of a process, orphans too, from their birth on: 1 + 2 + 4
// processes make 100 calls each. Without --children only the first is seen. 10 processes
// end: package os, which tries pidfds once, starts one more in each of the three parents.
func TestChildren(t *testing.T) {
	stranger := func() { MustRun(t, "workload", "syscalls", "--name", "dup", "--n", "50") }
	for _, c := range []struct {
		flags []string
		want  int
	}{{nil, 100}, {[]string{"--children"}, 700}} {
		p, open := gated(t, "--n", "100")
		tracing := Start(t, "ponytrace", append(c.flags, "-p", fmt.Sprint(p.Pid()), "-e", entries)...)
		tracing.Await("Attached 4 probes")
		stranger()
		open()
		equal(t, fmt.Sprint(c.flags), tracing.Wait().Stdout, dupCounts(c.want))
	}
	out := MustRun(t, "ponytrace", "--children", "-c", "workload family --n 100", "-e", entries+`
BEGIN { system("workload syscalls --name dup --n 7") }
tracepoint:syscalls:sys_enter_exit_group { @exits = count() }`, "--unsafe")
	equal(t, "-c", withoutLoad(out).Stdout, strings.Replace(dupCounts(700), "@return", "@exits: 10\n@return", 1))
}

// TestOrphans: those whose parent has ended are followed, too. The command ends long
// before them, so another process ends the tracing.
func TestOrphans(t *testing.T) {
	root, open := gated(t, "--n", "100", "--orphans")
	tracing := Start(t, "ponytrace", "--children", "-p", fmt.Sprintf("%d,%d", root.Pid(), os.Getpid()), "-e",
		entries+` tracepoint:syscalls:sys_exit_dup { @n++; if (@n == 700) { exit() } } interval:s:20 { exit(9) } END { clear(@n) }`)
	tracing.Await("Attached 7 probes")
	open()
	out := tracing.Wait()
	equal(t, "orphans", out.Stdout, dupCounts(700))
}

// TestCommandID: cpid is known from the first moment of the command, and to no one else.
func TestCommandID(t *testing.T) {
	out := withoutLoad(MustRun(t, "ponytrace", "-c", "workload family --n 100", "-e", `
BEGIN { printf("%d %d\n", cpid, has_cpid) }
tracepoint:sched:sched_process_exec /pid == cpid/ { @exec = count() }
tracepoint:syscalls:sys_enter_dup /pid == cpid/ { @call = count() }`))
	equal(t, "cpid", out.Stdout, "0 1\n@call: 100\n@exec: 1\n")
	out = MustRun(t, "ponytrace", "-e", `BEGIN { printf("%d %d\n", cpid, has_cpid); exit() }`)
	equal(t, "no command", out.Stdout, "0 0\n")
}

// TestDryRun: everything is attached, and nothing runs.
func TestDryRun(t *testing.T) {
	out := MustRun(t, "ponytrace", "--dry-run", "--unsafe", "-e",
		`BEGIN { printf("never\n") } END { printf("never\n") } interval:ms:1 { printf("never\n") }
		kprobe:vfs_read, tracepoint:sched:sched_switch { @ = count(); signal("KILL"); exit(7) }`)
	equal(t, "dry run", out.Stdout, "")
	equal(t, "notices", out.Stderr, "Attached 5 probes")
	out = Run(t, "ponytrace", "--dry-run", "-e", `kprobe:vfs_read { @ = count() } kprobe:_raw_spin_lock+1 { @ = count() }`)
	if out.Code != 1 || !strings.Contains(out.Stderr, "_raw_spin_lock+1") {
		t.Errorf("%d\n%s", out.Code, out.Stderr)
	}
}

// TestCgroups: of processes in two control groups, one below the first, and outside, those
// are seen that are in what was asked for, by folder, by place, and by container.
func TestCgroups(t *testing.T) {
	const mount = "/sys/fs/cgroup/"
	for _, name := range []string{"machine-web.scope", "machine-web.scope/inner", "other"} {
		if err := os.Mkdir(mount+name, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove(mount + name) })
	}
	for _, c := range []struct {
		flags []string
		want  int
	}{
		{nil, 1 + 10 + 100 + 1000},
		{[]string{"--cgroup", mount + "machine-web.scope"}, 10 + 100},
		{[]string{"--cgroup", "/machine-web.scope/inner"}, 100},
		{[]string{"--cgroup", "other", "--cgroup", "machine-web.scope/inner"}, 100 + 1000},
		{[]string{"--container", "web"}, 10 + 100},
	} {
		tracing := Start(t, "ponytrace", append(c.flags, "-e", entries)...)
		tracing.Await("Attached 4 probes")
		MustRun(t, "workload", "syscalls", "--name", "dup", "--n", "1")
		inside(t, mount+"machine-web.scope", 10)
		inside(t, mount+"machine-web.scope/inner", 100)
		inside(t, mount+"other", 1000)
		tracing.Signal(os.Interrupt)
		equal(t, strings.Join(c.flags, " "), tracing.Wait().Stdout, dupCounts(c.want))
	}
}

// inside makes calls in a control group. The kernel puts the new process there.
func inside(t *testing.T, group string, calls int) {
	folder, err := os.Open(group)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	cmd := exec.Command("workload", "syscalls", "--name", "dup", "--n", fmt.Sprint(calls))
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(folder.Fd())}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
