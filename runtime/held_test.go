package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/detect"
	"golang.org/x/sys/unix"
)

// visited is what a command has mapped at each visit while it is held.
type visited struct {
	maps []string
	also func(pid int) // at the first visit
}

func (v *visited) mapped(pid int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	v.maps = append(v.maps, string(text))
	if len(v.maps) == 1 && v.also != nil {
		v.also(pid)
	}
}

// held starts a command, holds it, and returns it.
func (v *visited) held(t *testing.T, arguments ...string) *child {
	t.Helper()
	testkit.Need(t, "CAP_SYS_PTRACE", detect.Capable(unix.CAP_SYS_PTRACE))
	testkit.Need(t, "x86_64", runtime.GOARCH == "amd64")
	c := &command{arguments: arguments, starting: func(uint64) {}, mapped: v.mapped}
	t.Cleanup(c.close)
	started, err := c.start()
	if err != nil {
		t.Fatal(err)
	}
	return started
}

var library = regexp.MustCompile(`r-xp .*/libc[.-]`)

// A command with libraries is visited before it runs, with its loader alone, and when the
// last of them is there. Then nobody traces it.
func TestHeld(t *testing.T) {
	var v visited
	out := filepath.Join(t.TempDir(), "status")
	started := v.held(t, "sh", "-c", "cat /proc/$$/status > "+out)
	<-started.ended
	first, last := v.maps[0], v.maps[len(v.maps)-1]
	if library.MatchString(first) || !strings.Contains(first, "/ld-") || !library.MatchString(last) {
		t.Errorf("first with\n%s\nlast with\n%s", first, last)
	}
	status, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(status), "\nTracerPid:\t0\n") {
		t.Errorf("%v, %s", err, status)
	}
}

// A program without a loader, such as this test, is visited once.
func TestHeldAlone(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var v visited
	<-v.held(t, program, "-test.list", "^$").ended
	_, loaded := entryOf(os.Getpid())
	if alone := len(v.maps) == 1; alone == loaded || !strings.Contains(v.maps[0], program) {
		t.Errorf("with a loader: %t, %q", loaded, v.maps)
	}
}

// A signal ends the holding, and does what it does otherwise.
func TestHeldSignals(t *testing.T) {
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL, unix.SIGTRAP} {
		v := visited{also: func(pid int) { _ = unix.Kill(pid, signal) }}
		<-v.held(t, "sleep", "1000").ended
	}
	v := visited{also: func(pid int) { _ = unix.Kill(pid, unix.SIGSTOP) }}
	started := v.held(t, "true")
	for state := ""; state != "T"; state, _, _ = statOf(started.pid) {
		if started.over() {
			t.Fatal("a stopped command ended")
		}
	}
	_ = unix.Kill(started.pid, unix.SIGCONT)
	<-started.ended
}
