package symbols

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

const sampleMaps = `55f683ebd000-55f683ec1000 r--p 00000000 08:01 1843399                    /usr/bin/ls
55f683ec1000-55f683ed6000 r-xp 00004000 08:01 1843399                    /usr/bin/ls
55f683ed7000-55f683ed8000 r-xp 00000000 00:00 0
7f0000000000-7f0000001000 r-xp 00000000 08:01 7                          /tmp/a b (deleted)
nonsense r-xp
7f0000003000-7f0000002000 r-xp 00000000 08:01 7                          /backwards
7ffd0000a000-7ffd0000c000 r-xp 00000000 00:00 0                          [vdso]
7f0000004000-7f0000005000 r-xp 00000000 08:01 7                          /out/of/order
`

func TestMappings(t *testing.T) {
	want := []mapping{
		{0x55f683ec1000, 0x55f683ed6000, 0x4000, fileID{device: "08:01", inode: 1843399}, "/usr/bin/ls"},
		{0x55f683ed7000, 0x55f683ed8000, 0, fileID{device: "00:00", inode: 0}, ""},
		{0x7f0000000000, 0x7f0000001000, 0, fileID{device: "08:01", inode: 7}, "/tmp/a b"},
		{0x7ffd0000a000, 0x7ffd0000c000, 0, fileID{device: "00:00", inode: 0}, "[vdso]"},
	}
	if got := parseMappings(strings.NewReader(sampleMaps), 1<<20).list; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestMappingsOfProgram(t *testing.T) {
	own, err := readMappings(os.Getpid(), 1<<20)
	if err != nil || !own.ofProgram(os.Getpid()) {
		t.Errorf("our own program is not among %+v: %v", own.list, err)
	}
	before := mappings{list: []mapping{{path: "/before/exec"}}}
	if before.ofProgram(os.Getpid()) {
		t.Error("another program is taken for ours")
	}
	if !before.ofProgram(1 << 22) {
		t.Error("a process that has ended is taken for one that executes a program")
	}
}

//go:noinline
func here() uintptr {
	pc, _, _, _ := runtime.Caller(0)
	return pc
}

// Our own process: a Go function, one in the middle of nothing, and the kernel's code.
func TestOwnProcess(t *testing.T) {
	u := NewUser(true, 64<<20)
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	symbol, ok := u.Lookup(os.Getpid(), uint64(here()))
	if want := "github.com/ponytrace/ponytrace/runtime/symbols.here"; !ok || symbol.Name != want || symbol.Module != executable || symbol.Offset == 0 {
		t.Errorf("%+v, %v; want %s", symbol, ok, want)
	}
	var data int
	if symbol, ok := u.Lookup(os.Getpid(), uint64(uintptr(unsafe.Pointer(&data)))); ok {
		t.Errorf("data is the function %+v", symbol)
	}
	if symbol, ok := u.Lookup(-1, 4096); ok {
		t.Errorf("process -1 has %+v", symbol)
	}
}

func TestVDSO(t *testing.T) {
	i, err := readVDSO()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	i.All(func(name []byte, _ uint64) { names = append(names, string(name)) })
	if !strings.Contains(strings.Join(names, " "), "clock_gettime") {
		t.Errorf("the kernel's code has %q", names)
	}
}

// A program that has ended keeps the map that was read while it ran, even when its file
// is gone.
func TestEndedProcess(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		testkit.Lack(t, "sleep(1)")
	}
	text, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, text, 0o700); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "1000")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	u := NewUser(true, 64<<20)
	code := codeOf(t, u, command)
	_ = command.Process.Kill()
	_ = command.Wait()
	u.processes[command.Process.Pid].read = time.Time{}
	if symbol, _ := u.Lookup(command.Process.Pid, code.start); symbol.Module != program {
		t.Errorf("%+v, want the module %s", symbol, program)
	}
}

// codeOf returns the code of a program that was started, once exec is done.
func codeOf(t *testing.T, u *User, command *exec.Cmd) mapping {
	t.Helper()
	isProgram := func(m mapping) bool { return m.path == command.Path }
	for range 60_000 {
		if p := u.refresh(command.Process.Pid); p != nil {
			if i := slices.IndexFunc(p.mappings.list, isProgram); i >= 0 {
				return p.mappings.list[i]
			}
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%s does not begin", command)
	return mapping{}
}

// A process whose files do not come in time is left out until they have come, and what it
// shares with others is not taken for what cannot be read.
func TestStuckProcess(t *testing.T) {
	answer, over := make(chan struct{}), make(chan struct{})
	_, err := safeopen.WithinFor(os.Getpid(), 0, func() (int, error) {
		<-answer
		close(over)
		return 0, nil
	})
	if !errors.Is(err, safeopen.ErrSlow) {
		t.Fatal(err)
	}
	u, pid, at := NewUser(true, 64<<20), os.Getpid(), uint64(here())
	m := mapping{start: at &^ 4095, end: at + 4096, file: fileID{device: "08:01", inode: 7}, path: "/x"}
	if _, err := readMappings(pid, 1<<20); !errors.Is(err, safeopen.ErrBusy) {
		t.Errorf("the map is read: %v", err)
	}
	if table := u.image(pid, m); table != nil || len(u.images) != 0 {
		t.Errorf("%v, %d files are known", table, len(u.images))
	}
	if file := u.source(pid, m); file != nil || len(u.sources.open) != 0 {
		t.Errorf("%v, %d files are known", file, len(u.sources.open))
	}
	close(answer)
	<-over
	for readable := false; !readable; time.Sleep(time.Millisecond) {
		_, err := readMappings(pid, 1<<20)
		readable = err == nil
	}
	if symbol, ok := u.Lookup(pid, at); !ok {
		t.Errorf("%+v", symbol)
	}
}

func TestReadable(t *testing.T) {
	long := "_Z" + strings.Repeat("x", 2000)
	var d decoded
	for name, want := range map[string]string{
		"main": "main", "_Z3fooi": "foo(int)", "_ZN5outer5innerC1Ev": "outer::inner::inner()", "_Zbroken": "_Zbroken",
		"main.(*T).M": "main.(*T).M", long: long,
	} {
		for range 2 {
			if got := d.text([]byte(name)); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
}

func FuzzMappings(f *testing.F) {
	f.Add(sampleMaps)
	f.Fuzz(func(t *testing.T, text string) {
		end := uint64(0)
		for _, m := range parseMappings(strings.NewReader(text), 1<<20).list {
			if m.start < end || m.end <= m.start {
				t.Errorf("%+v begins before %#x", m, end)
			}
			end = m.end
		}
	})
}
