// Package guest is for tests that run inside a test machine: on a real kernel, as root,
// with nobody else there.
//
// The tests are in this folder under the build tag "guest"; `go test ./internal/vmtest`
// on the host builds and runs them on every kernel (package guesttest). They run programs
// ([Run], [Start]) and make loads of known size ([Workload]). The machine has the
// workload program, what the suite adds, two disks that nobody else uses (/dev/nullb0 for
// requests up to 127 KB, /dev/vda up to 1 MB), no tracefs mounted, and no other process
// but init.
//
// A helper that fails ends the test with what the program had said, so tests check
// results only.
package guest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Output is what a program left behind. Code is 128 plus the signal's number if one
// killed it.
type Output struct {
	Stdout, Stderr string
	Code           int
}

const patience = 2 * time.Minute

// Run waits for a program to end.
func Run(t testing.TB, name string, args ...string) Output {
	t.Helper()
	return Start(t, name, args...).Wait()
}

// MustRun is Run for a program that has to succeed.
func MustRun(t testing.TB, name string, args ...string) Output {
	t.Helper()
	out := Run(t, name, args...)
	if out.Code != 0 {
		t.Fatalf("%s %q ended with %d\n%s%s", name, args, out.Code, out.Stdout, out.Stderr)
	}
	return out
}

// Process is a program that was started and may still run. It is killed when the test
// ends.
type Process struct {
	t              testing.TB
	cmd            *exec.Cmd
	stdout, stderr buffer
	ended          chan struct{}
}

// Start starts a program.
func Start(t testing.TB, name string, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// Pid is the process's number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Await waits until the text is in what the program has printed on either stream.
func (p *Process) Await(text string) {
	p.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(p.stdout.String(), text) || strings.Contains(p.stderr.String(), text) {
			return
		}
		select {
		case <-p.ended:
			p.t.Fatalf("%s ended before it said %q\n%s%s", p.cmd, text, p.stdout.String(), p.stderr.String())
		default:
		}
	}
	p.t.Fatalf("%s never said %q\n%s%s", p.cmd, text, p.stdout.String(), p.stderr.String())
}

// Signal sends one.
func (p *Process) Signal(signal os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatalf("%s: %v", p.cmd, err)
	}
}

// Wait waits for the end.
func (p *Process) Wait() Output {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("%s does not end\n%s%s", p.cmd, p.stdout.String(), p.stderr.String())
	}
	code := p.cmd.ProcessState.ExitCode()
	if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		code = 128 + int(status.Signal())
	}
	return Output{p.stdout.String(), p.stderr.String(), code}
}

// buffer may be read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Did is the workload's own account of what it did; each load fills the fields that
// concern it.
type Did struct {
	Load    string
	Pid     int
	Dev     string
	Read    bool
	Batches []Batch
	Name    string
	File    string
	N       int
	Threads int
	Size    int
	Bytes   int
	Ms      int
	Loops   int
}

// Batch is a number of disk requests of one size in bytes.
type Batch struct{ Size, Count int }

// Workload runs the workload program.
func Workload(t testing.TB, args ...string) (did Did) {
	t.Helper()
	out := MustRun(t, "workload", args...)
	if err := json.Unmarshal([]byte(out.Stdout), &did); err != nil {
		t.Fatalf("workload said %q: %v", out.Stdout, err)
	}
	return did
}

// DiskStat is how many requests a disk has completed and of how many bytes, since the
// machine started.
type DiskStat struct{ Reads, ReadBytes, Writes, WrittenBytes int }

// Disk reads the statistics of a disk such as nullb0.
func Disk(t testing.TB, name string) (s DiskStat) {
	t.Helper()
	text, err := os.ReadFile("/sys/block/" + name + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	var merged, ticks int
	if _, err := fmt.Sscan(string(text), &s.Reads, &merged, &s.ReadBytes, &ticks, &s.Writes, &merged, &s.WrittenBytes); err != nil {
		t.Fatal(err)
	}
	s.ReadBytes, s.WrittenBytes = 512*s.ReadBytes, 512*s.WrittenBytes
	return s
}

// Since is what was added after an earlier reading.
func (s DiskStat) Since(before DiskStat) DiskStat {
	return DiskStat{s.Reads - before.Reads, s.ReadBytes - before.ReadBytes, s.Writes - before.Writes, s.WrittenBytes - before.WrittenBytes}
}

// Kernel gives the version of the kernel, to be compared with [AtLeast].
func Kernel(t testing.TB) (major, minor int) {
	t.Helper()
	major, minor, err := version()
	if err != nil {
		t.Fatal(err)
	}
	return major, minor
}

func version() (major, minor int, err error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return 0, 0, err
	}
	_, err = fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor)
	return major, minor, err
}

// AtLeast says whether the kernel is that version or a later one.
func AtLeast(t testing.TB, major, minor int) bool {
	t.Helper()
	a, b := Kernel(t)
	return a > major || a == major && b >= minor
}
