package runtime

import (
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// The end of a session is that of the command, else of the processes, if there are any.
func TestTracees(t *testing.T) {
	var ticks sync.WaitGroup
	stop := make(chan struct{})
	none := &tracees{command: &command{}}
	finished, err := none.start(&ticks, stop)
	if finished != nil || err != nil || none.first.Load() != 0 {
		t.Errorf("nobody is traced: %v, %v", finished, err)
	}
	run := &tracees{command: &command{arguments: []string{"true"}, starting: func(uint64) {}}}
	finished, err = run.start(&ticks, stop)
	if err != nil || run.first.Load() != int64(run.command.child.Load().pid) {
		t.Fatal(run.first.Load(), err)
	}
	<-finished
	attached := &tracees{command: &command{}, pids: []int{os.Getpid(), os.Getppid()}}
	defer attached.close()
	if err := attached.find(); err != nil || len(attached.processes) != 2 {
		t.Fatal(attached.processes, err)
	}
	_, err = attached.start(&ticks, stop)
	if first := attached.first.Load(); err != nil || first != int64(os.Getpid()) {
		t.Error(first, err)
	}
	close(stop)
	ticks.Wait()
	gone := &tracees{command: &command{arguments: []string{"no-such-program"}}, pids: []int{1 << 22}}
	want := "the command of -c cannot start: there is no program \"no-such-program\"\n" +
		"there is no process 4194304"
	if err := gone.find(); err == nil || err.Error() != want {
		t.Error(err)
	}
}

// That a process cannot be held for want of descriptors is not that it is not there.
func TestProcessesWithoutDescriptors(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	few := before
	few.Cur = 1
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	var p processes
	err := p.open([]int{os.Getpid()})
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	const want = "cannot be held: too many open files; raise the limit with ulimit -n"
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}
