package runtime

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newInterruption(maps func()) (*interruption, chan os.Signal) {
	signals := make(chan os.Signal)
	return &interruption{
		signals: signals, notices: &notices{to: new(bytes.Buffer)}, shell: &shell{}, command: &command{}, maps: maps,
		ended: make(chan struct{}),
	}, signals
}

// SIGUSR1 asks for the maps, and every other signal for the end.
func TestSignalsAsk(t *testing.T) {
	asked := 0
	i, signals := newInterruption(func() { asked++ })
	ignore := i.listen()
	signals <- unix.SIGUSR1
	signals <- unix.SIGUSR1
	if i.asked() {
		t.Error("SIGUSR1 ends the session")
	}
	signals <- unix.SIGHUP
	ignore()
	if asked != 2 || !i.asked() {
		t.Errorf("the maps were asked for %d times, the end: %v", asked, i.asked())
	}
	i.ask() // the end was asked for already
}

// A command of system() that is asked for too late does not run, and is counted.
func TestLateCommands(t *testing.T) {
	s := &shell{}
	if s.late() {
		t.Error("it is late before the end was asked for")
	}
	s.deadline.Store(time.Now().Add(-time.Second).UnixNano())
	for range 2 {
		if !s.late() {
			t.Error("it is not late")
		}
	}
	if s.skipped != 2 {
		t.Errorf("%d commands were skipped, want 2", s.skipped)
	}
	if s.relax(); s.late() {
		t.Error("it is late after the results were printed")
	}
}

// A signal reaches the command and what it has started.
func TestShellSignals(t *testing.T) {
	s := &shell{}
	ended := make(chan error)
	go func() { ended <- s.run(exec.Command("/bin/sh", "-c", "sleep 100 & wait")) }()
	for !s.running() {
		time.Sleep(time.Millisecond)
	}
	s.signal(unix.SIGKILL)
	if err := <-ended; err != nil || s.running() {
		t.Error(err, s.running())
	}
}

func TestCommandIsFound(t *testing.T) {
	for argument, want := range map[string]string{
		"": "", "true": "", "no-such-program": `there is no program "no-such-program"`, "/etc/passwd": "may not be executed",
	} {
		c := &command{arguments: strings.Fields(argument)}
		if err := c.find(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", argument, err, want)
		}
	}
}

// The thread that starts the command is told while it does, and no longer.
func TestStartingThread(t *testing.T) {
	var threads []uint64
	c := &command{arguments: []string{"true"}, starting: func(thread uint64) { threads = append(threads, thread) }}
	child, err := c.start()
	if err != nil {
		t.Fatal(err)
	}
	<-child.ended
	if len(threads) != 2 || threads[0] == 0 || threads[1] != 0 {
		t.Errorf("the threads are %d", threads)
	}
	c.end() // it has ended
}

// The end is that of the last process.
func TestProcessesEnd(t *testing.T) {
	first, last := exec.Command("sleep", "100"), exec.Command("sleep", "100")
	var p processes
	defer p.close()
	for _, c := range []*exec.Cmd{first, last} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
		if err := p.open([]int{c.Process.Pid}); err != nil {
			t.Fatal(err)
		}
	}
	var ticks sync.WaitGroup
	finished := p.watch(&ticks, make(chan struct{}))
	_ = first.Process.Kill()
	select {
	case <-finished:
		t.Fatal("the first end is taken for the last")
	case <-time.After(50 * time.Millisecond):
	}
	_ = last.Process.Kill()
	<-finished
	if err := p.open([]int{1 << 22}); err == nil || err.Error() != "there is no process 4194304" {
		t.Error(err)
	}
}
