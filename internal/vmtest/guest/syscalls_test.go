//go:build guest

package guest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// The numbers of system calls that the compiler knows are those under which the kernel traces the calls.
func TestSyscallNumbers(t *testing.T) {
	machine := &target.Target{Arch: "x86_64"}
	var lines []string
	want := map[string]int{}
	for line := range strings.Lines(MustRun(t, "ponytrace", "-l", "tracepoint:syscalls:sys_enter_*").Stdout) {
		_, name := target.SplitSyscall(strings.TrimPrefix(strings.TrimSpace(line), "tracepoint:syscalls:"))
		number, known := machine.SyscallNumber(name)
		if !known {
			t.Logf("%s is attached through perf", name)
			continue
		}
		want[name] = number
		// struct syscall_metadata begins with a pointer to the name and the number.
		lines = append(lines, fmt.Sprintf("printf(\"%s %%d\\n\", *(int32 *)(kaddr(\"__syscall_meta__%[1]s\") + 8));\n", name))
	}
	if len(lines) < 200 {
		t.Errorf("only %d system calls", len(lines))
	}
	for part := range slices.Chunk(lines, 40) {
		script := "BEGIN {\n" + strings.Join(part, "") + "}"
		for line := range strings.Lines(withoutLoad(MustRun(t, "ponytrace", "-e", script)).Stdout) {
			var name string
			var number int
			if _, err := fmt.Sscan(line, &name, &number); err != nil || want[name] != number {
				t.Errorf("%q, want %d", line, want[name])
			}
			delete(want, name)
		}
	}
	if len(want) > 0 {
		t.Errorf("the kernel has no number of %v", want)
	}
}

// A call of a program of 32 bits is none of those whose number it has.
func TestCompatibleCallsAreOthers(t *testing.T) {
	out := trace(t, `
		tracepoint:syscalls:sys_enter_semget /comm == "pony"/ { @semget = count(); }
		tracepoint:syscalls:sys_exit_semget /comm == "pony"/ { @semget_ret = count(); }
		tracepoint:raw_syscalls:sys_enter /comm == "pony" && args.id == 64/ { @number = count(); }`,
		"--comm pony syscalls --name getppid32 --n 500")
	equal(t, "calls", out.Stdout, "@number: 500")
}

// The argument registers of system calls are those of functions but for one: the sixth and fourth arguments are right,
// at the entry, and the result at the exit. One program serves each.
func TestSyscallArguments(t *testing.T) {
	for _, attach := range []string{"auto", "tracepoint"} {
		out := trace(t, `
			tracepoint:syscalls:sys_enter_mmap /comm == "pony"/ {
				@same[args.flags == (args.flags & 0xffffffff), (args.fd & 0xffffffff) == 0xffffffff || args.fd < 100, args.off & 4095] = count(); }
			tracepoint:syscalls:sys_enter_openat /comm == "pony" && str(args.filename) == "/ponytrace-workload"/ {
				@openat[args.dfd, args.flags, args.mode, args.__syscall_nr] = count(); }
			tracepoint:syscalls:sys_exit_openat /comm == "pony" && args.ret < 0/ { @[args.ret, args.__syscall_nr, probe] = count(); }`,
			"--comm pony syscalls --name openat --n 300", "--attach", attach)
		var kept []string
		for line := range strings.Lines(out.Stdout) {
			if !strings.HasPrefix(line, "@same[true, true, 0]") {
				kept = append(kept, line)
			}
		}
		equal(t, attach, strings.Join(kept, ""), `
@[-2, 257, tracepoint:syscalls:sys_exit_openat]: 300
@openat[-100, 0, 0, 257]: 300
`)
	}
}

// All system calls at once, each under its name, are attached through two programs, and detached without a word.
func TestAllSyscalls(t *testing.T) {
	out := trace(t, `tracepoint:syscalls:sys_* /comm == "pony"/ { @[probe] = count(); }
		tracepoint:syscalls:sys_enter_getppid, tracepoint:syscalls:sys_exit_getppid /comm == "pony"/ { @again[probe] = count(); }`,
		"--comm pony syscalls --name getppid --n 5000 --threads 4")
	for _, line := range []string{
		"@[tracepoint:syscalls:sys_enter_getppid]: 5000\n", "@[tracepoint:syscalls:sys_exit_getppid]: 5000\n",
		"@again[tracepoint:syscalls:sys_enter_getppid]: 5000\n", "@again[tracepoint:syscalls:sys_exit_getppid]: 5000\n",
	} {
		if !strings.Contains(out.Stdout, line) {
			t.Errorf("%q is not in\n%s", line, out.Stdout)
		}
	}
	if strings.Contains(out.Stderr, "WARNING") || strings.Contains(out.Stderr, "waiting") {
		t.Error(out.Stderr)
	}
}
