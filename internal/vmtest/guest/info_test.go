//go:build guest

package guest

import (
	"strings"
	"testing"
)

// TestInfo: --info on a kernel of which it is known what it offers.
func TestInfo(t *testing.T) {
	rows := map[string]string{}
	for line := range strings.Lines(MustRun(t, "ponytrace", "--info").Stdout) {
		if len(line) > 23 {
			word, _, _ := strings.Cut(strings.TrimSpace(line[23:]), ":")
			rows[strings.TrimSpace(line[:22])] = word
		}
	}
	want := map[string]string{
		"types (BTF)": "yes", "addresses of symbols": "yes", "tracefs": "yes", "privileges": "yes",
		"fentry": "yes", "fexit": "yes", "kprobe": "yes", "kretprobe": "yes", "perf tracepoint": "yes", "perf clock": "yes", "iterator": "yes", "ring buffer": "yes",
		"hash": "yes", "per-CPU hash": "yes", "LRU hash": "yes", "per-CPU LRU hash": "yes",
		"kprobe_multi": since(t, 6, 12), "kretprobe_multi": since(t, 6, 12), // Debian builds fprobes from 6.12 on
		"raw tracepoint": "yes", "all that are used": since(t, 6, 1),
	}
	if AtLeast(t, 7, 0) {
		want["raw tracepoint"] = "no" // programs there can be preempted
	}
	for name, word := range want {
		if rows[name] != word {
			t.Errorf("%s: %q, want %q", name, rows[name], word)
		}
	}
}

func since(t *testing.T, major, minor int) string {
	if AtLeast(t, major, minor) {
		return "yes"
	}
	return "no"
}
