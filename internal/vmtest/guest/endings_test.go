//go:build guest

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Whoever ends the session, and however often, what was collected is printed.
func TestSignalsPrintMaps(t *testing.T) {
	all := [][]os.Signal{
		{os.Interrupt},
		{syscall.SIGTERM, syscall.SIGTERM}, // as timeout(1) does
		{syscall.SIGHUP, os.Interrupt, syscall.SIGTERM},
	}
	var sessions []*Process
	for range all {
		sessions = append(sessions, tracing(t, `kprobe:__x64_sys_getpgid { @ = count(); } END { printf("end\n"); }`))
	}
	Workload(t, "syscalls", "--name", "getpgid", "--n", "100")
	for i, signals := range all {
		for _, signal := range signals {
			_ = sessions[i].cmd.Process.Signal(signal) // it may have ended
		}
		out := sessions[i].Wait()
		equal(t, signals[0].String(), withoutLoad(out).Stdout, "end\n@: 100")
		if out.Code != 0 {
			t.Errorf("%v: ended with %d", signals, out.Code)
		}
	}
}

// On a disk that fills up, every line is written, rescued or counted, and tracing goes
// on.
func TestFullDisk(t *testing.T) {
	const keys, full = 2000, "/tmp/full"
	if err := os.Mkdir(full, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", full, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	defer syscall.Unmount(full, 0)
	out := Run(t, "ponytrace", "-q", "-o", full+"/out", "-e",
		fmt.Sprintf(`config = { max_map_keys = 4096 } kprobe:__x64_sys_getpgid { printf("line\n"); @calls = count() } BEGIN { for ($i : 0..%d) { @[$i] = $i } }`, keys),
		"-c", "workload syscalls --name getpgid --n 30000")
	text, err := os.ReadFile(full + "/out")
	if err != nil {
		t.Fatal(err)
	}
	written, lost := strings.Count(string(text), "\n"), 0
	_, message, _ := strings.Cut(out.Stderr, "ERROR: ")
	if _, err := fmt.Sscanf(message, "%d lines could not be written to /tmp/full/out: no space left on device", &lost); err != nil {
		t.Errorf("%v: %.300s", err, out.Stderr)
	}
	const blank, calls = 2, 1
	if all := 30000 + blank + keys + calls; written+lost != all {
		t.Errorf("%d lines written and %d lost of %d", written, lost, all)
	}
	if out.Code != 1 || len(text) != 64<<10 || !strings.Contains(out.Stderr, "@calls: 30000\n") {
		t.Errorf("ended with %d, %d bytes\n%.300s", out.Code, len(text), out.Stderr)
	}
}

// running counts the processes of a name that are no zombies.
func running(t *testing.T, name string) (n int) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	for _, file := range names {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), "("+name+") ") && !strings.Contains(string(text), ") Z ") {
			n++
		}
	}
	return n
}

// The command of -c ends with the tracing, whatever ends that.
func TestCommandEndsWithTheTracing(t *testing.T) {
	const command = "workload --comm sleeper sleep --ms 600000"
	const script = `tracepoint:syscalls:sys_enter_getpgid { exit(7) } interval:s:1000 { exit() }`
	for _, signal := range []syscall.Signal{0, syscall.SIGTERM, syscall.SIGKILL} {
		p := tracing(t, script, "-c", command)
		for running(t, "sleeper") == 0 {
			time.Sleep(5 * time.Millisecond)
		}
		want := 0
		switch signal {
		case 0:
			want = 7
			Workload(t, "syscalls", "--name", "getpgid", "--n", "1")
		case syscall.SIGKILL:
			want = 128 + int(signal)
			fallthrough
		default:
			p.Signal(signal)
		}
		if out := p.Wait(); out.Code != want {
			t.Errorf("%v: ended with %d\n%s", signal, out.Code, out.Stderr)
		}
		for end := time.Now().Add(time.Second); signal == syscall.SIGKILL && running(t, "sleeper") > 0 && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond) // the kernel's own signal needs a moment
		}
		if running(t, "sleeper") > 0 {
			t.Fatalf("%v: the command runs on", signal)
		}
	}
}
