package runtime

import (
	"fmt"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"golang.org/x/sys/unix"
)

// detach ends the tracing. Where programs test DataStopped, that word ends it, and their links are closed while
// the results are printed: the kernel closes the link of a perf event in up to 75 ms, one after the other.
func (s *Session) detach() *attach.Closing {
	if s.object.Stops {
		s.store.Set(object.DataStopped, 1)
		awaitPrograms()
		return attach.Close(s.detachable())
	}
	closing := attach.Close(s.detachable())
	<-closing.Done
	return closing
}

// membarrierGlobal is MEMBARRIER_CMD_GLOBAL of include/uapi/linux/membarrier.h.
const membarrierGlobal = 1

// awaitPrograms waits until no program runs any more that has read DataStopped before it was set. The system call waits
// for a grace period of RCU, and programs are readers. It fails where CPUs run without ticks (nohz_full).
// https://elixir.bootlin.com/linux/v6.12/source/kernel/sched/membarrier.c (MEMBARRIER_CMD_GLOBAL)
func awaitPrograms() {
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, membarrierGlobal, 0, 0); errno != 0 {
		time.Sleep(10 * time.Millisecond)
	}
}

// detachPatience is after how long the user is told what keeps ponytrace from ending.
const detachPatience = time.Second

func (s *Session) awaitDetached(closing *attach.Closing) {
	select {
	case <-closing.Done:
		return
	case <-time.After(detachPatience):
	}
	s.notice(fmt.Sprintf("All results are printed; waiting for the kernel to detach %d probes", closing.Left()))
	<-closing.Done
}
