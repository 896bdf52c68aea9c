package event

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	_ "github.com/ponytrace/ponytrace/compiler/target/frozen/arm64"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/simulate"
)

func compile(t testing.TB, text, kernel string, options compiler.Options) Script {
	t.Helper()
	parsed, problems := lang.Parse(diag.NewSource("script", text))
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	machine := frozen.Target(kernel)
	options.Stages = &stage.Stages{}
	built, err := compiler.Compile(parsed, machine, options)
	if err != nil {
		t.Fatal(err)
	}
	return Script{Object: built, Stages: options.Stages, Target: machine}
}

// values runs the events through the programs, and returns the 64-bit values of the maps
// without keys, and how many keys the others have.
func values(t testing.TB, script Script, events Events) map[string]int64 {
	t.Helper()
	e := &emu.Environment{Maps: map[string]*emu.Map{}}
	for name, spec := range script.Object.Kernel {
		e.Maps[name] = emu.NewMap(spec, 4)
	}
	for event := range events.All() {
		e.Context, e.Memory, e.CPU, e.Comm = event.Context, event.Memory, event.CPU, event.Task.Comm
		e.Values = helperValues(event)
		if _, err := emu.Run(event.Program.Instructions, e); err != nil {
			t.Fatalf("%s: %v", event.Point.Probe, err)
		}
	}
	found := map[string]int64{}
	for _, m := range script.Object.Maps {
		if m.Storage == object.Slot {
			found[m.Name] = int64(binary.LittleEndian.Uint64(e.Maps[object.DataMap].Values[""][0][m.Offset:]))
		} else if m.Kernel != "" {
			found[m.Name] = int64(len(e.Maps[m.Kernel].Values))
		}
	}
	return found
}

func helperValues(event *simulate.Event) map[asm.BuiltinFunc]uint64 {
	values := maps.Clone(event.Values)
	task := event.Task
	maps.Copy(values, map[asm.BuiltinFunc]uint64{
		asm.FnGetCurrentPidTgid: uint64(task.PID)<<32 | uint64(task.TID),
		asm.FnGetCurrentUidGid:  uint64(task.GID)<<32 | uint64(task.UID),
		asm.FnKtimeGetNs:        event.Time, asm.FnGetCurrentTask: task.Address, asm.FnGetCurrentTaskBtf: task.Address,
		asm.FnGetCurrentCgroupId: task.Cgroup, asm.FnCurrentTaskUnderCgroup: 0,
	})
	return values
}

func parse(t testing.TB, script Script, lines string) Events {
	t.Helper()
	events, problems := Parse(diag.NewSource("events", lines), script)
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	return events
}

// ways are the kernels and mechanisms whose contexts differ.
var ways = []struct {
	kernel, attach string
}{{"6.12", ""}, {"6.12", "kprobe"}, {"6.12", "fentry"}, {"5.10", ""}, {"7.x", ""}, {"6.12-arm64", ""}, {"6.12-arm64", "kprobe"}}

