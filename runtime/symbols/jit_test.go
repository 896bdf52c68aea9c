package symbols

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"golang.org/x/sys/unix"
)

// Code that a process made is found in the list that its runtime writes.
func TestMadeCode(t *testing.T) {
	code, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(code)
	start := uint64(uintptr(unsafe.Pointer(&code[0])))
	path := fmt.Sprintf("/tmp/perf-%d.map", os.Getpid())
	defer os.Remove(path)
	u := NewUser(true, 64<<20)
	for _, name := range []string{"old", "LazyCompile:*loop app.js:3"} {
		if err := os.WriteFile(path, fmt.Appendf(nil, "%x 40 %s\n", start, name), 0o600); err != nil {
			t.Fatal(err)
		}
		if p := u.processes[os.Getpid()]; p != nil {
			p.made.read = p.made.read.Add(-2 * freshness)
		}
		symbol, ok := u.Lookup(os.Getpid(), start+5)
		if want := (Symbol{Name: name, Module: "[unknown]", Offset: 5}); !ok || symbol != want {
			t.Errorf("%+v, %v; want %+v", symbol, ok, want)
		}
	}
	if symbol, ok := u.Lookup(os.Getpid(), start+0x40); ok {
		t.Errorf("behind the code is %+v", symbol)
	}
}

func FuzzJIT(f *testing.F) {
	f.Add("7f00 40 a b\n0x7f00 0x10 later\nnonsense\n7f80 zz c\n")
	f.Fuzz(func(t *testing.T, text string) {
		made := parseJIT(strings.NewReader(text), 1<<20)
		for i, e := range made.entries {
			if i > 0 && made.entries[i-1].start >= e.start {
				t.Errorf("%x stands before %x", made.entries[i-1].start, e.start)
			}
			if symbol, ok := made.lookup(e.start); ok && symbol.Name != made.name(e) {
				t.Errorf("%x: %q, want %q", e.start, symbol.Name, made.name(e))
			}
		}
	})
}

// A list in /tmp is taken only from the process's user or root, and only where it is no
// link: anybody may put one there.
func TestForeignList(t *testing.T) {
	path := fmt.Sprintf("/tmp/perf-%d.map", os.Getpid())
	own := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(own, []byte("1000 40 name\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(own, path); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	if file, err := openJIT(os.Getpid()); err == nil {
		file.Close()
		t.Error("a link is followed")
	}
	if err := os.Rename(own, path); err != nil {
		t.Fatal(err)
	}
	file, err := openJIT(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chown(path, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if file, err := openJIT(os.Getpid()); !errors.Is(err, os.ErrPermission) {
		file.Close()
		t.Errorf("somebody else's file is opened: %v", err)
	}
}

// The list of a process that has another root is in its own /tmp.
func TestListInOtherTree(t *testing.T) {
	if os.Geteuid() != 0 {
		testkit.Lack(t, "root")
	}
	if os.Getenv("IN_OTHER_TREE") != "" {
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	root := t.TempDir()
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(root, "test"), text, 0o755), os.Mkdir(filepath.Join(root, "tmp"), 0o755)); err != nil {
		t.Fatal(err)
	}
	child := exec.Command("/test", "-test.run", "^TestListInOtherTree$")
	child.Env = []string{"IN_OTHER_TREE=1"}
	child.Dir, child.SysProcAttr = "/", &syscall.SysProcAttr{Chroot: root}
	release, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer release.Close()
	path := filepath.Join(root, fmt.Sprintf("tmp/perf-%d.map", child.Process.Pid))
	if err := os.WriteFile(path, []byte("1000 40 inside\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if made := (jit{}).refresh(child.Process.Pid, 1<<20); len(made.entries) != 1 || made.name(made.entries[0]) != "inside" {
		t.Errorf("%+v", made)
	}
}
