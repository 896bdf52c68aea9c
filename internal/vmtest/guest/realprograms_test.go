//go:build guest

package guest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Functions of C++ and Rust are found by patterns of the names that their authors gave
// them, in one process for both programs.
func TestUprobesByQuotedPatterns(t *testing.T) {
	p := tracing(t, `
		u:/programs/cpp:"shop::Counter::[ag]*" { @methods[func] = count(); }
		u:/programs/cpp:"*shop::largest<*" { @templates[func] = count(); }
		ur:/programs/cpp:"shop::Counter::get" { @got = sum(retval); }
		u:/programs/rust:"target::shop::*" { @rust[func] = count(); }
		ur:/programs/rust:"*::Counter::get" { @returned = sum(retval); }`)
	MustRun(t, "/programs/cpp", "10")
	MustRun(t, "/programs/rust", "10")
	equal(t, "names", ended(p).Stdout, `
@got: 465
@methods[shop::Counter::get(int)]: 10
@methods[shop::Counter::add(int)]: 10
@methods[shop::Counter::add(double)]: 10
@returned: 465
@rust[target::shop::add]: 10
@rust[target::shop::kind]: 10
@rust[target::shop::Counter::get]: 10
@rust[target::shop::largest]: 20
@rust[target::shop::area]: 30
@templates[int shop::largest<int>(int, int)]: 10
@templates[long shop::largest<long>(long, long)]: 10
`)
}

// A program that only processes of another mount namespace see is traced by its process
// and by the path below that one's root; a file of the same name outside is another.
func TestUprobesInAMountNamespace(t *testing.T) {
	const folder = "/tmp/namespace"
	program := filepath.Join(folder, "program")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := copyFile("/programs/c-plain", program); err != nil {
		t.Fatal(err)
	}
	pid, start := elsewhere(t, "/programs/c-stripped", program)
	p := tracing(t, fmt.Sprintf(`
		u:/proc/%d/root%s:add { @root[(int32)arg1] = count(); }
		u:%[2]s:add { @path[(int32)arg1] = count(); }
		u:add { @own = count(); }
		ur:add { @sum = sum((int32)retval); }`, pid, program), "-p", fmt.Sprint(pid))
	MustRun(t, program, "7")
	start()
	equal(t, "another namespace", withoutRounds(p.Wait()), `
@own: 100
@path[2]: 100
@root[2]: 100
@sum: 5150
`)
}

// The program of an image that several containers have is one, so that each call counts
// once; a container that has changed it has another.
func TestUprobesInLayers(t *testing.T) {
	const folder = "/tmp/layers/"
	for _, layer := range []string{"image", "changed", "one", "two", "three"} {
		if err := os.MkdirAll(folder+layer, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, layer := range []string{"image", "changed"} {
		if err := copyFile("/programs/c-plain", folder+layer+"/program"); err != nil {
			t.Fatal(err)
		}
	}
	for container, over := range map[string]string{"one": "one", "two": "two", "three": "changed"} {
		options := "lowerdir=" + folder + over + ":" + folder + "image"
		if err := unix.Mount("overlay", folder+container, "overlay", 0, options); err != nil {
			t.Fatal(options, err)
		}
		t.Cleanup(func() { unix.Unmount(folder+container, unix.MNT_DETACH) })
	}
	p := tracing(t, "u:"+folder+"*/program:add { @ = count(); }")
	for container, rounds := range map[string]string{"image": "1", "one": "20", "two": "300", "three": "4000"} {
		MustRun(t, folder+container+"/program", rounds)
	}
	equal(t, "an image and its containers", ended(p).Stdout, "@: 4321")
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o755)
}

// elsewhere starts a copy of a program in a mount namespace of its own, where the copy's
// folder has nothing else. It waits until start is called, which returns when it has
// ended.
func elsewhere(t *testing.T, from, program string) (pid int, start func()) {
	t.Helper()
	cmd := exec.Command(program, "100", "1", "wait")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // The thread ends with the goroutine.
		err := hide(filepath.Dir(program))
		if err == nil {
			err = copyFile(from, program)
		}
		if err == nil {
			err = cmd.Start()
		}
		started <- err
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd.Process.Pid, func() {
		if _, err := io.WriteString(in, "\n"); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func hide(folder string) error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return unix.Mount("tmpfs", folder, "tmpfs", 0, "mode=755")
}

// bash runs a loop: its functions are found by name, and what they are given is read in
// its memory.
func TestBash(t *testing.T) {
	const loop = "for ((i = 0; i < 50; i++)); do echo round $i; done"
	if err := os.WriteFile("/tmp/loop", []byte(loop), 0o600); err != nil {
		t.Fatal(err)
	}
	out := MustRun(t, "ponytrace", "-c", "/bin/bash /tmp/loop", "-o", "/tmp/loop.out", "-e", `
		struct description { char *word; int flags }
		struct list { struct list *next; struct description *word }
		u:/bin/bash:echo_builtin { $first = (struct list *)arg0; @word[str($first->word->word)] = count(); }
		ur:bash:echo_builtin { @status[retval] = count(); }`)
	text, err := os.ReadFile("/tmp/loop.out")
	if err != nil {
		t.Fatal(err, out.Stderr)
	}
	equal(t, "bash", withoutBlankLines(string(text)), "@status[0]: 50\n@word[round]: 50")
}

// Python's own probes, each with a semaphore, count what a script does: it says itself how
// much garbage was collected. Debian 12's Python tells of functions that return, too.
func TestPython(t *testing.T) {
	script, want := `
		usdt:/usr/bin/python3:audit {
			if str(arg0) == "pony.begin" { @on = 1 }
			if str(arg0) =~ "pony*" { @audit[str(arg0)] = count() }
		}
		usdt:/usr/bin/python3:gc__start /@on/ { @collections[arg0] = count() }
		usdt:/usr/bin/python3:gc__done /@on/ { @collected = sum(arg0) }
		usdt:/usr/bin/python3:import__find__load__start /@on/ { @import[str(arg0)] = count() }
		usdt:/usr/bin/python3:import__find__load__done /@on/ { @found[str(arg0), arg1] = count() }
		END { clear(@on) }`, `
700 collected
@audit[pony.begin]: 1
@audit[pony.end]: 1
@audit[pony.round]: 40
@collected: 700
@collections[2]: 20
@collections[1]: 30
@collections[0]: 50
@found[pony0, 0]: 3
@found[pony1, 0]: 3
@found[pony2, 0]: 3
@found[pony3, 0]: 3
@found[_string, 1]: 9
@import[pony0]: 3
@import[pony1]: 3
@import[pony2]: 3
@import[pony3]: 3
@import[_string]: 9
`
	python, err := os.ReadFile("/usr/bin/python3")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(python, []byte("\x00function__return\x00")) {
		script += `
		usdt:/usr/bin/python3:function__return /str(arg1) == "garbage"/ { @returns = count() }`
		want += "@returns: 100\n"
	}
	out := MustRun(t, "ponytrace", "-c", "/usr/bin/python3 -ISB testdata/usdt.py", "-e", script)
	equal(t, "python", withoutBlankLines(out.Stdout), want)
}
