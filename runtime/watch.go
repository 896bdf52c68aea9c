package runtime

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"

	"golang.org/x/sys/unix"
)

// findTraced refuses, before anything runs, a command that cannot start and a process that is not there.
func (s *Session) findTraced() error {
	if len(s.options.Command) > 0 {
		name := s.options.Command[0]
		switch _, err := exec.LookPath(name); {
		case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
			return fmt.Errorf("the command of -c cannot start: there is no program %q", name)
		case err != nil:
			return fmt.Errorf("the command of -c cannot start: %q may not be executed", name)
		}
		return nil
	}
	for _, pid := range s.options.Pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			return fmt.Errorf("there is no process %d", pid)
		}
		s.processes = append(s.processes, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	return nil
}

// watch starts the command or finds the processes whose end is the session's; nil: neither was asked for.
func (s *Session) watch(stop <-chan struct{}) (<-chan struct{}, error) {
	switch {
	case len(s.options.Command) > 0:
		return s.startCommand()
	case len(s.options.Pids) > 0:
		s.traced.Store(int64(s.options.Pids[0]))
		return s.watchProcesses(stop), nil
	}
	return nil, nil
}

// watchProcesses waits for the end of processes that are not our children. Each is held by
// a descriptor since the beginning: one that ends while probes are attached has ended, and
// its number may be that of another by now.
func (s *Session) watchProcesses(stop <-chan struct{}) <-chan struct{} {
	finished := make(chan struct{})
	s.ticks.Go(func() {
		for len(s.processes) > 0 {
			_, _ = unix.Poll(s.processes, 200)
			s.processes = slices.DeleteFunc(s.processes, ended)
			select {
			case <-stop:
				return
			default:
			}
		}
		close(finished)
	})
	return finished
}

func ended(p unix.PollFd) bool {
	if p.Revents == 0 {
		return false
	}
	unix.Close(int(p.Fd))
	return true
}
