package main

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// untilReady ends with 7 when the script of the command calls "ready", which runs a
// program that READY stands for. It has another name in each test: they see each other's
// processes.
const untilReady = `tracepoint:sched:sched_process_exec /comm == "READY"/ { exit(7) }`

const ready = `ready() { ln -s /bin/true READY; while [ $(wc -l <$pids) -lt $1 ]; do sleep 0.01; done; ./READY; }
`

var readies atomic.Int32

// commanded runs a shell script as the command of -c. Processes whose numbers the script
// writes to the file $pids are returned by the function, as soon as there are n of them;
// they end with the test.
func commanded(t *testing.T, trace, script string, n int) (*traced, func() []int) {
	t.Helper()
	folder := t.TempDir()
	pids := filepath.Join(folder, "pids")
	name := filepath.Join(folder, "script")
	own := strings.NewReplacer("READY", fmt.Sprintf("r%d.%d", os.Getpid(), readies.Add(1)))
	if err := os.WriteFile(name, []byte("pids="+pids+"\ncd "+folder+"\n"+own.Replace(ready)+script), 0o600); err != nil {
		t.Fatal(err)
	}
	p := program(t, "-q", "-e", own.Replace(trace), "-c", "sh "+name).start()
	started := func() []int {
		t.Helper()
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			text, _ := os.ReadFile(pids)
			if bytes.Count(text, []byte("\n")) == n {
				return numbers(t, string(text))
			}
		}
		t.Fatal("the command did not start what it was to start")
		return nil
	}
	return p, started
}

func numbers(t *testing.T, text string) (list []int) {
	for field := range strings.FieldsSeq(text) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, pid)
		t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	}
	return list
}

// lives reports whether a process is there and no zombie.
func lives(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(text[bytes.LastIndexByte(text, ')'):], []byte(") Z"))
}

func (p *traced) leftNothing(pids []int) {
	p.t.Helper()
	for _, pid := range pids {
		if lives(pid) {
			p.t.Errorf("process %d runs on", pid)
		}
	}
}

// Scripts of commands, and of how many processes each tells.
var commandScripts = map[string]int{
	`echo $$ >>$pids; ready 1; exec sleep 633`: 1,
	`sh -c 'echo $$ >>'$pids'; sleep 633; true' & sleep 634 & echo $! >>$pids; echo $$ >>$pids; ready 3; wait`:  3,
	`trap '' TERM INT HUP; (sleep 633; true) & echo $! >>$pids; echo $$ >>$pids; ready 2; sleep 634; sleep 635`: 2, // listens to nothing
}

// The command, and what it has started, end with the tracing.
func TestCommandEndsWithTheTracing(t *testing.T) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // nohup's programs ignore it
	for script, n := range commandScripts {
		for _, signal := range []syscall.Signal{0, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			t.Run(fmt.Sprintf("%v of %d", signal, n), func(t *testing.T) {
				t.Parallel() // what listens to nothing takes a second to be killed
				commandEnds(t, script, n, signal)
			})
		}
	}
}

func commandEnds(t *testing.T, script string, n int, signal syscall.Signal) {
	trace, want := "interval:s:1000 { exit() }", 0
	if signal == 0 {
		trace, want = untilReady, 7
	}
	p, started := commanded(t, trace, script, n)
	pids := started()
	_ = p.Process.Signal(signal)
	if code := p.end(); code != want {
		t.Errorf("exit code %d: %s", code, p.notices())
	}
	p.leftNothing(pids)
}

// When ponytrace is killed, the kernel kills the command.
func TestCommandEndsWithPonytrace(t *testing.T) {
	p, started := commanded(t, "interval:s:1000 { exit() }", "trap '' TERM; echo $$ >>$pids; exec sleep 633", 1)
	pid := started()[0]
	_ = p.Process.Kill()
	p.end()
	for end := time.Now().Add(time.Minute); lives(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the command runs on")
		}
	}
}

// What the command has detached from itself stays, and so does everything if the command
// ended first.
func TestDaemonsStay(t *testing.T) {
	for _, script := range []string{
		`(sleep 633 >/dev/null 2>&1 & echo $! >>$pids); ready 1; sleep 634`,
		`sleep 633 >/dev/null 2>&1 & echo $! >>$pids`,
	} {
		p, started := commanded(t, untilReady, script, 1)
		pid := started()[0]
		p.end()
		if !lives(pid) {
			t.Errorf("%s: the daemon was ended", script)
		}
	}
}

// TestCommandWords: a command is found by the name that it has.
func TestCommandWords(t *testing.T) {
	for i, c := range commands() {
		if c.name != commandWords[i] {
			t.Errorf("%q is found as %q", c.name, commandWords[i])
		}
	}
}
