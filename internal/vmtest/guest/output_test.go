//go:build guest

package guest

import (
	"fmt"
	"strings"
	"testing"
)

func TestEveryLineIsPrinted(t *testing.T) {
	out := trace(t, `kprobe:__x64_sys_getpgid /comm == "pony"/ { printf("%s %5d|%-4s|%x\n", comm, 3, "ab", 255); }`,
		"--comm pony syscalls --name getpgid --n 3000 --threads 4")
	const line = "pony     3|ab  |ff\n"
	if out.Stdout != strings.Repeat(line, 3000) {
		t.Errorf("%d bytes and %d lines %q, want 3000 and no other\n%.300s",
			len(out.Stdout), strings.Count(out.Stdout, line), line, out.Stdout)
	}
	equal(t, "losses", out.Stderr, "Attached 1 probe")
}

// Lines that find no room are lost, but counted: with those printed they are as many as
// the events.
func TestLostLinesAreCounted(t *testing.T) {
	const n = 40000
	out := trace(t, `config = { perf_rb_pages = 1 }
		kprobe:__x64_sys_getpgid { printf("line\n"); @ = count(); }`,
		fmt.Sprintf("syscalls --name getpgid --n %d --threads 4", n))
	printed := strings.Count(out.Stdout, "line\n")
	lost := 0
	if _, warning, ok := strings.Cut(out.Stderr, "WARNING: "); ok {
		if _, err := fmt.Sscanf(warning, "%d events were lost because the buffer was full", &lost); err != nil {
			t.Errorf("%v: %s", err, out.Stderr)
		}
	}
	if printed+lost != n || printed == 0 || lost == 0 {
		t.Errorf("%d lines printed and %d lost of %d\n%s", printed, lost, n, out.Stderr)
	}
	if !strings.HasSuffix(out.Stdout, fmt.Sprintf("@: %d\n", n)) {
		t.Errorf("the count is not %d", n)
	}
}
