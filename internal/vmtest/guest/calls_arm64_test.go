//go:build guest

package guest

import (
	"fmt"
	"strings"
	"testing"
)

// Functions of the kernel are counted exactly, with what a system call was given and
// returned, whichever way they are attached.
func TestKernelFunctionsOfARM64(t *testing.T) {
	const script = `
		kprobe:__arm64_sys_dup { @entry[func] = count(); @fd[arg0->regs[0] & 0xffffffff] = count(); }
		kretprobe:__arm64_sys_dup { @ret[retval] = count(); }
		kprobe:blk_mq_start_request { @len[arg0->__data_len] = count(); @cmd[args.rq->cmd_flags & 0xff] = count(); }`
	for _, attach := range []string{"auto", "fentry", "kprobe"} {
		p := tracing(t, script, "--attach", attach)
		Workload(t, "syscalls", "--name", "dup", "--n", "777")
		Workload(t, "block", "--dev", "/dev/nullb0", "--sizes", "8192x10,512x3")
		equal(t, attach, ended(p).Stdout, `
@cmd[1]: 13
@entry[__arm64_sys_dup]: 777
@fd[4294967295]: 777
@len[512]: 3
@len[8192]: 10
@ret[-9]: 777
`)
	}
}

// Eight threads on two CPUs make calls, and threads of the class FIFO interrupt them.
func TestNoEventIsLostUnderLoadOfARM64(t *testing.T) {
	out := trace(t, strings.ReplaceAll(strings.ReplaceAll(everyMechanism, "__x64", "__arm64"), "121", "155"), hammering)
	equal(t, "calls", out.Stdout, fmt.Sprintf(everyCall, hammered))
}

// Functions and USDT probes of a program are counted exactly, with their arguments, where
// the kernel steps over the first instruction, emulates it or passes it.
func TestProgramOfARM64(t *testing.T) {
	script := strings.ReplaceAll(`
		uprobe:P:add { @entry[probe, func] = count(); @a = sum((int32)arg0); @b[(int32)arg1] = count(); }
		uretprobe:P:add { @returned = sum((int32)retval); }
		u:P:eight { @args[arg0, arg5, (int16)arg6, arg7] = count(); }
		u:P:des*nd { @last[func, (int32)arg0 == 3] = count(); }
		ur:P:des*nd { @left = count(); }
		u:P:greet { @greeted[str(arg0)] = count(); }
		u:P:[as]*d { @some[func] = count(); }
		usdt:P:request { @request[str(arg1)] = count(); @numbers = sum(arg0); @shorts = sum(arg2); }
		usdt:P:app:forms { @forms[arg0 - arg1, arg2, arg3, arg4, arg5, arg6] = count(); }
		usdt:P:app:counted { @counted = count(); @two = sum(arg0 + arg1); }
		usdt:P:ba?e { @bare[probe] = count(); }`, "P:", "/programs/asm:")
	for _, attach := range []string{"auto", "uprobe"} {
		out := MustRun(t, "ponytrace", "--attach", attach, "-e", script, "-c", "/programs/asm 100")
		equal(t, attach, withoutBlankLines(out.Stdout), `
@a: 4950
@args[1, 6, -7, 8]: 100
@b[2]: 100
@bare[usdt:/programs/asm:app:bare]: 100
@counted: 100
@entry[uprobe:/programs/asm:add, add]: 100
@forms[-1, 20, 0, 77, 9, 0]: 25
@forms[-1, 20, 10, 77, 9, 0]: 25
@forms[-1, 20, 20, 77, 9, 0]: 25
@forms[-1, 20, 30, 77, 9, 0]: 25
@greeted[round]: 100
@last[descend, true]: 100
@last[descend, false]: 300
@left: 400
@numbers: 5650
@request[fixed]: 100
@request[round]: 100
@returned: 5150
@shorts: 14350
@some[add]: 100
@some[signed]: 100
@two: 5150
`)
	}
}
