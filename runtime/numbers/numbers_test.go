package numbers

import (
	"math"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		Error(0): "Success", Error(2): "No such file or directory", Error(-22): "Invalid argument", Error(41): "Unknown error 41",
		Error(1 << 40): "Unknown error 1099511627776",
		Signal(0):      "N/A", Signal(2): "SIGINT", Signal(29): "SIGIO", Signal(33): "SIG33",
		Signal(34): "SIGRTMIN+0", Signal(64): "SIGRTMIN+30", Signal(65): "N/A", Signal(-1): "N/A",
		Syscall(unix.SYS_OPENAT): "openat", Syscall(unix.SYS_READ): "read", Syscall(unix.SYS_PIDFD_OPEN): "pidfd_open",
		Syscall(-1): "Unknown syscall", Syscall(math.MaxInt64): "Unknown syscall",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	Error(math.MinInt64)
}

// The names are Linux's, wherever this package runs.
func TestSignalNames(t *testing.T) {
	for number := int64(1); number < firstRealTime-2; number++ {
		if got, want := Signal(number), unix.SignalName(syscall.Signal(number)); got != want {
			t.Errorf("signal %d is %s, want %s", number, got, want)
		}
	}
}
