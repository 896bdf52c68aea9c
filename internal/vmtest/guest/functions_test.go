//go:build guest

package guest

import "testing"

// What functions say of the process that makes a system call, by every kernel's helpers.
func TestFunctionsOfProcess(t *testing.T) {
	const script = `
		kprobe:__x64_sys_dup {
			printf("%d %s %d %d\n", pid(curr_ns) == pid, comm(curtask), tid(curr_ns) == tid, ppid != 0);
			printf("%s %s %s\n", pcomm, username, strerror(2));
			printf("%s %s %r\n", syscall_name(32), ntop(pton("127.0.0.1")), buf(pton("65.66.67.68")));
			printf("%s %d %d\n", ksym(reg("ip")), nsecs <= nsecs(boot), kaddr("jiffies") != 0);
			printf("%d %d\n", percpu_kaddr("runqueues") == percpu_kaddr("runqueues", cpu), percpu_kaddr("runqueues", 5000));
			exit();
		}
		tracepoint:syscalls:sys_enter_execve { join(args.argv, "+") }`
	out := MustRun(t, "ponytrace", "-c", "workload syscalls --name dup --n 1", "-e", script)
	equal(t, "functions", withoutLoad(out).Stdout, `
workload+syscalls+--name+dup+--n+1
1 workload 1 1
ponytrace 0 No such file or directory
dup 127.0.0.1 ABCD
__x64_sys_dup 1 1
1 0
`)
}
