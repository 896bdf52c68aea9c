//go:build guest

package guest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Whichever way a probe is attached, it fires as often and sees the same. The mechanism
// is what -v says.
func TestFunctionProbes(t *testing.T) {
	const script = `
		kprobe:__x64_sys_dup { @entry[func] = count(); @fd[arg0->di & 0xffffffff] = count(); }
		kretprobe:__x64_sys_dup { @ret[retval] = count(); }
		kprobe:blk_mq_start_request { @len[arg0->__data_len] = count(); @cmd[args.rq->cmd_flags & 0xff] = count(); }`
	const attached = `
kprobe:__x64_sys_dup: attached by %s
kretprobe:__x64_sys_dup: attached by %s
kprobe:blk_mq_start_request: attached by %[1]s
Attached 3 probes`
	// Kprobes come last: 5.10 was seen to refuse fentry right after them.
	for _, attach := range []string{"auto", "fentry", "kprobe"} {
		by := []any{"fentry", "fexit"}
		// Where the kernel preempts itself, tracing programs miss events. Before 5.12
		// they may run inside of themselves.
		if attach == "kprobe" || attach == "auto" && (AtLeast(t, 7, 0) || !AtLeast(t, 5, 12)) {
			by = []any{"kprobe", "kretprobe"}
		}
		if attach == "auto" && AtLeast(t, 7, 0) {
			by[1] = "kretprobe_multi"
		}
		if by[0] == "kprobe" {
			why := ", because --attach kprobe excludes it"
			if attach == "auto" {
				why = ", because " + avoided(t)
			}
			by = []any{by[0].(string) + why, by[1].(string) + why}
		}
		p := tracing(t, script, "-v", "--attach", attach)
		Workload(t, "syscalls", "--name", "dup", "--n", "777")
		Workload(t, "block", "--dev", "/dev/nullb0", "--sizes", "8192x10,512x3")
		out := ended(p)
		equal(t, attach, out.Stderr, fmt.Sprintf(attached, by...))
		equal(t, attach, out.Stdout, `
@cmd[1]: 13
@entry[__x64_sys_dup]: 777
@fd[4294967295]: 777
@len[512]: 3
@len[8192]: 10
@ret[-9]: 777
`)
	}
}

// avoided is why fentry is not taken by itself, on the kernels where it is not.
func avoided(t *testing.T) string {
	if !AtLeast(t, 5, 12) {
		return "this kernel may run fentry inside of itself until its stack is gone (Linux before 5.12)"
	}
	return "this kernel preempts the cheaper program, and leaves out what other threads do meanwhile"
}

// What is named is what attaches, with the arguments of the kernel's own code.
func TestNamedMechanisms(t *testing.T) {
	const script = `
		fentry:__x64_sys_dup { @entry[probe, func] = count(); @fd[args.regs->di & 0xffffffff] = count(); }
		fexit:__x64_sys_dup { @ret[retval, arg0->di & 0xffffffff] = count(); }
		rawtracepoint:block_rq_issue { @len[args.rq->__data_len] = count(); }
		rt:sys_enter /args.id == 32/ { @call[probe, args.regs->di & 0xffffffff] = count(); }
		rt:sys_exit /args.regs->orig_ax == 32 && comm == "pony"/ { @result[(int64)arg1] = count(); }
		rt:vmlinux:sys_e* { @both = count(); }
		rt:null_blk:nullb_* { @zoned = count(); }`
	p := tracing(t, script, "-v")
	Workload(t, "--comm", "pony", "syscalls", "--name", "dup", "--n", "777")
	Workload(t, "--comm", "pony", "block", "--dev", "/dev/nullb0", "--sizes", "8192x10,512x3")
	out := ended(p)
	notices, _, _ := strings.Cut(out.Stderr, "\nAll results are printed")
	if AtLeast(t, 7, 0) {
		notices, _, _ = strings.Cut(notices, "\nWARNING: ")
	}
	equal(t, "ways", notices, `
fentry:__x64_sys_dup: attached by fentry
fexit:__x64_sys_dup: attached by fexit
rawtracepoint:block_rq_issue: attached by typed raw tracepoint
rawtracepoint:sys_enter: attached by typed raw tracepoint
rawtracepoint:sys_exit: attached by typed raw tracepoint
rawtracepoint:null_blk:nullb_report_zones: attached by raw tracepoint
rawtracepoint:null_blk:nullb_zone_op: attached by raw tracepoint
Attached 9 probes`)
	counted, _, _ := strings.Cut(out.Stdout, "@both")
	_, rest, _ := strings.Cut(out.Stdout, "\n@call")
	equalOrReported(t, out.Stderr, counted+"@call"+rest, `
@call[rawtracepoint:sys_enter, 4294967295]: 777
@entry[fentry:__x64_sys_dup, __x64_sys_dup]: 777
@fd[4294967295]: 777
@len[512]: 3
@len[8192]: 10
@result[-9]: 777
@ret[-9, 4294967295]: 777
`)
}

