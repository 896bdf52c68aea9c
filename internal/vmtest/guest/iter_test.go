//go:build guest

package guest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// entriesOf counts the entries of a folder of a process, or the lines of a file.
func entriesOf(t *testing.T, pid int, name string) int {
	path := filepath.Join("/proc", fmt.Sprint(pid), name)
	if list, err := os.ReadDir(path); err == nil {
		return len(list)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The page of system calls, where there is one, belongs to no process.
	return strings.Count(string(text), "\n") - strings.Count(string(text), "[vsyscall]")
}

// TestIteratorsOfAProcess: the threads, open files and memory areas of a process are
// visited once each, whether the kernel or the program leaves the others out.
func TestIteratorsOfAProcess(t *testing.T) {
	p := Start(t, "workload", "sleep", "--ms", "1000000")
	kinds := map[string]string{"task": "task", "task_file": "fd", "task_vma": "maps"}
	if !AtLeast(t, 5, 12) {
		delete(kinds, "task_vma")
	}
	for kind, folder := range kinds {
		for _, script := range []string{
			"iter:%s { @ = count(); @n[ctx.task.tgid] = count() }",
			"iter:%s /ctx.task.tgid == $1/ { @ = count(); @n[ctx.task.tgid] = count() }",
		} {
			args := []string{"-q", "-e", fmt.Sprintf(script, kind), fmt.Sprint(p.Pid())}
			if !strings.Contains(script, "$1") {
				args = []string{"-q", "-p", fmt.Sprint(p.Pid()), "-e", fmt.Sprintf(script, kind)}
			}
			visitedOnce(t, func() int { return entriesOf(t, p.Pid(), folder) }, args)
		}
	}
}

// visitedOnce runs a script that counts what there is, until that is as much before as
// afterwards: Go's runtime starts threads and opens files when it pleases.
func visitedOnce(t *testing.T, count func() int, args []string) {
	for range 20 {
		before := count()
		out := MustRun(t, "ponytrace", args...)
		if count() != before {
			continue
		}
		var visited, ofProcess, pid int
		fmt.Sscanf(strings.TrimSpace(out.Stdout), "@: %d\n@n[%d]: %d", &visited, &pid, &ofProcess)
		if visited != before || ofProcess != before {
			t.Errorf("%q visits %d of %d\n%s", args, visited, before, out.Stdout)
		}
		return
	}
	t.Errorf("%q: the process does not come to rest", args)
}

// TestIteratorsOfTheKernel: each kind that is listed can be gone through, and what it
// prints through a small ring buffer is all there is. Of the 150,000 symbols it prints some.
func TestIteratorsOfTheKernel(t *testing.T) {
	kinds := strings.Fields(MustRun(t, "ponytrace", "-l", "iter:*").Stdout)
	if len(kinds) < 8 {
		t.Fatal(kinds)
	}
	for _, kind := range kinds {
		every := 1
		if kind == "iter:ksym" {
			every = 100
		}
		script := fmt.Sprintf("config = { perf_rb_pages = 1 } %s { if (@n++ %% %d == 0) { @ = count(); print(ctx); print((1, ctx)) } }",
			kind, every)
		if kind == "iter:cgroup" {
			script = strings.Replace(script, "= 1 }", "= 64 }", 1) // cannot wait for the reader
		}
		out := MustRun(t, "ponytrace", "-q", "-e", script)
		var visited int
		_, result, _ := strings.Cut(out.Stdout, "@: ")
		fmt.Sscan(result, &visited)
		if printed := strings.Count(out.Stdout, ".meta = 0x"); printed != 2*visited || out.Stderr != "" {
			t.Errorf("%s: %d objects, %d lines, %s", kind, visited, printed, out.Stderr)
		}
	}
}

// TestIteratorOfSockets: a listening socket of this process is found by its port.
func TestIteratorOfSockets(t *testing.T) {
	listener, err := net.Listen("tcp4", ":7654")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	equal(t, "tcp", MustRun(t, "ponytrace", "-q", "-e",
		"iter:tcp /ctx.sk_common.skc_num == 7654/ { @[ctx.sk_common.skc_state, ctx.uid] = count() }").Stdout, "@[10, 0]: 1\n")
}

// TestIteratorsBesideProbes: iterators run in the order of the script when all else is
// attached, each call of exit() ends them, and the body never runs without an object.
func TestIteratorsBesideProbes(t *testing.T) {
	out := Run(t, "ponytrace", "-q", "-e", `
BEGIN { printf("begin\n") }
iter:bpf_prog /@first == 0/ { @first = 1; printf("program %d\n", ctx.prog != 0) }
iter:task { if (ctx.task == 0) { printf("nobody\n") } @tasks = count(); if (ctx.task.pid == 2) { printf("task 2\n"); exit(3) } }
tracepoint:syscalls:sys_enter_dup { @calls = count() }
iter:bpf_map { printf("not reached\n") }
END { printf("end\n"); clear(@tasks); clear(@first) }`)
	equal(t, "order", out.Stdout, "begin\nprogram 1\ntask 2\nend\n")
	if out.Code != 3 {
		t.Errorf("exit code %d, want 3", out.Code)
	}
}

// TestIteratorPath: the paths of the open files of a process.
func TestIteratorPath(t *testing.T) {
	if !AtLeast(t, 5, 12) {
		return
	}
	cmd := exec.Command("workload", "sleep", "--ms", "100000")
	file, err := os.Open("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd.Stdin = file
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	want := fmt.Sprintf("0 /proc/%d/mounts\n", os.Getpid())
	equal(t, "path", MustRun(t, "ponytrace", "-q", "-p", fmt.Sprint(cmd.Process.Pid), "-e",
		`iter:task_file /ctx.fd == 0/ { printf("%d %s\n", ctx.fd, path(ctx.file.f_path)) }`).Stdout, want)
}
