//go:build guest

package guest

import (
	"slices"
	"strings"
	"testing"
)

// TestFailedReads: -k counts, by their place, the reads that fail, those through pointers
// too that would be loaded directly, and no others.
func TestFailedReads(t *testing.T) {
	out := trace(t, `tracepoint:syscalls:sys_enter_dup {
	@kernel = *(uint64 *)kptr(8);
	@user = *(uint64 *)uptr(8);
	@text = str(uptr(8));
	@null = ((struct task_struct *)0)->pid;
	@good = curtask->group_leader->pid == pid;
}`, "syscalls --name dup --n 100 --threads 2", "-k")
	var got []string // the last of each place: the first tells that there is something
	for line := range strings.Lines(out.Stderr) {
		if place, message, ok := strings.Cut(line, ": WARNING: "); ok {
			got = slices.DeleteFunc(got, func(known string) bool { return strings.HasPrefix(known, place+" ") })
			message, _, _ = strings.Cut(message, " (bad")
			got = append(got, place+" "+message)
		}
	}
	equal(t, "failed reads", strings.Join(got, "\n"), `-e:2:2-30 memory of the kernel could not be read 100 times
-e:3:2-28 memory of a process could not be read 100 times
-e:4:2-22 memory of a process could not be read 100 times
-e:5:2-40 memory of the kernel could not be read 100 times`)
	if !strings.Contains(out.Stdout, "@good: true") {
		t.Error(out.Stdout)
	}
}
