//go:build guest

package guest

import (
	"fmt"
	"strings"
	"testing"
)

// hammered calls are made by eight threads on two CPUs, which threads of the class FIFO
// interrupt.
const (
	hammered  = 40000
	hammering = "syscalls --name getpgid --n 40000 --threads 8 --noise"
)

const everyMechanism = `
	tracepoint:syscalls:sys_enter_getpgid { @enter = count(); }
	tracepoint:syscalls:sys_exit_getpgid { @exit = count(); @results[args.ret >= 0] = count(); }
	tracepoint:raw_syscalls:sys_enter /args.id == 121/ { @all_enter = count(); }
	tracepoint:raw_syscalls:sys_exit /args.id == 121/ { @all_exit = count(); }
	kprobe:__x64_sys_getpgid { @entry = count(); @threads[tid & 0] = count(); }
	kretprobe:__x64_sys_getpgid { @return = count(); }`

const everyCall = `
@all_enter: %[1]d
@all_exit: %[1]d
@enter: %[1]d
@entry: %[1]d
@exit: %[1]d
@results[true]: %[1]d
@return: %[1]d
@threads[0]: %[1]d
`

// What is chosen by itself counts every call, and so do kprobes: docs/exactness.md.
func TestNoEventIsLostUnderLoad(t *testing.T) {
	for _, attach := range []string{"auto", "kprobe"} {
		out := trace(t, everyMechanism, hammering, "-v", "--attach", attach)
		equal(t, attach, out.Stdout, fmt.Sprintf(everyCall, hammered))
		if strings.Contains(out.Stderr, "missed") {
			t.Errorf("%s: %s", attach, out.Stderr)
		}
	}
}

// called is how often the functions of a program are called in all, by eight threads that
// are interrupted.
const (
	called  = 4000
	calling = "noise /programs/c 500 8"
)

// everyUse is what programs keep memory of their CPU for.
const everyUse = `
	uprobe:/programs/c:add { @entry = count(); @sum = sum(arg1); @least = min(arg0); @most = max(arg0); @threads[tid & 0] = max(arg1); }
	uprobe:/programs/c:leaf { $n = 0; for $i : 0..20 { $n += 1; } @loops = sum($n); }
	uretprobe:/programs/c:add { @return = count(); @first = min(retval); @last = max(retval); }`

const everyUseOf = `
@entry: %[1]d
@first: 2
@last: 501
@least: 0
@loops: %[2]d
@most: 499
@return: %[1]d
@sum: %[3]d
@threads[0]: 2
`

// Functions of programs are counted exactly, and what is computed of them is right,
// although programs at uprobes are preempted.
func TestNoCallOfAProgramIsLostUnderLoad(t *testing.T) {
	for _, attach := range []string{"auto", "uprobe"} {
		out := trace(t, everyUse, calling, "-v", "--attach", attach)
		equal(t, attach, out.Stdout, fmt.Sprintf(everyUseOf, called, 20*called, 2*called))
		if strings.Contains(out.Stderr, "missed") {
			t.Errorf("%s: %s", attach, out.Stderr)
		}
	}
}

// USDT probes fire as often as a program passes them, in the library beside it, too, and
// the program sees its semaphore raised each time.
func TestNoMarkerIsLostUnderLoad(t *testing.T) {
	out := trace(t, `
		usdt:/programs/usdt:request { @request = count(); @shorts = sum(arg2); }
		usdt:/programs/usdt:counted { @counted = count(); @most = max(arg0); }
		usdt:/programs/usdt:twelve { $n = 0; for $i : 0..20 { $n += 1; } @loops = sum($n); }
		usdt:/programs/usdt.so:event { @event = count(); }`, "noise /programs/usdt 250 8")
	equal(t, "markers", out.Stdout, `
@counted: 2000
@event: 2000
@loops: 40000
@most: 249
@request: 4000
@shorts: 737000
`)
	if strings.Contains(out.Stderr, "missed") {
		t.Error(out.Stderr)
	}
}

// Every page that is touched for the first time counts, and so does every write to a word,
// by eight threads.
func TestNoPerfEventIsLostUnderLoad(t *testing.T) {
	out := trace(t, `
		software:page-faults:1 /comm == "pony"/ { @faults[reg("ip")] = count(); }
		watchpoint:0x7000000000:8:w { @writes = count(); }`,
		"noise -- workload --comm pony memory --pages 777 --threads 8 --writes 500")
	for _, want := range []string{"]: 777\n", "@writes: 4000\n"} {
		if !strings.Contains(out.Stdout, want) {
			t.Errorf("there is no %q in\n%s%s", want, out.Stdout, out.Stderr)
		}
	}
}

// One link for many functions counts every call.
func TestNoEventOfManyFunctionsIsLostUnderLoad(t *testing.T) {
	out := trace(t, `kprobe:__x64_sys_getp* /func == "__x64_sys_getpgid"/ { @entry = count(); }
		kretprobe:__x64_sys_getp* /func == "__x64_sys_getpgid"/ { @return = count(); }`, hammering)
	equal(t, "functions", out.Stdout, fmt.Sprintf("@entry: %d\n@return: %[1]d", hammered))
}

// What a forced mechanism loses is counted, and none before Linux 7.0 loses anything.
func TestLossesOfForcedMechanismsAreCounted(t *testing.T) {
	for attach, script := range map[string]string{
		"tracepoint": `tracepoint:syscalls:sys_enter_getpgid { @ = count(); }`,
		"fentry":     `kprobe:__x64_sys_getpgid { @ = count(); }`,
	} {
		out := trace(t, script, hammering, "--attach", attach)
		counted := 0
		fmt.Sscanf(out.Stdout, "@: %d", &counted)
		if counted+missed(t, out) != hammered {
			t.Errorf("%s: %d counted of %d\n%s", attach, counted, hammered, out.Stderr)
		}
	}
}

// More calls of a function are under way than a kretprobe has room for: those beyond are
// left out where there is nothing else (5.10), which kernels from 6.7 on tell.
func TestReturnsOfManyThreads(t *testing.T) {
	const calls = 400
	out := trace(t, `kretprobe:__x64_sys_ppoll /comm == "pony"/ { @ = count(); }`, "--comm pony syscalls --name ppoll --n 400 --threads 40")
	counted := 0
	fmt.Sscanf(out.Stdout, "@: %d", &counted)
	if AtLeast(t, 5, 12) && counted != calls || counted == 0 || counted > calls {
		t.Errorf("%d of %d\n%s", counted, calls, out.Stderr)
	}
}
