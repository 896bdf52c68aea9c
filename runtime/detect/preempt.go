package detect

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
	"golang.org/x/sys/unix"
)

// preemption tells whether the kernel may preempt what it runs, and whether it is sure to.
//
// A tracing program is preempted as well, and the kernel leaves out the events of all
// other threads of that CPU until it goes on: of a call that 8 threads hammered on 2 CPUs
// of 7.3, 3 to 37 % were missed. So where the kernel is sure to preempt, kprobes are
// taken. Where it may, programs keep others from the memory of their CPU.
//
// The modes none and voluntary are gone since 7.0. Before, PREEMPT_DYNAMIC has a mode,
// which root may change at any time. The one at the start counts: a script that runs on
// through a change is as one of the old mode. To pay on every such kernel, for what
// hardly anybody does, would cost the distributions whose mode is voluntary 3 ms at the
// start, for the numbers of the kfuncs, and megabytes of types before 6.18.
//
// https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/trampoline.c
// (__bpf_prog_enter_recur),
// https://elixir.bootlin.com/linux/v6.12/source/kernel/sched/debug.c (sched_dynamic_show)
func preemption(t *target.Target) (possible, certain bool) {
	var name unix.Utsname
	if t.Version.AtLeast(7, 0) || unix.Uname(&name) != nil {
		return true, true
	}
	words := strings.Fields(unix.ByteSliceToString(name.Version[:]))
	switch {
	case slices.Contains(words, "PREEMPT"), slices.Contains(words, "PREEMPT_RT"):
		return true, true
	case !slices.Contains(words, "PREEMPT_DYNAMIC"):
		return false, false
	}
	mode := preemptMode()
	return mode != "none" && mode != "voluntary", mode == "full" || mode == "lazy"
}

// preemptMode is that of PREEMPT_DYNAMIC; empty where it cannot be found out: the kernel
// shows it in debugfs only, unless the command line sets it.
func preemptMode() string {
	text, err := readFile("/sys/kernel/debug/sched/preempt", 100)
	if err != nil {
		text, err = readDebugfs("sched/preempt", 100)
	}
	if err == nil {
		return chosenMode(string(text))
	}
	text, _ = readFile("/proc/cmdline", 4096)
	return modeSet(string(text))
}

// chosenMode finds the mode in parentheses: "none (voluntary) full".
func chosenMode(text string) string {
	_, rest, _ := strings.Cut(text, "(")
	mode, _, found := strings.Cut(rest, ")")
	if !found {
		return ""
	}
	return mode
}

// modeSet finds preempt=MODE on the kernel's command line; the last one holds.
func modeSet(commandLine string) (mode string) {
	for _, word := range strings.Fields(commandLine) {
		if set, found := strings.CutPrefix(word, "preempt="); found {
			mode = set
		}
	}
	return mode
}

// readDebugfs reads a file of debugfs where that is not mounted.
func readDebugfs(path string, limit int) ([]byte, error) {
	fd, err := mountDetached("debugfs")
	if err != nil {
		return nil, err
	}
	folder := os.NewFile(uintptr(fd), "debugfs")
	defer folder.Close()
	return readFile(filepath.Join(fmt.Sprintf("/proc/self/fd/%d", fd), path), limit)
}