// equalOrReported is equal, except that from 7.0 on, where a program is preempted in the
// middle and its events on that CPU are left out meanwhile, counts may be smaller by
// events that were reported as missed.
func equalOrReported(t *testing.T, stderr, got, want string) {
	t.Helper()
	missed := reported(stderr, `(\d+) events were missed`)
	if !AtLeast(t, 7, 0) || missed == 0 {
		equal(t, "counts", got, want)
		return
	}
	name := func(line string) string { return line[:max(0, strings.LastIndex(line, ":"))] }
	lines, wanted := strings.Split(strings.TrimSpace(got), "\n"), strings.Split(strings.TrimSpace(want), "\n")
	for i, line := range wanted {
		var n, of int
		if i >= len(lines) || name(lines[i]) != name(line) {
			equal(t, "counts", got, want)
			return
		}
		fmt.Sscan(lines[i][len(name(line))+1:], &n)
		fmt.Sscan(line[len(name(line))+1:], &of)
		if n > of || of-n > missed {
			t.Errorf("%s of %d, and %d events were reported as missed", lines[i], of, missed)
		}
	}
}

// The module before a function's name is a name or a pattern, vmlinux for the kernel itself.
func TestFunctionsOfModules(t *testing.T) {
	const script = `
		kprobe:null_b*:null_q* /func == "null_queue_rq"/ { @entered[func] = count(); }
		kretprobe:*:null_queue_rq { @returned[probe] = count(); }
		kprobe:vmlinux:blk_mq_start_reques* { @started[probe] = count(); }`
	out := trace(t, script, "block --dev /dev/nullb0 --sizes 8192x10,512x3")
	equal(t, "counts", out.Stdout, `
@entered[null_queue_rq]: 13
@returned[kretprobe:null_blk:null_queue_rq]: 13
@started[kprobe:vmlinux:blk_mq_start_request]: 13
`)
}

// Where a name cannot be attached as it is called, nothing else is taken.
func TestNamedMechanismsAreRefused(t *testing.T) {
	for script, want := range map[string]string{
		`fentry:_raw_spin_lock { @ = count() }`:        "_raw_spin_lock is not safe to trace by fentry: maps hold locks in it",
		`fexit:no_such_function { @ = count() }`:       "this kernel has no traceable function no_such_function",
		`rawtracepoint:sched_swich { @ = count() }`:    "did you mean sched_switch",
		`rt:sched_switch { @[args.nosuch] = count() }`: "nosuch is not among the args of sched_switch",
	} {
		out := Run(t, "ponytrace", "-e", script)
		if out.Code != 1 || !strings.Contains(out.Stderr, want) {
			t.Errorf("%s ended with %d, not with 1 and %q: %s", script, out.Code, want, out.Stderr)
		}
	}
}

