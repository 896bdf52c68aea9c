//go:build guest

package guest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Clauses of one probe run in their order, whichever mechanisms they would take alone:
// each prints a letter.
func TestClausesOfOneProbeRunInOrder(t *testing.T) {
	for _, script := range []string{
		`kprobe:__x64_sys_dup { printf("a"); } kprobe:__x64_sys_dup { printf("b"); } kprobe:__x64_sys_dup { printf("c\n"); }`,
		`kretprobe:__x64_sys_dup { printf("a"); } kretprobe:__x64_sys_dup { printf("b"); } kretprobe:__x64_sys_dup { printf("c\n"); }`,
		`kprobe:__x64_sys_dup { printf("a"); return; printf("x"); } kprobe:__x64_sys_dup /reg("ip") != 0/ { printf("b"); }
			kprobe:__x64_sys_dup* { printf("%s", func == "__x64_sys_dup" ? "c\n" : "x"); }`,
		`kprobe:__x64_sys_dup* { printf("a"); } kprobe:__x64_sys_dup /arg0 == 0/ { printf("x"); }
			kprobe:__x64_sys_d*p { $i = 0; while ($i < 9) { if ($i == 5) { printf("b"); return; } $i++; } }
			kprobe:__x64_sys_dup { printf("c\n"); }`,
		`tracepoint:syscalls:sys_enter_dup { printf("a"); } tracepoint:syscalls:sys_enter_d*p /args.fildes == 0xffffffff/ { printf("b"); }
			tracepoint:syscalls:sys_enter_dup { printf("c\n"); }`,
	} {
		file := filepath.Join(t.TempDir(), "out")
		out := MustRun(t, "ponytrace", "-o", file, "-e", script, "-c", "workload --comm pony syscalls --name dup --n 200 --threads 1")
		text, err := os.ReadFile(file)
		if want := strings.Repeat("abc\n", 200); err != nil || strings.TrimSpace(string(text)) != strings.TrimSpace(want) || strings.Contains(out.Stderr, "WARNING") {
			t.Errorf("%s\n%.300q %v\n%s", script, text, err, out.Stderr)
		}
	}
}

// The first exit() ends the clauses behind it.
func TestExitEndsTheClausesBehindIt(t *testing.T) {
	out := trace(t, `kprobe:__x64_sys_dup { @a++; if (@a == 50) { exit(); } } kprobe:__x64_sys_dup { @b++; }`,
		"syscalls --name dup --n 200 --threads 1")
	equal(t, "maps", out.Stdout, "@a: 50\n@b: 49")
}
