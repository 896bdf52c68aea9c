package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// eventRounds are few: under -icount measurements of the same differ only by what the timer
// interrupts.
const eventRounds = 3

// eventScripts are scripts, each with what makes its events and the values of --attach
// that it is tried with: the choice of ponytrace first.
var eventScripts = []struct {
	script string
	load   load
	ways   []string
}{
	{"kprobe:vfs_read { @ = count() }", reads, []string{"auto", "kprobe_multi", "kprobe"}},
	{"kretprobe:vfs_read { @ = count() }", reads, []string{"auto", "kprobe_multi", "kprobe"}},
	{"tracepoint:syscalls:sys_enter_read { @ = count() }", reads, []string{"auto", "kprobe", "tracepoint"}},
	{"tracepoint:raw_syscalls:sys_enter { @ = count() }", reads, []string{"auto", "tracepoint"}},
	{"rawtracepoint:sys_enter { @ = max(arg1) }", reads, []string{"auto", "rawtracepoint"}},
	{"uprobe:" + self + ":main.touch { @ = count() }", touches, []string{"auto", "uprobe"}},
	{"uretprobe:" + self + ":main.touch { @ = count() }", touches, []string{"auto", "uprobe"}},
	{"uprobe:" + self + ":main.touch { @ = max(arg0) }", touches, []string{"auto"}},
	{"uprobe:" + calls + ":opened { @ = count() }", passes("opened"), []string{"auto", "uprobe"}},
	{"uprobe:" + calls + ":moved { @ = count() }", passes("moved"), []string{"auto", "uprobe"}},
	{"uprobe:" + calls + ":stepped { @ = count() }", passes("stepped"), []string{"auto", "uprobe"}},
	{"uretprobe:" + calls + ":opened { @ = count() }", passes("opened"), []string{"auto", "uprobe"}},
	{"usdt:" + calls + ":bench:fired { @ = count() }", passes("fired"), []string{"auto", "uprobe"}},
	{"usdt:" + calls + ":bench:fired { @ = max(arg0) }", passes("fired"), []string{"auto"}},
	{"software:page-faults:1 { @ = count() }", faults, []string{"auto"}},
	{"software:cpu-clock:100000 { @ = count() }", spin, []string{"auto"}},
	{"hardware:instructions:100000 { @ = count() }", spin, []string{"auto"}},
	{"iter:ksym { @ = count() }", nil, []string{"auto"}},
	{"kprobe:vfs_read { @ = hist(arg2) }", reads, []string{"auto"}},
	{"kprobe:vfs_read { @[comm] = count() }", reads, []string{"auto"}},
	{"kprobe:vfs_read { @s[tid] = nsecs } kretprobe:vfs_read /@s[tid]/ { @ = hist(nsecs - @s[tid]); delete(@s, tid) }", reads, []string{"auto", "kprobe"}},
}

// The programs that have probes: this one, and calls, which is beside it.
const (
	self  = "/proc/self/exe"
	calls = "/proc/self/calls"
)

// events tells how much longer what makes an event takes while a script counts it.
func events(ponytrace string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	places := strings.NewReplacer(self, program, calls, besides(program))
	for _, s := range eventScripts {
		script := places.Replace(s.script)
		for _, way := range s.ways {
			cost, err := costOf(traced{ponytrace, way, script}, s.load)
			switch unattached := (*unattachedError)(nil); {
			case errors.As(err, &unattached):
				fmt.Printf("not run: --attach %s %s: %s\n", way, script, unattached)
			case err != nil:
				return err
			default:
				fmt.Printf("%s ns an event  --attach %-12s %s\n", cost, way, script)
			}
		}
	}
	return nil
}

// besides is the path of calls.
func besides(program string) string { return filepath.Join(filepath.Dir(program), "calls") }

// traced is a script and how it is attached.
type traced struct{ ponytrace, way, script string }

func (t traced) args() []string { return []string{"--attach", t.way, "-e", t.script} }

func costOf(t traced, make load) (cost sample, err error) {
	for range eventRounds {
		var each float64
		if make == nil {
			each, err = t.costOfObject()
		} else {
			each, err = t.costOfEvent(make)
		}
		if err != nil {
			return nil, err
		}
		cost = append(cost, each)
	}
	return cost, nil
}

// costOfEvent compares a load with the same one while it is traced.
func (t traced) costOfEvent(make load) (each float64, err error) {
	without, _, err := make()
	if err != nil {
		return 0, err
	}
	running, err := start(t.ponytrace, t.args()...)
	if err != nil {
		return 0, err
	}
	_, _, failed := make() // the first events after attaching cost more
	with, events, err := make()
	_, _, stopped := running.stop()
	if events == counted {
		events = countIn(running.printed.String()) / 2
	}
	return float64(with-without) / float64(max(events, 1)), errors.Join(failed, err, stopped)
}

// costOfObject compares an iterator with one that goes through a few maps only, as its run
// has nothing but the objects.
func (t traced) costOfObject() (each float64, err error) {
	took, objects, err := t.whole()
	if err != nil {
		return 0, err
	}
	t.script = "iter:bpf_map { @ = count() }"
	without, few, err := t.whole()
	return float64(took-without) / float64(max(objects-few, 1)), err
}

// whole runs a script that ends by itself.
func (t traced) whole() (took time.Duration, count int, err error) {
	cmd, began := exec.Command(t.ponytrace, t.args()...), time.Now()
	text, err := cmd.Output()
	if err != nil {
		return 0, 0, &unattachedError{t.ponytrace, t.script, err}
	}
	return time.Since(began), countIn(string(text)), nil
}

// countIn finds what a script printed of its count().
func countIn(text string) (count int) {
	_, after, _ := strings.Cut(text, "@: ")
	fmt.Sscan(after, &count)
	return count
}
