package attach

import (
	"github.com/ponytrace/ponytrace/compiler/object"
	"golang.org/x/sys/unix"
)

// attachProfile opens a clock on every CPU that is online.
func attachProfile(r request, at object.ClockPoint) ([]Link, error) {
	return attachCPUs(r, unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK,
		Sample: uint64(at.Period.Nanoseconds()),
	})
}
