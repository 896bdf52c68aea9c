package symbols

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
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

// Code in the place of code that was freed has its own name, and nothing has the name of
// what was there before.
func TestReusedCode(t *testing.T) {
	list := func(text string) *jit {
		made := parseJIT(strings.NewReader(text), 1<<20)
		return &made
	}
	compareMade(t, list("1000 100 old\nf80 200 new\n1200 10 other\n"), map[uint64]string{
		0xf80: "new+0", 0x1010: "new+144", 0x10ff: "new+383", 0x1180: "", 0x1205: "other+5",
	})
	compareMade(t, list("1000 100 outer\n1040 10 inner\n"), map[uint64]string{0x1010: "outer+16", 0x1045: "inner+5"})
	compareMade(t, list("1000 100 a\n1000 10 b\n2000 ffffffffffffffff c\n3000 10 d\n"), map[uint64]string{
		0x1005: "b+5", 0x1050: "", 0x2001: "c+1", 0x3001: "d+1",
	})
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var text strings.Builder
		var starts, ends [12]uint64
		for i := range starts {
			starts[i] = random.Uint64N(64)
			ends[i] = starts[i] + random.Uint64N(24)
			fmt.Fprintf(&text, "%x %x %d\n", starts[i], ends[i]-starts[i], i)
		}
		made := list(text.String())
		for address := range uint64(100) {
			latest := -1
			for i := range starts {
				if address >= starts[i] && address < ends[i] {
					latest = i
				}
			}
			if symbol, ok := made.lookup(address); ok && symbol.Name != strconv.Itoa(latest) {
				t.Fatalf("%x is %s and not %d in\n%s", address, symbol.Name, latest, &text)
			}
		}
	}
}

// What is gone takes no memory in the long run.
func TestNamesOfReusedCode(t *testing.T) {
	var d dump
	text := dumpHead()
	for i := range 2000 {
		text = append(text, loaded(fmt.Sprintf("a_rather_long_name_of_a_function_%d", i), 0x1000+uint64(i%10), 64)...)
		if i%100 == 99 {
			var err error
			if d, err = d.parse(bytes.NewReader(text), int64(len(text)), 10_000); err != nil || d.cut {
				t.Fatalf("%d bytes are used after %d, %v", d.bytesUsed(), i, err)
			}
		}
	}
	compareMade(t, &d.jit, map[uint64]string{0x1009: "a_rather_long_name_of_a_function_1999+0"})
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

// A list that was written before the process began is that of another with its number.
func TestListOfEarlierProcess(t *testing.T) {
	began, known := beginning(os.Getpid())
	if since := time.Since(began); !known || since < 0 {
		t.Fatalf("the test began %v ago, %v", since, known)
	}
	if _, known := beginning(1 << 30); known {
		t.Error("a process that is not there has begun")
	}
	path := fmt.Sprintf("/tmp/perf-%d.map", os.Getpid())
	defer os.Remove(path)
	if err := os.WriteFile(path, []byte("1000 40 name\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for age, want := range map[time.Duration]int{0: 1, time.Minute: 0} {
		written := began.Add(-age)
		if err := os.Chtimes(path, written, written); err != nil {
			t.Fatal(err)
		}
		if made := (jit{}).refresh(os.Getpid(), 1<<20); len(made.entries) != want {
			t.Errorf("of a list of %v before the process: %+v", age, made.entries)
		}
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