// TestContexts: what lines say, scripts find, by every mechanism.
func TestContexts(t *testing.T) {
	tests := []struct {
		name, script, events string
		want                 map[string]int64
	}{
		{"arguments", `kprobe:vfs_read { @count = args.count; @same = arg2; @pid = pid; @tid = tid; @uid = uid; @cpu = cpu }`,
			`arg2=4096 pid=12 uid=7 cpu=2`,
			map[string]int64{"count": 4096, "same": 4096, "pid": 12, "tid": 12, "uid": 7, "cpu": 2}},
		{"negative", `kretprobe:vfs_read { @ = retval }`, `retval=-5 tid=13`, map[string]int64{"": -5}},
		{"small result", `kretprobe:vfs_fsync_range { @ = retval }`, `retval=-5`, map[string]int64{"": -5}},
		{"pointers", `kprobe:blk_mq_start_request { @len = arg0->__data_len; @max = arg0->q->nr_requests }`,
			`arg0.__data_len=4096, arg0.q.nr_requests=8`, map[string]int64{"len": 4096, "max": 8}},
		{"arrows", `kprobe:blk_mq_start_request { @len = args.rq->__data_len }`, `args.rq->__data_len=1s`,
			map[string]int64{"len": 1e9}},
		{"made", `kprobe:blk_mq_start_request { @len = arg0->__data_len; @max = arg0->q->nr_requests }`,
			`kprobe:blk_mq_start_request`, map[string]int64{"len": 1, "max": 1}},
		{"text", `kprobe:vfs_read { $f = arg0->f_path.dentry->d_name.name; @[str($f)] = count(); if (str($f) == "passwd") { @is = 1 } }`,
			`arg0.f_path.dentry.d_name.name="passwd"`, map[string]int64{"is": 1, "": 1}},
		{"time", `kprobe:vfs_read { @start[tid] = nsecs } kretprobe:vfs_read /@start[tid]/ { @took = nsecs - @start[tid]; delete(@start[tid]) }`,
			"kprobe:vfs_read\nkretprobe:vfs_read after=1ms\n", map[string]int64{"took": 1e6, "start": 0}},
		{"other thread", `kprobe:vfs_read { @start[tid] = nsecs } kretprobe:vfs_read /@start[tid]/ { @took = nsecs - @start[tid] }`,
			"k:vfs_read\nkr:vfs_read tid=5\n", map[string]int64{"took": 0, "start": 1}},
		{"repeated", `kprobe:vfs_read { @n++; @last = nsecs }`, "nsecs=5s x1000 # a comment", map[string]int64{"n": 1000, "last": 5e9 + 999*1000}},
		{"spaced", `kprobe:vfs_read { @n++; @last = nsecs }`, "after=1s x3", map[string]int64{"n": 3, "last": 4e9}},
		{"constants", `kprobe:vfs_read { @mode = arg0->f_mode; @p = arg3 != 0 }`, `arg0.f_mode=O_NONBLOCK arg3=NULL`,
			map[string]int64{"mode": 2048, "p": 0}},
		{"task", `kprobe:vfs_read { @ppid = ppid; @x = curtask->tgid; @p = curtask->pid }`, `pid=5 tid=6 curtask.real_parent.tgid=77`,
			map[string]int64{"ppid": 77, "x": 5, "p": 6}},
		{"cast", `kprobe:vfs_read { @ = ((struct request *)arg0->private_data)->__data_len }`,
			`(struct request *)args.file.__data_len=1 arg0.private_data=0xffff888111111000`, map[string]int64{"": 0}},
	}
	for _, test := range tests {
		for _, way := range ways {
			t.Run(test.name+"/"+way.kernel+way.attach, func(t *testing.T) {
				script := compile(t, test.script, way.kernel, compiler.Options{Attach: way.attach})
				got := values(t, script, parse(t, script, test.events))
				for name, want := range test.want {
					if got[name] != want {
						t.Errorf("@%s is %d, want %d", name, got[name], want)
					}
				}
			})
		}
	}
}

