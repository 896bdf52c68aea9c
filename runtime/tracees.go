package runtime

import (
	"errors"
	"sync"
	"sync/atomic"
)

// tracees are the command of -c or the processes of -p, whose end is the session's. There
// need be neither.
type tracees struct {
	command   *command
	pids      []int
	processes processes
	first     atomic.Int64 // the number of the command or of the first process, 0 before
}

// find refuses a command that cannot start, and processes that are not there.
func (t *tracees) find() error { return errors.Join(t.command.find(), t.processes.open(t.pids)) }

// start starts the command, or watches the processes. What it returns is closed when they
// have ended; nil: neither was asked for.
func (t *tracees) start(ticks *sync.WaitGroup, stop <-chan struct{}) (<-chan struct{}, error) {
	switch {
	case len(t.command.arguments) > 0:
		child, err := t.command.start()
		if err != nil {
			return nil, err
		}
		t.first.Store(int64(child.pid))
		return child.ended, nil
	case len(t.pids) > 0:
		t.first.Store(int64(t.pids[0]))
		return t.processes.watch(ticks, stop), nil
	}
	return nil, nil
}

// known are the numbers of the processes, or of the command once it has started.
func (t *tracees) known() []int {
	if first := t.first.Load(); len(t.pids) == 0 && first > 0 {
		return []int{int(first)}
	}
	return t.pids
}

// end ends the command; the processes go on.
func (t *tracees) end() { t.command.end() }

func (t *tracees) close() {
	t.processes.close()
	t.command.close()
}