func TestTracepoints(t *testing.T) {
	const script = `
		tracepoint:syscalls:sys_enter_openat /comm == "pony"/ { @file[str(args.filename, 64)] = count(); @flags[args->flags] = count(); }
		tracepoint:syscalls:sys_exit_openat /comm == "pony"/ { @ret[args.ret] = count(); }
		tracepoint:syscalls:sys_enter_getppid { @plain[probe] = count(); }
		t:syscalls:sys_enter_read /comm == "pony" && args.count == 100/ { @read = sum(args.count); }
		tracepoint:block:block_rq_issue { @bytes[args.bytes] = count(); @rw[str(args.rwbs)] = count(); }`
	for _, attach := range []string{"auto", "tracepoint"} {
		p := tracing(t, script, "--attach", attach)
		Workload(t, "--comm", "pony", "syscalls", "--name", "openat", "--n", "500")
		Workload(t, "syscalls", "--name", "getppid", "--n", "2000")
		Workload(t, "--comm", "pony", "read", "--n", "123", "--size", "100")
		Workload(t, "block", "--dev", "/dev/nullb0", "--sizes", "8192x10,512x3")
		out := ended(p)
		equal(t, attach, out.Stderr, "Attached 5 probes")
		equal(t, attach, out.Stdout, `
@bytes[512]: 3
@bytes[8192]: 10
@file[/dev/zero]: 1
@file[/ponytrace-workload]: 500
@flags[524288]: 1
@flags[0]: 500
@plain[tracepoint:syscalls:sys_enter_getppid]: 2000
@read: 12300
@ret[3]: 1
@ret[-2]: 500
@rw[WS]: 13
`)
	}
}

var missing = regexp.MustCompile(`WARNING: (\d+) events were missed`)

// missed is how many events the kernel left out, as ponytrace says. From 7.0 on it
// preempts programs at system calls and reads of maps, and leaves out what other threads
// do on that CPU meanwhile.
func missed(t *testing.T, out Output) (n int) {
	t.Helper()
	if warning := missing.FindStringSubmatch(out.Stderr); warning != nil {
		n, _ = strconv.Atoi(warning[1])
	}
	if n > 0 && !AtLeast(t, 7, 0) {
		t.Errorf("this kernel should miss nothing: %s", out.Stderr)
	}
	return n
}

func TestMissedCallsAreCounted(t *testing.T) {
	// ponytrace makes one such call itself, before the command is there.
	out := trace(t, `tracepoint:syscalls:sys_enter_getppid /comm == "workload"/ { @++; }`, "syscalls --n 60000 --threads 8")
	counted := 0
	fmt.Sscanf(out.Stdout, "@: %d", &counted)
	if counted+missed(t, out) != 60000 {
		t.Errorf("%d counted of 60000\n%s", counted, out.Stderr)
	}
}

// What is printed and cleared every 100 ms adds up to what happened: nothing is lost or
// counted twice.
func TestIntervalsAddUp(t *testing.T) {
	out := trace(t, `
		kprobe:__x64_sys_getpgid { @ = count(); @k[comm, cpu] = count(); }
		interval:ms:100 { print(@); clear(@); print(@k); clear(@k); }`,
		"--comm pony syscalls --name getpgid --n 600000 --threads 4")
	one, keyed, reports := 0, 0, 0
	for line := range strings.Lines(out.Stdout) {
		var n int
		if _, err := fmt.Sscanf(line, "@: %d", &n); err == nil {
			one += n
			reports++
		} else if _, text, ok := strings.Cut(line, "]: "); ok {
			fmt.Sscan(text, &n)
			keyed += n
		}
	}
	if want := 600000 - missed(t, out); one != want || keyed != want || reports < 3 {
		t.Errorf("%d reports add up to %d and, by keys, %d, want %d\n%s%s", reports, one, keyed, want, out.Stdout, out.Stderr)
	}
}

