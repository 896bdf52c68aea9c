package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a pseudo-terminal with so many columns.
func openTerminal(t *testing.T, columns uint16) (person, terminal *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	testkit.Need(t, "a pseudo-terminal", err == nil)
	t.Cleanup(func() { person.Close() })
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	testkit.Need(t, "a pseudo-terminal", err == nil)
	t.Cleanup(func() { terminal.Close() })
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 25, Col: columns}); err != nil {
		t.Fatal(err)
	}
	return person, terminal
}

const shown = `BEGIN { @h = hist(5); @["a\x1b[31m", "` + sixty + `"] = count() } interval:s:1000 { }`

const sixty = "000000000011111111112222222222333333333344444444445555555555"

// onTerminal runs ponytrace with its streams on a terminal until it is attached, then
// interrupts it.
func onTerminal(t *testing.T, columns uint16, environment string, args ...string) string {
	t.Helper()
	person, terminal := openTerminal(t, columns)
	p := program(t, args...)
	p.Env = append(p.Env, "TERM=xterm", "NO_COLOR=", environment)
	p.Stdout, p.Stderr = terminal, terminal
	p.start()
	terminal.Close()
	var seen bytes.Buffer
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		chunk, interrupted := make([]byte, 4096), false
		for {
			n, err := person.Read(chunk)
			seen.Write(chunk[:n])
			if !interrupted && strings.Contains(seen.String(), "ttached") {
				interrupted = true
				_ = p.Process.Signal(syscall.SIGINT)
			}
			if err != nil {
				return // EIO: the other end is closed
			}
		}
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("it did not end within a minute")
	}
	p.end()
	return strings.ReplaceAll(seen.String(), "\r\n", "\n")
}

const fitted = `Attached 2 probes; Ctrl-C shows the result


@[a\x1b[31m, 0000000000…3344444444445555555555]: 1
@h:
[4, 8)                 1 |@@@@@@@@@@@@@@@@@@@@@@@|

`

var color = regexp.MustCompile("\x1b\\[[0-9]*m")

// A person who watches sees tables as wide as the terminal, in colours, and what Ctrl-C
// is for.
func TestOnATerminal(t *testing.T) {
	colored := onTerminal(t, 50, "A=B", "-e", shown)
	if plain := color.ReplaceAllString(colored, ""); plain != fitted {
		t.Errorf("got\n%s\nwant\n%s", plain, fitted)
	}
	if !strings.Contains(colored, "|\x1b[36m@@@") {
		t.Errorf("no colours: %q", colored)
	}
	for _, test := range []struct {
		environment string
		args        []string
	}{
		{"NO_COLOR=1", nil}, {"TERM=dumb", nil}, {"A=B", []string{"--color=never"}},
	} {
		if got := onTerminal(t, 50, test.environment, append(test.args, "-e", shown)...); got != fitted {
			t.Errorf("%s %v: %q", test.environment, test.args, got)
		}
	}
	if got := onTerminal(t, 50, "NO_COLOR=1", "--color=always", "-e", shown); got != colored {
		t.Errorf("--color=always: %q", got)
	}
	if got := onTerminal(t, 50, "A=B", "-q", "-f", "json", "-e", shown); strings.Contains(got, "\x1b") || !strings.Contains(got, sixty) {
		t.Errorf("JSON: %q", got)
	}
}

// Only where the script waits, and prints at the end, Ctrl-C shows a result.
func TestHint(t *testing.T) {
	for script, want := range map[string]bool{
		`interval:s:9 { @ = count() }`:                                         true,
		`interval:s:9 { } END { printf("over") }`:                              true,
		`interval:s:9 { printf("x") }`:                                         false,
		`config = { print_maps_on_exit = false } interval:s:9 { @ = count() }`: false,
		`BEGIN { @ = count(); exit() }`:                                        false,
		`BEGIN { @ = count() }`:                                                false,
	} {
		if got := onTerminal(t, 80, "A=B", "-e", script); strings.Contains(got, "Ctrl-C") != want {
			t.Errorf("%s: %q", script, got)
		}
	}
	if got := onTerminal(t, 80, "A=B", "-c", "sleep 9", "-e", `interval:s:9 { @ = count() }`); strings.Contains(got, "Ctrl-C") {
		t.Errorf("-c: %q", got)
	}
}

// In a pipe, or a file that -o names, there is nothing of it; colours are there for who
// asks.
func TestNoTerminal(t *testing.T) {
	plain := inPipe(t, "-e", shown)
	if strings.Contains(plain, "\x1b") || !strings.Contains(plain, sixty) || strings.Contains(plain, "Ctrl-C") {
		t.Errorf("%q", plain)
	}
	asked := inPipe(t, "--color=always", "-e", shown)
	if !strings.Contains(asked, "\x1b") || color.ReplaceAllString(asked, "") != plain {
		t.Errorf("%q", asked)
	}
	file := t.TempDir() + "/out"
	if got := onTerminal(t, 50, "A=B", "-o", file, "-e", shown); got != "Attached 2 probes\n" {
		t.Errorf("-o: %q", got)
	}
	if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), "\x1b") || !strings.Contains(string(text), sixty) {
		t.Errorf("-o: %q, %v", text, err)
	}
}

func inPipe(t *testing.T, args ...string) string {
	t.Helper()
	p := program(t, args...).start().awaitAttached()
	_ = p.Process.Signal(syscall.SIGINT)
	p.end()
	return p.notices() + p.out.String()
}

// A text that is longer than the screen goes through the pager of the person, and is
// printed where there is none.
func TestPager(t *testing.T) {
	t.Setenv("LESS", "")
	const title = "\x1b[1m1. What a probe is\x1b[0m\n"
	for pager, want := range map[string]string{
		"sed 's/^/| /'": "| " + title, "": title, "no-such-pager": title, "exit 3": "",
		"echo LESS is $LESS": "LESS is FRX\n", "kill -INT $$": "", "kill -INT $PPID; sleep 0.3; grep State: /proc/$PPID/status": "State:\tS",
	} {
		text := onTerminal(t, 80, "PAGER="+pager, "learn", "1")
		if !strings.Contains(text, want) || want == "" && text != "" {
			t.Errorf("PAGER=%s: it printed\n%.200q", pager, text)
		}
	}
	if text := onTerminal(t, 80, "PAGER=sed 's/^/| /'", "learn", "1", "--script"); strings.Contains(text, "|") {
		t.Errorf("a short text went through the pager: %q", text)
	}
}
