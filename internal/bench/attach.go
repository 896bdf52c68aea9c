package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

const attachRounds = 3

// attachCounts are how many functions are attached at once.
var attachCounts = []int{1, 100, 1000, 10_000}

// attach measures how long functions take to be attached and detached: of the kernel,
// where it has kprobes, and of a program, which is this one.
func attach(ponytrace string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if text, err := exec.Command(ponytrace, "--dry-run", "-e", "kprobe:vfs_read { }").CombinedOutput(); err != nil {
		fmt.Printf("not run, as this machine has no kprobes: functions of the kernel\n%s", text)
	} else if err := attachEach(ponytrace, "kernel functions", "kprobe:", attachCounts); err != nil {
		return err
	}
	if err := attachEach(ponytrace, "functions of a program", "uprobe:"+self+":", attachCounts[:3]); err != nil {
		return err
	}
	_, err = list(ponytrace, "tracepoints", "tracepoint:*:*", none)
	return err
}

// attachEach lists the functions of a probe, and attaches as many as the counts say.
func attachEach(ponytrace, what, probe string, counts []int) error {
	names, err := list(ponytrace, what, probe+"*", none)
	if err != nil {
		return err
	}
	for _, n := range counts {
		if err := attached(ponytrace, what, probe, names, n); err != nil {
			fmt.Printf("%d %s are not attached: %v\n", n, what, err)
		}
	}
	return nil
}

// list times -l, and returns the names.
func list(ponytrace, what, pattern string, budget float64) (names []string, err error) {
	var took, work sample
	for range attachRounds {
		run, began := exec.Command(ponytrace, "-l", pattern), time.Now()
		text, err := run.Output()
		if err != nil {
			return nil, fmt.Errorf("-l %s: %w", pattern, err)
		}
		took = append(took, milliseconds(time.Since(began)))
		work = append(work, milliseconds(run.ProcessState.UserTime()+run.ProcessState.SystemTime()))
		names = names[:0]
		for line := range bytes.Lines(text) {
			name := strings.TrimSpace(string(line))
			names = append(names, strings.Trim(name[strings.LastIndexByte(name, ':')+1:], `"`))
		}
	}
	report("ponytrace", fmt.Sprintf("-l, %d lines of %s, ms", len(names), what), took, budget)
	report("ponytrace", fmt.Sprintf("-l, %d lines of %s, ms of CPU", len(names), what), work, none)
	return names, nil
}

// attached times a pattern that stands for about n functions.
func attached(ponytrace, what, probe string, names []string, n int) error {
	pattern, count := patternOf(names, n)
	if n == 1 {
		pattern, count = names[slices.IndexFunc(names, plain)], 1
	}
	var begun, gone, memory sample
	for range attachRounds {
		t, err := start(ponytrace, "-e", probe+pattern+" { @ = count() }")
		if err != nil {
			return err
		}
		end, peak, err := t.stop()
		if err != nil {
			return err
		}
		begun = append(begun, milliseconds(t.attached))
		gone = append(gone, milliseconds(end))
		memory = append(memory, peak/1e6)
	}
	what = fmt.Sprintf("%d %s", count, what)
	report("ponytrace", "start to attached, "+what+", ms", begun, none)
	report("ponytrace", "attached to gone, "+what+", ms", gone, none)
	report("ponytrace", "peak memory, "+what+", MB", memory, none)
	return nil
}

// patternOf finds the pattern that matches closest to n of the names: the beginning of
// some, or a range of first letters.
func patternOf(names []string, n int) (pattern string, count int) {
	counts := map[string]int{}
	for _, name := range names {
		for length := 1; length <= letters(name); length++ {
			counts[name[:length]+"*"]++
		}
		for last := byte('b'); last <= 'z' && letters(name) > 0; last++ {
			if name[0] <= last {
				counts["[a-"+string(last)+"]*"]++
			}
		}
	}
	for _, candidate := range slices.Sorted(maps.Keys(counts)) {
		if abs(counts[candidate]-n) < abs(count-n) {
			pattern, count = candidate, counts[candidate]
		}
	}
	return pattern, count
}

// plain reports whether a name needs no quotes.
func plain(name string) bool {
	return letters(name) > 3 && !strings.ContainsFunc(name, func(r rune) bool { return r < '0' && r != '.' || r > 'z' || strings.ContainsRune(":;<=>?@[]", r) })
}

// letters is how many letters a name begins with, up to five.
func letters(name string) (n int) {
	for n < min(5, len(name)) && name[n] >= 'a' && name[n] <= 'z' {
		n++
	}
	return n
}

func abs(n int) int { return max(n, -n) }
