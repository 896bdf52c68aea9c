package runtime

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ponytrace/ponytrace/runtime/detect"
	"golang.org/x/sys/unix"
)

// # The command of -c
//
// The command belongs to the tracing: when that has ended, by exit(), a signal or an
// error, it is asked to end (SIGTERM), with all that it has started and that still
// descends from it. What is left a second later is killed. A daemon that it detached from
// itself stays, and so does everything when the command ended first: that was then its
// own decision.
//
// When ponytrace dies without being able to do anything (SIGKILL, out of memory), the
// kernel kills the command (PR_SET_PDEATHSIG), but nothing that it has started. The
// kernel also forgets about it when the command changes its user, as sudo does.
//
// The command stays in ponytrace's process group, so that it reads from the terminal and
// gets its Ctrl-C. Rejected: a process group of its own, which could be signalled at
// once: in the background of a terminal it may not read, and in the foreground ponytrace
// would not get the Ctrl-C.

// child is the command that runs.
type child struct {
	pid   int
	ended chan struct{}
}

// command is that of -c.
type command struct {
	arguments []string
	notices   *notices
	starting  func(thread uint64) // tells programs which thread starts it; 0 when it is started
	mapped    func(pid int)       // has it held (held.go); nil where it need not be
	child     atomic.Pointer[child]
	once      sync.Once
	closed    sync.Once
	thread    chan func() // what it gets is run by the thread that starts the command
}

// find refuses a command that cannot start.
func (c *command) find() error {
	if len(c.arguments) == 0 {
		return nil
	}
	name := c.arguments[0]
	switch _, err := exec.LookPath(name); {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("the command of -c cannot start: there is no program %q", name)
	case err != nil:
		return fmt.Errorf("the command of -c cannot start: %q may not be executed", name)
	}
	return nil
}

// start starts the command. Everything is attached by now, so that none of
// its events is missed.
func (c *command) start() (*child, error) {
	tryPidfd()
	started, begun := &child{ended: make(chan struct{})}, make(chan error)
	c.onThread(func() {
		command, holding, err := c.run()
		if err == nil {
			started.pid = command.Process.Pid
		}
		begun <- err
		if holding {
			(&held{pid: started.pid, mapped: c.mapped}).untilEntry()
		}
		if err == nil {
			_ = command.Wait()
			close(started.ended)
		}
	})
	if err := <-begun; err != nil {
		return nil, fmt.Errorf("starting the command of -c: %w", err)
	}
	c.child.Store(started)
	return started, nil
}

// run starts the command, held where it should be and can.
func (c *command) run() (started *exec.Cmd, holding bool, err error) {
	c.starting(uint64(unix.Gettid()))
	defer c.starting(0)
	if c.mapped != nil && detect.Capable(unix.CAP_SYS_PTRACE) {
		if started = c.prepared(true); started.Start() == nil {
			return started, true, nil
		}
	}
	started = c.prepared(false)
	return started, false, started.Start()
}

func (c *command) prepared(holding bool) *exec.Cmd {
	command := exec.Command(c.arguments[0], c.arguments[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL, Ptrace: holding}
	return command
}

// onThread has the thread that starts the command run something. There is one for the
// session: its end would bring the command the signal of PR_SET_PDEATHSIG, and what perf
// watches in the command is inherited from it.
func (c *command) onThread(run func()) {
	c.once.Do(func() {
		c.thread = make(chan func())
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for run := range c.thread {
				run()
			}
		}()
	})
	c.thread <- run
}

// close ends that thread when it has nothing to do any more.
func (c *command) close() {
	c.once.Do(func() { c.thread = make(chan func()) })
	c.closed.Do(func() { close(c.thread) })
}

// starter is the number of that thread.
func (c *command) starter() int {
	number := make(chan int)
	c.onThread(func() { number <- unix.Gettid() })
	return <-number
}

// tryPidfd has package os find out about pidfds, for which it starts a process of its own
// once: that must not be taken for the command.
func tryPidfd() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Release()
	}
}

// end ends the command of -c, unless it has ended by itself.
func (c *command) end() {
	child := c.child.Load()
	if child == nil || child.over() {
		return
	}
	group := familyOf(child.pid)
	defer group.release()
	group.signal(unix.SIGTERM)
	group.signal(unix.SIGCONT)
	if group.await(commandPatience) {
		return
	}
	group.stop()
	group.signal(unix.SIGKILL)
	if !group.await(commandPatience) {
		c.notices.warn("the command of -c does not end, because the kernel is busy with it")
	}
}

// kill is for when nobody waits for anything any more.
func (c *command) kill() {
	if child := c.child.Load(); child != nil && !child.over() {
		familyOf(child.pid).signal(unix.SIGKILL)
	}
}

func (c *child) over() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}
