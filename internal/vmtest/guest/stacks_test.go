//go:build guest

package guest

import (
	"regexp"
	"strings"
	"testing"
)

// dupCaller is the beginning of a stack of dup(), which kernels call from one or the other.
var dupCaller = regexp.MustCompile(`<\n +__x64_sys_dup\+\d+\n +(do_syscall_64|x64_sys_call)\+`)

// However a probe is attached, the kernel's stack begins with the function that it is on,
// and the process's in its own code.
func TestStacks(t *testing.T) {
	const script = `
		kprobe:__x64_sys_dup { printf("<%s>", kstack(2)); @deep[kstack, ustack(3)] = count(); }
		tracepoint:sched:sched_process_exec { printf("[%s]", kstack(1)); }`
	for _, attach := range []string{"fentry", "kprobe"} {
		p := tracing(t, script, "--attach", attach)
		Workload(t, "syscalls", "--name", "dup", "--n", "5")
		out := ended(p)
		if n := strings.Count(out.Stdout, "<\n        __x64_sys_dup+"); n != 5 {
			t.Errorf("%s: %d of 5 stacks begin with the probe's function\n%s", attach, n, out.Stdout)
		}
		if n := len(dupCaller.FindAllString(out.Stdout, -1)); n != 5 {
			t.Errorf("%s: %d of 5 stacks have the caller next\n%s", attach, n, out.Stdout)
		}
		if !strings.Contains(out.Stdout, "        do_syscall_64+") {
			t.Errorf("%s: no stack leads to do_syscall_64\n%s", attach, out.Stdout)
		}
		if AtLeast(t, 6, 1) && strings.Contains(out.Stdout, "bpf_prog_") {
			t.Errorf("%s: the stack of a program of ponytrace shows\n%s", attach, out.Stdout)
		}
	}
}
