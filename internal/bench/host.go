package main

import (
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/ponytrace/ponytrace/compiler/target"
	"golang.org/x/sys/unix"
)

const rounds = 21

// scripts are traced on every machine that allows tracing at all. The budgets are in
// milliseconds and megabytes.
var scripts = []struct {
	name, text    string
	start, memory float64
}{
	{"no events", "interval:s:100 { @ = 1 }", 5, 10},
	{"printf", `interval:s:100 { printf("%d\n", cpu) }`, 5, 10},
	{"kernel types", "interval:s:100 { @ = curtask->tgid }", 25, typesMemory()},
	{"a tracepoint", "tracepoint:sched:sched_switch { @ = count() }", 5, 10},
	{"lines of a tracepoint", `tracepoint:sched:sched_switch { printf("%d\n", pid) }`, 5, 10},
}

// The budgets of what has no script of its own here; 0 is none.
const (
	none         = 0
	sizeBudget   = 8 // MB
	goneBudget   = 2 // ms
	lineBudget   = 500
	keysBudget   = 800
	memoryBudget = 60
	allBudget    = 500 // ms, of -l
)

// typesMemory is the budget of peak memory with kernel types, which Linux lets us map
// since 6.18.
func typesMemory() float64 {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return none
	}
	version, err := target.ParseVersion(unix.ByteSliceToString(name.Release[:]))
	if err == nil && version.AtLeast(6, 18) {
		return 10
	}
	return 20
}

func host(ponytrace string) error {
	info, err := os.Stat(ponytrace)
	if err != nil {
		return err
	}
	report("ponytrace", "size of the binary, MB", sample{float64(info.Size()) / 1e6}, sizeBudget)
	if text, err := exec.Command(ponytrace, "-q", "-e", "BEGIN { exit() }").CombinedOutput(); err != nil {
		fmt.Printf("not run, as this machine does not let us trace: start, end and memory; stacks; lists; CPU for a line; lines lost; a million keys\n%s", text)
		return nil
	}
	if err := measure("ponytrace", ponytrace); err != nil {
		return err
	}
	if err := stacks(ponytrace); err != nil {
		return err
	}
	if _, err := list(ponytrace, "all probes", "", allBudget); err != nil {
		return err
	}
	if err := large(ponytrace); err != nil {
		return err
	}
	if bpftrace, err := exec.LookPath("bpftrace"); err == nil {
		if err := measure("bpftrace", bpftrace); err != nil {
			fmt.Println("bpftrace: the rest was not measured:", err)
		}
		return nil
	}
	fmt.Println("bpftrace is not installed, so it is not measured")
	return nil
}

func measure(name, program string) error {
	for i := range scripts {
		if err := lifetime(name, program, i); err != nil {
			return err
		}
	}
	var whole, cpu sample
	for range rounds {
		began, run := time.Now(), exec.Command(program, "-e", "BEGIN { exit() }")
		if err := run.Run(); err != nil {
			return err
		}
		whole = append(whole, milliseconds(time.Since(began)))
		cpu = append(cpu, milliseconds(run.ProcessState.UserTime()+run.ProcessState.SystemTime()))
	}
	report(name, "start to exit of BEGIN { exit() }, ms", whole, none)
	report(name, "CPU time of BEGIN { exit() }, ms", cpu, none)
	return output(name, program)
}

func lifetime(name, program string, which int) error {
	script := scripts[which]
	var attached, gone, memory sample
	for range rounds {
		t, err := start(program, "-e", script.text)
		if err != nil {
			return err
		}
		end, peak, err := t.stop()
		if err != nil {
			return err
		}
		attached = append(attached, milliseconds(t.attached))
		gone = append(gone, milliseconds(end))
		memory = append(memory, peak/1e6)
	}
	report(name, "start to attached, "+script.name+", ms", attached, script.start)
	report(name, "attached to gone, "+script.name+", ms", gone, goneBudget)
	report(name, "peak memory, "+script.name+", MB", memory, script.memory)
	return nil
}

// report prints a measurement, and whether its median is within the budget. Only
// ponytrace has budgets.
func report(name, what string, s sample, budget float64) {
	verdict := ""
	if name == "ponytrace" && budget != none {
		verdict = fmt.Sprintf("  budget %g: %s", budget, map[bool]string{true: "kept", false: "MISSED"}[s.median() <= budget])
	}
	fmt.Printf("%-10s %-46s %s%s\n", name, what, s, verdict)
}
