package main

import (
	"fmt"
	"os"
	"os/exec"
	"time"
)

const rounds = 21

// scripts are traced on every machine that allows tracing at all.
var scripts = []struct{ name, text string }{
	{"no kernel types", "interval:s:100 { exit() }"},
	{"kernel types", "interval:s:100 { @ = curtask->tgid; exit() }"},
	{"a tracepoint", "tracepoint:sched:sched_switch { @ = count() }"},
}

func host(ponytrace string) error {
	info, err := os.Stat(ponytrace)
	if err != nil {
		return err
	}
	fmt.Printf("%-44s %8.1f MB\n", "size of the binary", float64(info.Size())/1e6)
	if text, err := exec.Command(ponytrace, "-q", "-e", "BEGIN { exit() }").CombinedOutput(); err != nil {
		fmt.Printf("not run, as this machine does not let us trace: start, end and memory; CPU for a line; lines lost; a million keys\n%s", text)
		return nil
	}
	if err := measure("ponytrace", ponytrace); err != nil {
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
	for _, script := range scripts {
		if err := lifetime(name, program, script.name, script.text); err != nil {
			return err
		}
	}
	var whole sample
	for range rounds {
		began := time.Now()
		if err := exec.Command(program, "-e", "BEGIN { exit() }").Run(); err != nil {
			return err
		}
		whole = append(whole, milliseconds(time.Since(began)))
	}
	report(name, "start to exit of BEGIN { exit() }, ms", whole)
	return output(name, program)
}

func lifetime(name, program, what, script string) error {
	var attached, gone, memory sample
	for range rounds {
		t, err := start(program, script)
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
	report(name, "start to attached, "+what+", ms", attached)
	report(name, "attached to gone, "+what+", ms", gone)
	report(name, "peak memory, "+what+", MB", memory)
	return nil
}

func report(name, what string, s sample) {
	fmt.Printf("%-10s %-40s %s\n", name, what, s)
}
