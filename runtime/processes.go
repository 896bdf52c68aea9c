package runtime

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// processes are those of -p that have not ended. Each is held by a descriptor since the
// beginning: one that ends while probes are attached has ended, and its number may be
// that of another by now.
type processes []unix.PollFd

// open holds processes. It refuses one that is not there.
func (p *processes) open(pids []int) error {
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		switch {
		case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
			return fmt.Errorf("process %d cannot be held: "+
				"too many open files; raise the limit with ulimit -n", pid)
		case err != nil:
			return fmt.Errorf("there is no process %d", pid)
		}
		*p = append(*p, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	return nil
}

// watch waits for the end of all of them, which are not our children.
func (p *processes) watch(ticks *sync.WaitGroup, stop <-chan struct{}) <-chan struct{} {
	finished := make(chan struct{})
	ticks.Go(func() {
		for len(*p) > 0 {
			_, _ = unix.Poll(*p, 200)
			*p = slices.DeleteFunc(*p, ended)
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

func (p *processes) close() {
	for _, held := range *p {
		unix.Close(int(held.Fd))
	}
	*p = nil
}