// TestProbes: records, tracepoints and system calls, whose mechanisms the kernel decides.
func TestProbes(t *testing.T) {
	tests := []struct {
		name, script, events string
		want                 map[string]int64
	}{
		{"record", `tracepoint:sched:sched_switch { @prio = args.prev_prio; if (args.next_comm == "dd") { @dd = 1 } }`,
			`args.prev_prio=120 args.next_comm="dd"`, map[string]int64{"prio": 120, "dd": 1}},
		{"located", `tracepoint:sched:sched_process_exec { if (args.filename == "/bin/ls") { @is = 1 } @pid = args.pid }`,
			`args.filename="/bin/ls" args.pid=9`, map[string]int64{"is": 1, "pid": 9}},
		{"counted", `tracepoint:sched:sched_switch { @ = count(); @n++ }`, `args.prev_prio=1 x4`, map[string]int64{"n": 4}},
		{"call", `tracepoint:syscalls:sys_enter_openat { @dfd = args.dfd; if (str(args.filename) == "/etc/hosts") { @is = 1 } }`,
			`args.filename="/etc/hosts", args.dfd=-100`, map[string]int64{"dfd": -100, "is": 1}},
		{"result", `tracepoint:syscalls:sys_exit_openat { @ = args.ret }`, `args.ret=-2`, map[string]int64{"": -2}},
		{"several calls", `tracepoint:syscalls:sys_enter_openat, tracepoint:syscalls:sys_enter_read { @n++; @[probe] = count() }`,
			"tracepoint:syscalls:sys_enter_read x2\nt:syscalls:sys_enter_openat", map[string]int64{"n": 3, "": 2}},
		{"raw", `rawtracepoint:sched_switch { @p = args.prev->pid; @n = arg1 != 0 }`, `args.prev.pid=8`, map[string]int64{"p": 8, "n": 1}},
		{"interval", `interval:s:1 { @n++ } kprobe:vfs_read { @k++ }`, "x2\ninterval:s:1 x3", map[string]int64{"n": 3, "k": 2}},
		{"after ticks", `interval:s:1 { @n++ } kprobe:vfs_read { @at = nsecs }`, "interval:s:1 x2\nkprobe:vfs_read after=5us",
			map[string]int64{"n": 2, "at": 3e9 + 5000}},
		{"interval by another name", `i:s:1 { @n++ } interval:1s { @m++ } interval:ms:500 { @k++ }`, "interval:s:1 x3\ni:2hz",
			map[string]int64{"n": 3, "m": 3, "k": 1}},
		{"profile", `profile:hz:99 { @ = reg("ip"); @n++ }`, "reg.ip=4096 x2", map[string]int64{"n": 2, "": 4096}},
		{"many functions", `kprobe:vfs_rea* { @[func] = count(); @n++ }`, "kprobe:vfs_read\nk:vfs_readv", map[string]int64{"n": 2, "": 2}},
		{"two programs", `kprobe:vfs_read { @a = nsecs } fentry:vfs_read { @b = nsecs }`, "kprobe:vfs_read\nfentry:vfs_read nsecs=2s",
			map[string]int64{"a": 1e9 + 1000, "b": 2e9}},
		{"renamed", `kprobe:blk_start_request { @ = arg0->__data_len }`, "kprobe:blk_start_request arg0.__data_len=3", map[string]int64{"": 3}},
	}
	for _, test := range tests {
		for _, kernel := range []string{"6.12", "5.10", "7.x"} {
			t.Run(test.name+"/"+kernel, func(t *testing.T) {
				script := compile(t, test.script, kernel, compiler.Options{})
				got := values(t, script, parse(t, script, test.events))
				for name, want := range test.want {
					if got[name] != want {
						t.Errorf("@%s is %d, want %d", name, got[name], want)
					}
				}
			})
		}
	}
}

// TestMistakes: each has its place, and a name that is near.
func TestMistakes(t *testing.T) {
	const script = `BEGIN { @n = 0 } kprobe:blk_mq_start_request { @ = hist(arg0->__data_len) } kretprobe:vfs_read { @r = retval } kprobe:vfs_read { @p = arg2 }`
	tests := []struct{ line, want string }{
		{`kprobe:blk_mq_strat_request`, "events:1:1-28: ERROR: the script has no probe kprobe:blk_mq_strat_request\nkprobe:blk_mq_strat_request\n~~~~~~~~~~~~~~~~~~~~~~~~~~~\nHINT: did you mean kprobe:blk_mq_start_request?"},
		{`pid=1`, "which probe fires? The script has several"},
		{`kprobe:blk_mq_start_request arg0.__data_lan=1`, "events:1:34-44: ERROR: struct request has no member __data_lan"},
		{`kprobe:blk_mq_start_request arg0.__data_lan=1`, "HINT: did you mean __data_len?"},
		{`kprobe:blk_mq_start_request arg9=1`, "events:1:29-33: ERROR: kprobe:blk_mq_start_request has no arg9"},
		{`kprobe:blk_mq_start_request cmm="x"`, "did you mean comm?"},
		{`kprobe:blk_mq_start_request retval=1`, "kprobe:blk_mq_start_request has no retval: the function has not returned yet"},
		{`kprobe:blk_mq_start_request arg0.__data_len="x"`, "__data_len has the type unsigned int, which no text can be"},
		{`kprobe:blk_mq_start_request arg0.__data_len=5000000000`, "5000000000 does not fit in 4 bytes"},
		{`kprobe:blk_mq_start_request arg0.__data_len=4q`, `'q' is not a unit`},
		{`kprobe:blk_mq_start_request arg0.__data_len=4096 x0`, "an event can be repeated 1 to 1000000 times"},
		{`kprobe:blk_mq_start_request x1000001`, "an event can be repeated 1 to 1000000 times"},
		{"kprobe:blk_mq_start_request x1000000\nkprobe:blk_mq_start_request", "events:2:1-28: ERROR: these are more than 1000000 events"},
		{`kprobe:blk_mq_start_request comm="abcdefghijklmnop"`, "the name of a task has at most 15 bytes"},
		{`kprobe:blk_mq_start_request comm="abc`, `the text lacks its closing "`},
		{`kprobe:blk_mq_start_request comm="a\q"`, `\q is not an escape`},
		{`kprobe:blk_mq_start_request comm`, "comm has no value"},
		{`kprobe:blk_mq_start_request pid=`, "pid has no value"},
		{`kprobe:blk_mq_start_request pid=5000000`, "pid is at most 4194304"},
		{`kprobe:blk_mq_start_request nsecs=1`, "the event before is at 1000000000 ns, which is later"},
		{`kprobe:blk_mq_start_request after=-1ms`, "events:1:35-39: ERROR: times are not negative"},
		{`kprobe:blk_mq_start_request after=576460752303423488 x32`, "that is too far in the future"},
		{`kprobe:blk_mq_start_request (struct requst *)arg0.x=1`, "this kernel has no struct requst"},
		{`kprobe:vfs_read arg0.f_path=3`, "f_path has the type struct path"},
		{`kprobe:vfs_read arg0.f_path=3`, "HINT: its members are set one by one: f_path.member=1"},
		{`kprobe:blk_mq_start_request arg0..q=3`, "arg0..q is no name"},
		{`kprobe:blk_mq_start_request arg0.q.nr_requests.x=3`, "nr_requests is no struct that has a member x, but has the type unsigned long"},
		{`kprobe:blk_mq_start_request arg0[4096].__data_len=1`, "there is no room for what arg0 leads to"},
		{`BEGIN pid=1`, "BEGIN runs by itself"},
		{`kretprobe:vfs_read arg0=1`, "kretprobe:vfs_read has no arg0"},
		{`kretprobe:vfs_read kstack=a,,b pid=4`, ""},
		{`="x"`, "a name is missing here"},
		{"kprobe:vfs_read x2000\nkprobe:vfs_read meanwhile x1000", "events:2:1-32: ERROR: these are more than 1000000 events"},
		{`kprobe:vfs_read meanwhile`, "events:1:1-26: ERROR: meanwhile is during the event before, and this is the first"},
		{strings.Repeat("kprobe:vfs_read arg0.f_pos=1\n", 2), ""},
		{strings.Repeat("kprobe:blk_mq_start_request arg0[200].__data_len=1\n", 500), "the events need more than 16 MiB of memory"},
	}
	compiled := compile(t, script, "6.12", compiler.Options{Attach: "kprobe"})
	for _, test := range tests {
		_, problems := Parse(diag.NewSource("events", test.line), compiled)
		if got := problems.Error(); test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", test.line, got, test.want)
		}
	}
}

