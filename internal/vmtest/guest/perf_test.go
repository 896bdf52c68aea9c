//go:build guest

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// memory starts a load that begins when the gate opens.
func memory(t *testing.T, args ...string) (p *Process, open func()) {
	gate := filepath.Join(t.TempDir(), "gate")
	p = Start(t, "workload", append([]string{"memory", "--gate", gate}, args...)...)
	return p, func() {
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSoftwareEvents: with a period of one, every page that is touched counts, and every
// switch of tasks that the tracepoint counts.
func TestSoftwareEvents(t *testing.T) {
	const load = "workload --comm pony memory --pages 777 --threads 4 --writes 9"
	out := withoutLoad(MustRun(t, "ponytrace", "-c", load, "-e", `
		software:page-faults:1 /comm == "pony"/ { @faults[usym(reg("ip")), usermode]++; }
		tracepoint:sched:sched_switch /comm == "pony"/ { @switches++; }
		software:cs:1 /comm == "pony"/ { @switches--; @modes[usermode]++; }`))
	for _, want := range []string{"@faults[main.touch, 1]: 777\n", "@switches: 0\n", "@modes[0]: "} {
		if !strings.Contains(out.Stdout, want) {
			t.Errorf("there is no %q in\n%s", want, out.Stdout)
		}
	}
}

// TestSoftwareEventsOfAProcess: the threads that are there and those that come, and no
// other process.
func TestSoftwareEventsOfAProcess(t *testing.T) {
	p, open := memory(t, "--pages", "300", "--threads", "5", "--later", "5")
	_, other := memory(t, "--pages", "300")
	tracing := Start(t, "ponytrace", "-p", fmt.Sprint(p.Pid()), "-e", `
		software:page-faults:1 { @faults[usym(reg("ip"))]++; }`)
	tracing.Await("Attached 1 probe")
	other()
	open()
	if out := tracing.Wait(); !strings.Contains(out.Stdout, "@faults[main.touch]: 300\n") {
		t.Error(out.Stdout)
	}
}

// TestLaterCPUs: a CPU that went offline and came back has no clock, which is told.
func TestLaterCPUs(t *testing.T) {
	const online = "/sys/devices/system/cpu/cpu1/online"
	p := tracing(t, `self:signal:USR1 { @back = 1; }
		profile:hz:997 /@back/ { @[cpu] = count(); if (@ticks++ == 50) { printf("ticked\n"); } }`, "-B", "line")
	for _, state := range []string{"0", "1"} {
		if err := os.WriteFile(online, []byte(state), 0); err != nil {
			t.Fatal(err)
		}
	}
	p.Signal(unix.SIGUSR1)
	p.Await("ticked")
	out := ended(p)
	if !strings.Contains(out.Stdout, "@[0]: ") || strings.Contains(out.Stdout, "@[1]: ") {
		t.Error(out.Stdout)
	}
	const want = "WARNING: CPU 1 came online later, and probes that have an event on each CPU did not fire there: start ponytrace again"
	if !strings.Contains(out.Stderr, want) {
		t.Error(out.Stderr)
	}
}

// TestSignals: a clause for each signal, and none of them prints the maps.
func TestSignals(t *testing.T) {
	p := Start(t, "ponytrace", "-B", "line", "-e", `
		self:signal:SIGUSR1 { @++; printf("one %d\n", @) } self:signal:usr2 { printf("two\n"); exit() }`)
	p.Await("Attached 2 probes")
	for n := range 5 {
		p.Signal(unix.SIGUSR1)
		p.Await(fmt.Sprintf("one %d", n+1))
	}
	p.Signal(unix.SIGUSR2)
	equal(t, "signals", p.Wait().Stdout, "one 1\none 2\none 3\none 4\none 5\ntwo\n\n\n@: 5\n")
}

// TestBench: each bench has run as often as it says.
func TestBench(t *testing.T) {
	out := MustRun(t, "ponytrace", "-e", `
		bench:empty { } bench:count { @ = count() } bench:print { printf("never\n") } END { printf("%d\n", @) }`)
	var empty, count, print, ran, runs, counted int
	n, err := fmt.Sscanf(strings.Join(strings.Fields(out.Stdout), " "),
		"%d Benchmark Time(ns) Iterations "+strings.Repeat("-", 66)+" empty %d %d count %d %d print %d %d",
		&ran, &empty, &runs, &count, &counted, &print, &runs)
	if err != nil || ran == 0 || ran != counted || min(empty, count, print) < 0 {
		t.Errorf("%d %v\n%s", n, err, out.Stdout)
	}
}

// word is the probe on the word that a memory load adds to.
const word = "watchpoint:0x7000000000:8:"

// TestWatchpoints: every access of the threads that are there, and of those that come. The
// load reads the word once, at its end. There is one watchpoint at a time, because QEMU
// tells of one where several are on the same bytes.
func TestWatchpoints(t *testing.T) {
	for probe, want := range map[string]int{
		word + "w": 4000, word + "rw": 4001, "w:0x7000000004:4:w": 4000,
	} {
		p, open := memory(t, "--writes", "500", "--threads", "5", "--later", "3")
		_, other := memory(t, "--writes", "500")
		script := probe + " { @[usermode] = count() }"
		tracing := Start(t, "ponytrace", "-p", fmt.Sprint(p.Pid()), "-e", script)
		tracing.Await("Attached 1 probe")
		other()
		open()
		equal(t, probe, tracing.Wait().Stdout, fmt.Sprintf("@[1]: %d\n", want))
	}
}

// TestWatchpointsOfTheCommand: it has them from its first instruction on, and ponytrace,
// which starts it, does not.
func TestWatchpointsOfTheCommand(t *testing.T) {
	_, other := memory(t, "--writes", "500")
	load := "workload memory --writes 700 --threads 3 --later 4"
	out := withoutLoad(MustRun(t, "ponytrace", "-c", load, "-e", word+"w { @[pid == cpid] = count() }"))
	other()
	equal(t, "command", out.Stdout, "@[true]: 4900\n")
}

// TestWatchpointsOfTheKernel: a variable of the kernel that a file of /proc sets.
func TestWatchpointsOfTheKernel(t *testing.T) {
	tracing := tracing(t, `watchpoint:panic_timeout:4:w { @[comm, usermode] = count(); }`)
	for range 250 {
		if err := os.WriteFile("/proc/sys/kernel/panic", []byte("0\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := ended(tracing)
	if !strings.HasSuffix(out.Stdout, ", 0]: 250\n") || strings.Count(out.Stdout, "@[") != 1 {
		t.Error(out.Stdout)
	}
}

// TestWatchpointsAreRefused says what the CPU or the kernel does not have. The five are in
// a process: an emulated machine crawls while a page of its kernel is watched.
func TestWatchpointsAreRefused(t *testing.T) {
	p, open := memory(t, "--writes", "1")
	defer open()
	five := "w:0x7000000000:1:w"
	for n := 1; n < 5; n++ {
		five += fmt.Sprintf(",w:0x700000000%d:1:w", n)
	}
	for script, want := range map[string]string{
		five + " { @ = count() }":              "the CPU has no register left to watch with",
		"w:jiffies_46:8:w { @ = count() }":     "this kernel has no symbol jiffies_46; did you mean jiffies_64",
		"w:panic_timeout+1:4:w { @ = 1 }":      "is not a multiple of 4",
		"hardware:cycles { @ = count() }":      "Linux finds no counters in the CPU, as in most virtual machines",
		"hardware:raw:0x1c2:7 { @ = count() }": "Linux finds no counters in the CPU, as in most virtual machines",
	} {
		out := Run(t, "ponytrace", "-p", fmt.Sprint(p.Pid()), "-e", script)
		if out.Code != 1 || !strings.Contains(out.Stderr, want) || strings.Count(out.Stderr, "\n") > 1 {
			t.Errorf("%s ended with %d, not with 1 and %q: %s", script, out.Code, want, out.Stderr)
		}
	}
}
