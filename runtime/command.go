package runtime

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"github.com/ponytrace/ponytrace/compiler/object"
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

// startCommand starts the command of -c. Everything is attached by now, so that none of
// its events is missed.
func (s *Session) startCommand() (<-chan struct{}, error) {
	command := exec.Command(s.options.Command[0], s.options.Command[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	tryPidfd()
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // the signal comes when the thread ends that has started the command
		defer runtime.UnlockOSThread()
		setRuntimeConst(s.object, s.store, object.Starting, uint64(unix.Gettid()))
		err := command.Start()
		setRuntimeConst(s.object, s.store, object.Starting, 0)
		started <- err
		if err == nil {
			_ = command.Wait()
			close(ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting the command of -c: %w", err)
	}
	s.traced.Store(int64(command.Process.Pid))
	s.child.Store(&child{command.Process.Pid, ended})
	return ended, nil
}

// tryPidfd has package os find out about pidfds, for which it starts a process of its own
// once: that must not be taken for the command.
func tryPidfd() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Release()
	}
}

// endCommand ends the command of -c, unless it has ended by itself.
func (s *Session) endCommand() {
	command := s.child.Load()
	if command == nil || command.over() {
		return
	}
	group := familyOf(command.pid)
	defer group.release()
	group.signal(unix.SIGTERM)
	group.signal(unix.SIGCONT)
	if group.await(commandPatience) {
		return
	}
	group.stop()
	group.signal(unix.SIGKILL)
	if !group.await(commandPatience) {
		s.notices.warn("the command of -c does not end, because the kernel is busy with it")
	}
}

// killCommand is for when nobody waits for anything any more.
func (s *Session) killCommand() {
	if command := s.child.Load(); command != nil && !command.over() {
		familyOf(command.pid).signal(unix.SIGKILL)
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