// TestWords: an event meanwhile belongs to the one before, whose time it has, and takes
// none itself.
func TestWords(t *testing.T) {
	script := compile(t, `kprobe:vfs_read { @ = count() }`, "6.12", compiler.Options{})
	events := parse(t, script, "pid=1\npid=2 cpu=1 meanwhile x2\npid=3 full\nkprobe:vfs_read full pid=4")
	var got []string
	for e := range events.All() {
		got = append(got, fmt.Sprint(e.Task.PID, e.Time, len(e.Meanwhile), e.Full))
		for _, inner := range e.Meanwhile {
			got = append(got, fmt.Sprint("in ", inner.Task.PID, inner.CPU))
		}
	}
	want := []string{"1 1000001000 2 false", "in 2 1", "in 2 1", "3 1000002000 0 true", "4 1000003000 0 true"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestDefault: an event for each probe but BEGIN and END, and the same objects at the same
// addresses.
func TestDefault(t *testing.T) {
	script := compile(t, `BEGIN { @b = 1 } kprobe:blk_mq_start_request { @a[arg0] = nsecs } kprobe:blk_update_request { @[arg0] = @a[arg0] } interval:s:1 { print(@) }`,
		"6.12", compiler.Options{})
	var names []string
	events := Default(script)
	for event := range events.All() {
		names = append(names, fmt.Sprintf("%s %d", event.Point.Probe, event.Time))
	}
	want := []string{"kprobe:blk_mq_start_request 1000001000", "kprobe:blk_update_request 1000002000", "interval:s:1 2000000000"}
	if !slices.Equal(names, want) || events.Len() != 3 {
		t.Errorf("got %q", names)
	}
	if got := values(t, script, events); got["a"] != 1 || got[""] != 1 {
		t.Errorf("got %v", got)
	}
}

// TestStacks: the functions of a line end where the next name begins.
func TestStacks(t *testing.T) {
	script := compile(t, `kprobe:vfs_read { @[kstack, ustack] = count() }`, "6.12", compiler.Options{})
	events := parse(t, script, "kstack=vfs_read,ksys_read+0x2a, pid=7 ustack=read,main\npid=8")
	var got []string
	for event := range events.All() {
		got = append(got, fmt.Sprint(event.Task.PID, framesOf(event.Kernel), framesOf(event.User)))
	}
	want := []string{
		"7 [vfs_read+0 ksys_read+42] [read+0 main+0]",
		"8 [vfs_read+0 do_syscall_64+0 entry_SYSCALL_64_after_hwframe+0] [main+0]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func framesOf(frames []report.Frame) (names []string) {
	for _, frame := range frames {
		names = append(names, fmt.Sprintf("%s+%d", frame.Function, frame.Offset))
	}
	return names
}

// FuzzParse: no text makes it panic or ask for more memory than it may.
func FuzzParse(f *testing.F) {
	script := compile(f, `BEGIN { @n = 0 } kprobe:vfs_read { @h = hist(arg2); @[kstack] = str(arg0->f_path.dentry->d_name.name) } tracepoint:syscalls:sys_enter_openat { @f[str(args.filename)] = count() } rawtracepoint:sched_switch { @p = args.prev->pid }`,
		"6.12", compiler.Options{})
	for _, seed := range []string{
		"kprobe:vfs_read arg2=4096 comm=\"dd\" x10 # c", "k:vfs_read arg0.f_path.dentry.d_name.name=\"a\\x41\", after=1ms",
		"t:syscalls:sys_enter_openat args.filename=\"x\"", "rawtracepoint:sched_switch args.prev->comm=\"x\" kstack=a,b+0x1,c",
		"k:vfs_read (struct request *)arg0.q.limits[2]=-1", "k:vfs_read arg0[3].f_pos=0x7fffffffffffffff", "k:vfs_read arg0=1 arg0.f_pos=2",
		"k:vfs_read arg0=0xffffffffffffffff arg0.f_pos=2", "x1000000", "=,;", "k:vfs_read nsecs=9223372036854775807 x3",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		events, problems := Parse(diag.NewSource("events", text), script)
		if len(problems) > diag.MaxDiagnostics+1 || events.Len() > maxEvents {
			t.Errorf("%d problems, %d events", len(problems), events.Len())
		}
		laidOut, seen, last := 0, 0, uint64(0)
		for event := range events.All() {
			if event.Time < last {
				t.Fatalf("%d follows %d", event.Time, last)
			}
			last = event.Time
			if seen++; seen > 100 {
				break
			}
			for _, bytes := range event.Memory {
				laidOut += len(bytes)
			}
		}
		if laidOut > 100*maxMemory {
			t.Errorf("%d bytes", laidOut)
		}
	})
}

// Lines of probes that a script lacks take their time.
func TestOthers(t *testing.T) {
	script := compile(t, "kprobe:vfs_write { @ = nsecs }", "6.12", compiler.Options{})
	script.Others = true
	list, problems := Parse(diag.NewSource("events", "kprobe:vfs_read after=1s x2\ninterval:ms:500 x2\nkprobe:vfs_write"), script)
	if len(problems) > 0 || list.Len() != 1 {
		t.Fatalf("%d events, %v", list.Len(), problems)
	}
	for e := range list.All() {
		if e.Time != 4_000_001_000 {
			t.Errorf("it is at %d ns", e.Time)
		}
	}
}

// TestSpec: the lines that the language's contract shows are events.
func TestSpec(t *testing.T) {
	raw, err := os.ReadFile("../../../spec.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(raw), "`ponytrace step` runs them")
	_, after, fenced := strings.Cut(after, "\n```\n")
	lines, _, closed := strings.Cut(after, "```")
	if !found || !fenced || !closed || strings.Count(lines, "\n") < 3 {
		t.Fatalf("got %q", lines)
	}
	script := compile(t, `kprobe:vfs_read { @[comm, pid] = sum(arg2) } kprobe:blk_start_request { @len = arg0->__data_len }
		kretprobe:vfs_read { @ret = retval } tracepoint:syscalls:sys_enter_openat { @n++; @[str(args.filename), 0] = sum(1) }`,
		"6.12", compiler.Options{})
	events := parse(t, script, lines)
	if got := values(t, script, events); events.Len() != 13 || got["len"] != 4096 || got["ret"] != -2 || got["n"] != 1 {
		t.Errorf("%d events, %v", events.Len(), got)
	}
}
