package simulate_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/internal/teach/event"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/detect"
	"github.com/ponytrace/ponytrace/runtime/simulate"
	"golang.org/x/sys/unix"
)

// A script that both run: on the machine's kernel over what workload does, in the emulator
// over events. $1 is the thread of the workload.
type script struct {
	text     string
	workload func()
	events   string
}

var scripts = map[string]script{
	"values": {text: `BEGIN {
		printf("%d %5u|%-5d|%05x %#o %c %s\n", -1, 2, 3, 255, 8, 65, "text");
		printf("%s %s %s\n", strerror(2), ntop(0x0100007f), signal_name(9));
		print((1, "a", (2, true))); print("line"); print(-5);
		printf("%r %s %d\n", buf("a\tb\n"), str("abc", 3), strlen("four"));
		$a = (uint8)255; $a++; printf("%d %d %d\n", $a, 7 / 2, -7 % 3);
	}`},
	"aggregations": {text: `BEGIN {
		for ($i : 0..100) {
			@h = hist($i); @hk[$i % 3] = hist($i * $i); @l = lhist($i, 0, 100, 10);
			@s = stats($i); @a[$i % 2] = avg($i); @m = max($i); @n = min($i); @t[$i % 7] = sum($i);
			@q = quantiles($i);
		}
		print(@h); clear(@h); print(@h); print(@t, 3); print(@a[1]);
	}`},
	"maps": {text: `BEGIN {
		@["a", 1] = 5; @["b", 2] = 6; @["c", -1]++; delete(@, ("a", 1)); print(@);
		@x[1] = 1; @x[2] = 2; @x[3] = 3; printa("%d is %@d\n", @x); trunc(@x, 2); print(@x); zero(@x); print(@x);
		@y = 100; normalize(@y, 10); print(@y); @z = "text"; @t = (1, "x"); if (has_key(@x, 2)) { print("has") }
		clear(@y);
	} END { printf("end %d\n", @y) }`},
	"the end": {text: `BEGIN { @ = 1; print("before"); exit(3); print("never") } END { print("end"); @e = 1 }`},
	"intervals": {text: `BEGIN { @k["a"] = 2; @c = count() }
		interval:ms:20 { @n++; print(@k); clear(@k); print(@c); @k["again"] = @n; if (@n == 3) { exit(4) } }`,
		events: "interval:ms:20 x9"},
	"system calls": {text: `
		tracepoint:syscalls:sys_enter_getpgid /tid == $1/ { @[args.pid] = count(); @h = hist(args.pid); @last = args.pid }
		tracepoint:syscalls:sys_exit_getpgid /tid == $1/ { printf("%d %s\n", args.ret, strerror(args.ret)); @sum = sum(args.ret) }
		tracepoint:raw_syscalls:sys_enter /tid == $1 && args.id == 121/ { @raw[comm, args.args[0]] = count() }`,
		workload: func() {
			for range 5 {
				unix.Getpgid(1 << 28)
			}
			unix.Getpgid(-4)
		},
		events: `tracepoint:raw_syscalls:sys_enter COMM args.id=121 args.args[0]=268435456 x5
			tracepoint:syscalls:sys_enter_getpgid COMM args.pid=268435456 x5
			tracepoint:syscalls:sys_exit_getpgid COMM args.ret=-3 x5
			tracepoint:raw_syscalls:sys_enter COMM args.id=121 args.args[0]=-4
			tracepoint:syscalls:sys_enter_getpgid COMM args.pid=-4
			tracepoint:syscalls:sys_exit_getpgid COMM args.ret=-3`},
	"latency": {text: `
		tracepoint:syscalls:sys_enter_getpgid /tid == $1/ { @start[tid] = nsecs }
		tracepoint:syscalls:sys_exit_getpgid /@start[tid]/ { @ok = count(); if (nsecs - @start[tid] > 100s) { @slow = count() } delete(@start, tid) }`,
		workload: func() { unix.Getpgid(1) },
		events: `tracepoint:syscalls:sys_enter_getpgid COMM args.pid=1
			tracepoint:syscalls:sys_exit_getpgid COMM args.ret=1`},
	"a full map": {text: `config = { max_map_keys = 3 } BEGIN { for ($i : 0..10) { @[$i] = $i } }`},
}

// A session in the emulator prints what one on a kernel does, in every format, byte for
// byte, and tells the same.
func TestPrintsAsOnAKernel(t *testing.T) {
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	machine, err := detect.Detect()
	if err != nil {
		t.Fatal(err)
	}
	if err := ponytrace.Privilege(machine); err != nil {
		testkit.Lack(t, "CAP_BPF")
	}
	for name, s := range scripts {
		for _, format := range ponytrace.Formats() {
			t.Run(name+" as "+format, func(t *testing.T) {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				got, want := s.simulated(t, machine, format), s.live(t, machine, format)
				if got != want {
					t.Errorf("the emulator:\n%s\nthe kernel:\n%s", got, want)
				}
			})
		}
	}
}

func arguments() []string { return []string{strconv.Itoa(unix.Gettid())} }

// ended is all that a session leaves behind.
func ended(out, notices *bytes.Buffer, code int) string {
	return fmt.Sprintf("%s-- told --\n%s-- code %d", out, notices, code)
}

func (s script) live(t *testing.T, machine *ponytrace.Target, format string) string {
	t.Helper()
	parsed, err := ponytrace.Parse(ponytrace.NewSource("script", s.text))
	if err != nil {
		t.Fatal(err)
	}
	program, err := ponytrace.Compile(parsed, machine, ponytrace.Options{Args: arguments()})
	if err != nil {
		t.Fatal(err)
	}
	var out, notices bytes.Buffer
	session, err := program.Load(ponytrace.RunOptions{Stdout: &out, Stderr: &notices, Format: format})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if err := session.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.workload != nil {
		s.workload()
		session.Stop()
	}
	code, err := session.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return ended(&out, &notices, code)
}

func (s script) simulated(t *testing.T, machine *ponytrace.Target, format string) string {
	t.Helper()
	parsed, problems := lang.Parse(diag.NewSource("script", s.text))
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	stages := &stage.Stages{}
	o, err := compiler.Compile(parsed, machine, compiler.Options{Args: arguments(), Stages: stages})
	if err != nil {
		t.Fatal(err)
	}
	comm, err := os.ReadFile("/proc/thread-self/comm")
	if err != nil {
		t.Fatal(err)
	}
	task := fmt.Sprintf("comm=%q tid=%s", strings.TrimSpace(string(comm)), arguments()[0])
	events := strings.ReplaceAll(s.events, "COMM", task)
	list, problems := event.Parse(diag.NewSource("events", events), event.Script{Object: o, Stages: stages, Target: machine})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var all []simulate.Event
	for e := range list.All() {
		all = append(all, *e)
	}
	p := play(t, o, simulate.Options{Format: format}, all...)
	return ended(&p.out, &p.notices, p.code)
}
