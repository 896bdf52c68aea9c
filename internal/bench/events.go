package main

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// reads is how many events one measurement sees. Under -icount each measurement of the
// same differs by some instructions only.
const (
	reads       = 10_000
	eventRounds = 2
)

// eventScripts are scripts, and the values of --attach that they are tried with: the
// choice of ponytrace first. Each makes one event of a read.
var eventScripts = []struct {
	script string
	ways   []string
}{
	{"kprobe:vfs_read { @ = count() }", []string{"auto", "kprobe_multi", "kprobe"}},
	{"kretprobe:vfs_read { @ = count() }", []string{"auto", "kprobe_multi", "kprobe"}},
	{"tracepoint:syscalls:sys_enter_read { @ = count() }", []string{"auto", "kprobe", "tracepoint"}},
	{"tracepoint:raw_syscalls:sys_enter { @ = count() }", []string{"auto", "tracepoint"}},
	{"rawtracepoint:sys_enter { @ = max(arg1) }", []string{"auto", "rawtracepoint"}},
	{"uprobe:" + self + ":main.touch { @ = count() }", []string{"auto", "uprobe"}},
	{"uretprobe:" + self + ":main.touch { @ = count() }", []string{"auto", "uprobe"}},
	{"uprobe:" + self + ":main.touch { @ = max(arg0) }", []string{"auto"}},
	{"kprobe:vfs_read { @ = hist(arg2) }", []string{"auto"}},
	{"kprobe:vfs_read { @[comm] = count() }", []string{"auto"}},
	{"kprobe:vfs_read { @s[tid] = nsecs } kretprobe:vfs_read /@s[tid]/ { @ = hist(nsecs - @s[tid]); delete(@s, tid) }", []string{"auto", "kprobe"}},
}

// self is this program.
const self = "/proc/self/exe"

// events tells how much longer a read takes while a script counts it.
func events(ponytrace string) error {
	fd, err := unix.Open("/dev/zero", unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	program, err := os.Executable()
	if err != nil {
		return err
	}
	for _, s := range eventScripts {
		script := strings.ReplaceAll(s.script, self, program)
		for _, way := range s.ways {
			cost, err := costOf(ponytrace, way, script, fd)
			if err != nil {
				return err
			}
			fmt.Printf("%s ns an event  --attach %-12s %s\n", cost, way, script)
		}
	}
	return nil
}

// touch is for uprobes.
//
//go:noinline
func touch(n int) { touched.Store(int64(n)) }

var touched atomic.Int64

func costOf(ponytrace, way, script string, fd int) (cost sample, err error) {
	for range eventRounds {
		without := timeReads(fd)
		t, err := start(ponytrace, "--attach", way, "-e", script)
		if err != nil {
			return nil, err
		}
		timeReads(fd) // the first events after attaching cost more
		with := timeReads(fd)
		if _, _, err := t.stop(); err != nil {
			return nil, err
		}
		cost = append(cost, float64(with-without)/reads)
	}
	return cost, nil
}

func timeReads(fd int) time.Duration {
	var buffer [1]byte
	began := time.Now()
	for n := range reads {
		touch(n)
		unix.Read(fd, buffer[:])
	}
	return time.Since(began)
}
