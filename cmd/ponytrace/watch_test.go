package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// person sits before a terminal on which ponytrace steps.
type person struct {
	t        *testing.T
	run      *exec.Cmd
	keyboard *os.File
	terminal *os.File
	before   unix.Termios
	mu       sync.Mutex
	seen     bytes.Buffer // since the last key
}

// stepping starts ponytrace on a terminal of 25 lines.
func stepping(t *testing.T, args ...string) *person {
	t.Helper()
	keyboard, terminal := openTerminal(t, 80)
	p := &person{t: t, keyboard: keyboard, terminal: terminal, run: exec.Command(os.Args[0], args...)}
	before, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	p.before = *before
	p.run.Env = append(os.Environ(), asProgram+"=1", "TERM=xterm", "NO_COLOR=1")
	p.run.Stdin, p.run.Stdout, p.run.Stderr = terminal, terminal, terminal
	p.run.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.run.Process.Kill() })
	go p.watch()
	return p
}

func (p *person) watch() {
	chunk := make([]byte, 4096)
	for {
		n, err := p.keyboard.Read(chunk)
		p.mu.Lock()
		p.seen.Write(chunk[:n])
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

var controls = regexp.MustCompile("\x1b\\[[?0-9;]*[a-zA-Z]")

// sees waits for a text on the screen.
func (p *person) sees(want string) {
	p.t.Helper()
	screen := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		p.mu.Lock()
		screen = controls.ReplaceAllString(p.seen.String(), "")
		p.mu.Unlock()
		if strings.Contains(screen, want) {
			return
		}
	}
	p.t.Fatalf("%q is not on the screen:\n%s", want, screen)
}

func (p *person) types(keys string) {
	p.t.Helper()
	p.mu.Lock()
	p.seen.Reset()
	p.mu.Unlock()
	if _, err := p.keyboard.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// leaves waits for the end, and sees whether the terminal is as it was.
func (p *person) leaves(code int) {
	p.t.Helper()
	_ = p.run.Wait()
	if got := p.run.ProcessState.ExitCode(); got != code {
		p.t.Errorf("exit code %d, want %d", got, code)
	}
	after, err := unix.IoctlGetTermios(int(p.terminal.Fd()), unix.TCGETS)
	if err != nil || *after != p.before {
		p.t.Errorf("the terminal is left as %+v, it was %+v: %v", after, p.before, err)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		p.mu.Lock()
		left := bytes.Contains(p.seen.Bytes(), []byte(leaveScreen))
		p.mu.Unlock()
		if left {
			return
		}
	}
	p.t.Error("the other screen is not left")
}

var stepped = []string{"step", "--kernel", "6.12", "-e", "kprobe:vfs_read { @[comm] = count() }", "--event", `comm="dd" x2`}

// TestStepping goes forwards and backwards by keys of all kinds.
func TestStepping(t *testing.T) {
	p := stepping(t, stepped...)
	p.sees(` run 1 of 2  kprobe:vfs_read  comm="dd"`)
	p.types("n")
	p.sees("*r1   end of the stack")
	p.types("\x1b[C")
	p.sees("*r1   stack -16")
	p.types("\x1b[D")
	p.sees(" 1/")
	p.types("b")
	p.sees("returns null")
	p.types("e")
	p.sees(" run 2 of 2")
	p.types("m")
	p.sees("@[dd]: 1")
	p.types("mG")
	p.sees("the end of this run")
	p.types("?")
	p.sees("There is no verifier")
	p.types("\x1b")
	p.sees(" run 2 of 2")
	p.types("q")
	p.leaves(0)
}

// TestScreenIsLeft: whatever ends the view, the terminal is what it was.
func TestScreenIsLeft(t *testing.T) {
	for _, end := range []struct {
		name string
		by   func(*person)
		code int
	}{
		{"q", func(p *person) { p.types("q") }, 0},
		{"ESC", func(p *person) { p.types("\x1b") }, 0},
		{"Ctrl-C", func(p *person) { p.types("\x03") }, 0},
		{"SIGTERM", func(p *person) { _ = p.run.Process.Signal(syscall.SIGTERM) }, 128 + 15},
		{"SIGHUP", func(p *person) { _ = p.run.Process.Signal(syscall.SIGHUP) }, 128 + 1},
	} {
		t.Run(end.name, func(t *testing.T) {
			p := stepping(t, stepped...)
			p.sees("before the first instruction")
			end.by(p)
			p.leaves(end.code)
		})
	}
}

// TestResized: the next picture has the new size.
func TestResized(t *testing.T) {
	p := stepping(t, stepped...)
	p.sees("q quit")
	p.mu.Lock()
	p.seen.Reset()
	p.mu.Unlock()
	size := &unix.Winsize{Row: 12, Col: 50}
	if err := unix.IoctlSetWinsize(int(p.terminal.Fd()), unix.TIOCSWINSZ, size); err != nil {
		t.Fatal(err)
	}
	p.sees(" n p l b e m ? help q quit")
	p.types("q")
	p.leaves(0)
}

// TestSuspended: Ctrl-Z gives the terminal back, and it goes on where it was.
func TestSuspended(t *testing.T) {
	p := stepping(t, stepped...)
	p.sees("before the first instruction")
	p.types("n")
	p.sees("*r1")
	p.types("\x1a")
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(p.run.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("it is not stopped: %v, %v", status, err)
	}
	after, err := unix.IoctlGetTermios(int(p.terminal.Fd()), unix.TCGETS)
	if err != nil || *after != p.before {
		t.Errorf("the terminal is left as %+v: %v", after, err)
	}
	_ = p.run.Process.Signal(syscall.SIGCONT)
	p.types("n")
	p.sees("*r1   stack -16")
	p.types("q")
	p.leaves(0)
}

// TestKeySequences: what a terminal sends in pieces, or at once, is the same keys.
func TestKeySequences(t *testing.T) {
	for _, test := range []struct {
		chunks []string
		want   []string
	}{
		{[]string{"n"}, []string{"n"}},
		{[]string{"\x1b[C"}, []string{"right"}},
		{[]string{"\x1b", "[", "D"}, []string{"left"}},
		{[]string{"nn\x1bOAp"}, []string{"n", "n", "up", "p"}},
		{[]string{"\x1b[15~q"}, []string{"q"}},
		{[]string{"\x1b[1;5Cq"}, []string{"q"}},
		{[]string{"\x1bq"}, []string{"escape", "q"}},
		{[]string{"\x0c\r"}, []string{"enter"}},
		{[]string{"\x03\x1a\x7f"}, []string{"interrupt", "suspend", "backspace"}},
	} {
		var keys keyReader
		var got []string
		for _, chunk := range test.chunks {
			got = append(got, keys.add([]byte(chunk))...)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q", test.chunks, got)
		}
	}
}
