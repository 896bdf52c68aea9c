package symbols

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/binary/cfi"
	"golang.org/x/sys/unix"
)

// A program that is written again keeps its inode. What runs then has the names and the
// tables of the new one.
func TestRewrittenProgram(t *testing.T) {
	if os.Getenv("REWRITTEN") != "" {
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	testkit.Need(t, "root", os.Geteuid() == 0)
	cat, err := exec.LookPath("cat")
	testkit.Need(t, "cat", err == nil)
	u := NewUser(true, 64<<20)
	callers := NewCallers(func(int, int, []cfi.Row) error { return nil })
	path := filepath.Join(t.TempDir(), "program")
	var pid int
	var code mapping
	first := inodeOfCopy(t, cat, path)
	runCopy(t, u, callers, exec.Command(path), &pid, &code)
	if again := inodeOfCopy(t, "/proc/self/exe", path); again != first {
		t.Fatalf("the inode is %d, and was %d", again, first)
	}
	runCopy(t, u, callers, exec.Command(path, "-test.run=^TestRewrittenProgram$"), &pid, &code)
	own, ok := u.find(os.Getpid(), uint64(here()))
	if !ok {
		t.Fatal("our own code is not mapped")
	}
	symbol, _ := u.Lookup(pid, uint64(here())-own.start+own.offset+code.start-code.offset)
	if want := "github.com/ponytrace/ponytrace/runtime/symbols.here"; symbol.Name != want {
		t.Errorf("%+v, want %s", symbol, want)
	}
	tables := 0
	for file := range callers.images {
		if file.inode == first {
			tables++
		}
	}
	if tables != 2 {
		t.Errorf("%d tables for two programs", tables)
	}
}

// inodeOfCopy copies a program into a file that may be there.
func inodeOfCopy(t *testing.T, from, to string) uint64 {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	var info unix.Stat_t
	if err := os.WriteFile(to, text, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Stat(to, &info); err != nil {
		t.Fatal(err)
	}
	return info.Ino
}

// runCopy starts a program that waits for input, and reads its maps; it is known when it
// has ended.
func runCopy(t *testing.T, u *User, callers *Callers, command *exec.Cmd, pid *int, code *mapping) {
	t.Helper()
	command.Env = []string{"REWRITTEN=1"}
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer command.Wait()
	defer in.Close()
	*pid = command.Process.Pid
	*code = codeOf(t, u, command)
	if _, err := callers.Ranges(*pid); err != nil {
		t.Fatal(err)
	}
	u.Lookup(*pid, code.start)
}

// Files of a process that has ended are not asked for.
func TestVersionsOfEndedProcess(t *testing.T) {
	u, pid := NewUser(true, 1<<20), os.Getpid()
	own, ok := u.find(pid, uint64(here()))
	if seen := u.versions[own.file.bare()]; !ok || seen == (version{}) || own.file.version != seen {
		t.Fatalf("%+v, %+v, %v", own, seen, ok)
	}
	asked := mapping{start: own.start, end: own.end, path: own.path, file: own.file.bare()}
	clear(u.versions)
	if m := u.versioned(1<<30, asked); m.file.version != (version{}) || len(u.versions) != 0 {
		t.Errorf("%+v", m)
	}
	u.processes[pid].ended = true
	if m := u.versioned(pid, asked); m.file.version != (version{}) || len(u.versions) != 0 {
		t.Errorf("%+v", m)
	}
	u.processes[pid].ended = false
	if m := u.versioned(pid, asked); m != own {
		t.Errorf("%+v, want %+v", m, own)
	}
}

// Of a file whose mapping is gone, the version counts that was seen last.
func TestVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	inodeOfCopy(t, "/proc/self/status", path)
	m, v := mapping{file: fileID{device: "08:01", inode: 7}}, versions{}
	if got, known := v.of(os.Getpid(), m); known {
		t.Errorf("%+v of nothing", got)
	}
	seen, err := versionOf(path)
	if err != nil || seen.size == 0 {
		t.Fatal(seen, err)
	}
	v[m.file] = seen
	if last, known := v.of(os.Getpid(), m); last != seen || !known {
		t.Errorf("%+v, want %+v", last, seen)
	}
	for i := range uint64(2 * maxImages) {
		v[fileID{inode: i}] = seen
	}
	own, err := readMappings(os.Getpid(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if got, known := v.of(os.Getpid(), own.list[0]); !known || got == (version{}) || len(v) > maxImages {
		t.Errorf("%+v, %d are kept", got, len(v))
	}
}
