package runtime

import (
	"os/exec"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxOutput bounds what is kept of a command's output for a record.
	maxOutput = 1 << 20
	// outputDelay is how long after its end we wait for what a command has left running
	// to close its output.
	outputDelay = time.Second
	// commandPatience is for how long an interrupted session still runs commands that
	// were asked for before.
	commandPatience = time.Second
)

// shell runs the commands of system(), one at a time.
type shell struct {
	group    atomic.Int64 // the process group of the command that runs, or 0
	deadline atomic.Int64 // when no command is started any more, in Unix nanoseconds; 0 for never
	skipped  int          // commands that the deadline kept from running
}

// late reports whether it is too late for another command, and counts it.
func (s *shell) late() bool {
	end := s.deadline.Load()
	if end == 0 || time.Now().UnixNano() <= end {
		return false
	}
	s.skipped++
	return true
}

// run gives the command a process group of its own, so that a signal reaches all that the
// shell has started, and that of a terminal reaches the command through us only. How it
// ends is the script's business.
func (s *shell) run(command *exec.Cmd) error {
	command.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return err
	}
	s.group.Store(int64(command.Process.Pid))
	_ = command.Wait()
	s.group.Store(0)
	return nil
}

// signal sends a signal to the command of system() that runs.
func (s *shell) signal(signal unix.Signal) {
	if group := s.group.Load(); group != 0 {
		_ = unix.Kill(-int(group), signal)
	}
}

// endSoon interrupts the command that runs, and kills what runs when its time is over.
func (s *shell) endSoon() {
	s.deadline.Store(time.Now().Add(commandPatience).UnixNano())
	s.signal(unix.SIGINT)
	time.AfterFunc(commandPatience, func() {
		if s.deadline.Load() != 0 {
			s.signal(unix.SIGKILL)
		}
	})
}

// relax lets commands run again: those of END are not too late.
func (s *shell) relax() { s.deadline.Store(0) }

// running reports whether a command runs.
func (s *shell) running() bool { return s.group.Load() != 0 }

// limited keeps the first bytes that are written to it.
type limited struct {
	text []byte
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	n := min(len(b), l.left)
	l.text = append(l.text, b[:n]...)
	l.left -= n
	return len(b), nil
}