// A profile is a sample. It never has more than frequency times CPUs times seconds; how
// many fewer depends on the host, whose load makes the guest's clock jump over ticks. But
// a CPU that spins is always caught.
func TestProfile(t *testing.T) {
	out := trace(t, `profile:hz:100 { @all++; @cpus[cpu]++; }
		profile:hz:50 /comm == "pony"/ { @pony++; }
		END { printf("%d %d %d %d %d\n", elapsed / 1000000, @all, @cpus[0], @cpus[1], @pony); clear(@cpus); }`,
		"--comm pony spin --ms 1000")
	var ms, all, first, second, pony int
	if _, err := fmt.Sscan(out.Stdout, &ms, &all, &first, &second, &pony); err != nil {
		t.Fatal(err, out.Stdout)
	}
	most := 2*ms/10 + 2
	if ms < 1000 || all < most/10 || all > most || pony < 5 || pony > most/2 {
		t.Errorf("%d samples and %d of pony in %d ms", all, pony, ms)
	}
	if first == 0 || second == 0 || first+second != all {
		t.Errorf("%d samples on one CPU, %d on the other, %d on both", first, second, all)
	}
}

func TestBeginAndEnd(t *testing.T) {
	out := trace(t, `BEGIN { printf("begin %d %d\n", $1, $#); @a = 1; } begin { @b["x"] = 2; }
		kprobe:__x64_sys_getpgid { @a++; }
		END { printf("end %d\n", @a); clear(@a); @c = 4; } end { @c++; }`,
		"syscalls --name getpgid --n 10", "7")
	equal(t, "begin and end", out.Stdout, "begin 7 1\nend 11\n@b[x]: 2\n@c: 5\n")
}

// With nothing to wait for, a script ends by itself; exit ends one that would wait.
func TestExit(t *testing.T) {
	out := MustRun(t, "ponytrace", "-e", `BEGIN { printf("a\n"); @ = 7; exit(); } END { printf("b\n"); }`)
	equal(t, "exit in BEGIN", withoutLoad(out).Stdout, "a\nb\n@: 7\n")
	out = Run(t, "ponytrace", "-q", "-e", `kprobe:__x64_sys_getpgid { @++; } interval:ms:50 { exit(3); }`)
	if out.Code != 3 {
		t.Errorf("exit(3) ended with %d: %s", out.Code, out.Stderr)
	}
	equal(t, "exit in an interval", withoutLoad(out).Stdout, "")
}

// args alone is all that a probe is told.
func TestAllArguments(t *testing.T) {
	const script = `
		tracepoint:syscalls:sys_exit_openat /comm == "pony"/ { @t[args] = count(); @last = args; }
		kprobe:vfs_read /comm == "pony" && args.count == 100/ { $all = args; @k[$all.count, $all.file == arg0] = count(); }`
	p := tracing(t, script)
	Workload(t, "--comm", "pony", "read", "--n", "123", "--size", "100")
	Workload(t, "--comm", "pony", "syscalls", "--name", "openat", "--n", "500")
	equal(t, "arguments", ended(p).Stdout, `
@k[100, true]: 123
@last: { .__syscall_nr = 257, .ret = -2 }
@t[{ .__syscall_nr = 257, .ret = 3 }]: 1
@t[{ .__syscall_nr = 257, .ret = -2 }]: 500
`)
}

func TestListing(t *testing.T) {
	out := MustRun(t, "ponytrace", "-lv", "kprobe:vfs_read,t:syscalls:sys_exit_openat")
	equal(t, "arguments", out.Stdout, `
kprobe:vfs_read
    struct file * file
    char * buf
    size_t count
    loff_t * pos
tracepoint:syscalls:sys_exit_openat
    int __syscall_nr
    long ret
`)
	if out := MustRun(t, "ponytrace", "-l", "kprobe:vfs_wr*"); !strings.Contains(out.Stdout, "kprobe:vfs_write\n") || strings.Contains(out.Stdout, "vfs_read") {
		t.Error(out.Stdout)
	}
}
