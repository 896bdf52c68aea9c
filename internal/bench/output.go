package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The load is a system call of this process that Go's runtime never makes; $1 and $2 are
// the process and the call.
const (
	printCalls = `tracepoint:raw_syscalls:sys_enter /pid == $1 && args.id == $2/ { printf("%d %s %d\n", pid, comm, nsecs) }`
	keepCalls  = `config = { max_map_keys = 2000000 } tracepoint:raw_syscalls:sys_enter /pid == $1 && args.id == $2/ { @[@n++] = 1 }`
)

const (
	outputRounds = 5
	pacedLines   = 50 // in each millisecond
	pacedTime    = 2000
	million      = 1_000_000
)

// output measures what printing costs.
func output(name, program string) error {
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	o := &outputRun{name: name, program: program, file: filepath.Join(folder, "output")}
	for _, measure := range []func() error{o.paced, o.flatOut, o.manyKeys} {
		if err := measure(); err != nil {
			return err
		}
	}
	return nil
}

type outputRun struct{ name, program, file string }

// outcome is what became of one traced load.
type outcome struct {
	lines  int
	gone   time.Duration
	memory float64
	cpu    time.Duration
}

func (o *outputRun) trace(script string, load func()) (outcome, error) {
	t, err := start(o.program, "-o", o.file, "-e", script, strconv.Itoa(os.Getpid()), strconv.Itoa(unix.SYS_GETPPID))
	if err != nil {
		return outcome{}, err
	}
	load()
	gone, memory, err := t.stop()
	if err != nil {
		return outcome{}, err
	}
	text, err := os.ReadFile(o.file)
	if err != nil {
		return outcome{}, err
	}
	state := t.cmd.ProcessState
	result := outcome{bytes.Count(text, []byte("\n")), gone, memory, state.UserTime() + state.SystemTime()}
	return result, os.Remove(o.file)
}

// paced finds the CPU time for a line: that of a run that prints, less that of one that
// only waits as long.
func (o *outputRun) paced() error {
	var each sample
	for range outputRounds {
		idle, err := o.trace(printCalls, func() { callPaced(0) })
		if err != nil {
			return err
		}
		busy, err := o.trace(printCalls, func() { callPaced(pacedLines) })
		if err != nil {
			return err
		}
		lines := max(busy.lines-idle.lines, 1)
		each = append(each, float64((busy.cpu-idle.cpu).Nanoseconds())/float64(lines))
	}
	report(o.name, "CPU for a line at 50,000 a second, ns", each, lineBudget)
	return nil
}

// flatOut prints as fast as one thread can make calls. What is not in the file was lost.
func (o *outputRun) flatOut() error {
	var offered, lost sample
	for range outputRounds {
		var took time.Duration
		result, err := o.trace(printCalls, func() {
			began := time.Now()
			call(million)
			took = time.Since(began)
		})
		if err != nil {
			return err
		}
		offered = append(offered, million/took.Seconds()/1000)
		lost = append(lost, 100*max(0, 1-float64(result.lines)/million))
	}
	report(o.name, "lines flat out, thousands a second", offered, none)
	report(o.name, "of these lost, %", lost, none)
	return nil
}

func (o *outputRun) manyKeys() error {
	var took, memory sample
	for range outputRounds {
		result, err := o.trace(keepCalls, func() { call(million) })
		if err != nil {
			return err
		}
		if result.lines < million {
			return fmt.Errorf("%s printed %d lines for a million keys", o.name, result.lines)
		}
		took = append(took, milliseconds(result.gone))
		memory = append(memory, result.memory/1e6)
	}
	report(o.name, "a million keys printed at exit, ms", took, keysBudget)
	report(o.name, "peak memory with a million keys, MB", memory, memoryBudget)
	return nil
}

func call(n int) {
	for range n {
		unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
	}
}

// callPaced makes n calls in each millisecond.
func callPaced(n int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := time.Now()
	for i := range pacedTime {
		call(n)
		time.Sleep(time.Until(began.Add(time.Duration(i+1) * time.Millisecond)))
	}
}
