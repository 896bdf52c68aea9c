//go:build guest

package guest

import (
	"os"
	"syscall"
	"testing"
)

// Whoever ends the session, and however often, what was collected is printed.
func TestSignalsPrintMaps(t *testing.T) {
	for _, signals := range [][]os.Signal{
		{os.Interrupt},
		{syscall.SIGTERM, syscall.SIGTERM}, // as timeout(1) does
		{syscall.SIGHUP, os.Interrupt, syscall.SIGTERM},
	} {
		p := tracing(t, `kprobe:__x64_sys_getpgid { @ = count(); } END { printf("end\n"); }`)
		Workload(t, "syscalls", "--name", "getpgid", "--n", "100")
		for _, signal := range signals {
			_ = p.cmd.Process.Signal(signal) // it may have ended
		}
		out := p.Wait()
		equal(t, signals[0].String(), withoutLoad(out).Stdout, "end\n@: 100")
		if out.Code != 0 {
			t.Errorf("%v: ended with %d", signals, out.Code)
		}
	}
}
