//go:build guest

package guest

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Maps of every kind that are printed and cleared each 10 ms while all CPUs count in
// them: each event is in one report. With GUEST_EVENTS as many events as it says are
// made.
func TestReportsLoseNothing(t *testing.T) {
	events := asked(t, "GUEST_EVENTS", 80_000)
	out := trace(t, `config = { max_map_keys = 1000 } let @lru = lruhash(1000); let @percpulru = percpulruhash(1000); let @declared = percpuhash(1000);
		kprobe:__x64_sys_getpgid {
			@lru[cpu] = count(); @percpulru[cpu] = count(); @declared[cpu] = count(); @plain[cpu]++;
			@keyed[cpu] = count(); @sum[cpu] = sum(3); @unkeyed = count();
			@read[cpu] = count(); if (@read[cpu] < 0) { @never = count() }
			@kept[cpu] = count(); if (has_key(@kept, 1000)) { @never = count() }
		}
		interval:ms:10 {
			print(@lru); clear(@lru); print(@percpulru); clear(@percpulru); print(@declared); clear(@declared);
			print(@plain); clear(@plain); print(@keyed); clear(@keyed); print(@sum); clear(@sum);
			print(@unkeyed); clear(@unkeyed); print(@read); clear(@read); print(@kept); zero(@kept);
		}`, fmt.Sprintf("syscalls --name getpgid --n %d --threads 8", events))
	got := sums(t, out.Stdout)
	events -= missed(t, out)
	for _, name := range []string{"lru", "percpulru", "declared", "plain", "keyed", "unkeyed", "read", "kept"} {
		if got[name] != events {
			t.Errorf("@%s: %d of %d events are in the reports", name, got[name], events)
		}
	}
	if got["sum"] != 3*events || got["never"] != 0 {
		t.Errorf("@sum: %d, want %d; @never: %d, want 0", got["sum"], 3*events, got["never"])
	}
	if strings.Contains(out.Stderr, " lost") {
		t.Errorf("something was lost\n%s", out.Stderr)
	}
}

// sums adds up the values of each map in all reports.
func sums(t *testing.T, text string) map[string]int {
	t.Helper()
	total := map[string]int{}
	for _, row := range regexp.MustCompile(`(?m)^@(\w*)(?:\[.*\])?: (\d+)$`).FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(row[2])
		if err != nil {
			t.Fatal(err)
		}
		total[row[1]] += n
	}
	return total
}

// Clear makes room at once: 400 fresh keys every 200 ms fit in a map for 1,000, for
// whatever time that goes on.
func TestClearedKeysMakeRoom(t *testing.T) {
	p := tracing(t, `config = { max_map_keys = 1000 }
		kprobe:__x64_sys_getpgid { @n++; @[@n] = count(); @read[@n] = @n; if (has_key(@read, 0)) { @never = count() } }
		interval:ms:100 { print(@); clear(@); print(@read); clear(@read) }`)
	const rounds = 10
	for range rounds {
		Workload(t, "syscalls", "--name", "getpgid", "--n", "400")
		time.Sleep(200 * time.Millisecond)
	}
	p.Signal(unix.SIGINT)
	out := p.Wait()
	made := 400*rounds - missed(t, out)
	for _, name := range []string{"", "read"} {
		if n := strings.Count("\n"+out.Stdout, "\n@"+name+"["); n != made {
			t.Errorf("@%s: %d of %d keys are in the reports", name, n, made)
		}
	}
	if strings.Contains(out.Stderr, " lost") {
		t.Errorf("something was lost\n%s", out.Stderr)
	}
}

// Files that never end, behind a name that others chose, neither hold the session up nor
// cost the results.
func TestCatOfAFileThatWaits(t *testing.T) {
	folder := t.TempDir()
	if err := os.Symlink("/proc/kmsg", folder+"/log"); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(folder+"/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	out := MustRun(t, "ponytrace", "-q", "-e", fmt.Sprintf(
		`BEGIN { @ = count(); for ($i : 0..100) { cat("%[1]s/log") } cat("%[1]s/pipe"); exit() }`, folder))
	for _, want := range []string{"/log\" cannot be read: it has nothing to read now, and reading would wait for more",
		"/pipe\" cannot be read: it is not a regular file"} {
		if !strings.Contains(out.Stderr, want) {
			t.Errorf("standard error does not say %q\n%s", want, out.Stderr)
		}
	}
	if !strings.HasSuffix(out.Stdout, "\n@: 1\n") {
		t.Errorf("the map was not printed\n%s", out.Stdout)
	}
}

// Keys that the kernel drops are counted: each key is in a report or among those.
func TestDroppedKeys(t *testing.T) {
	out := trace(t, `let @a = lruhash(200); let @b = percpulruhash(200);
		kprobe:__x64_sys_getpgid { @n++; @a[@n] = count(); @b[@n]++ }
		interval:ms:20 { print(@a); clear(@a) }`, "syscalls --name getpgid --n 3000")
	made := 3000 - missed(t, out)
	for _, kind := range []string{"a", "b"} {
		printed, dropped := strings.Count("\n"+out.Stdout, "\n@"+kind+"["), 0
		message := regexp.MustCompile(`WARNING: (\d+) keys of the map @` + kind + `, which`).FindStringSubmatch(out.Stderr)
		if message != nil {
			dropped, _ = strconv.Atoi(message[1])
		}
		// The kernel may give a dropped key's memory to another while a program counts in
		// it, so that the other begins at 0 again and is not shown: seen once in some
		// dozens of runs, on 6.1, and among the README's limits.
		if lost := made - printed - dropped; dropped == 0 || lost < 0 || lost > 1 {
			t.Errorf("@%s: %d keys were printed and %d dropped of %d\n%s", kind, printed, dropped, made, out.Stderr)
		}
	}
}
