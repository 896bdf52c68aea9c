package attach

import (
	"fmt"
	"os"
	"strconv"
	"strings"

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

// OnlineCPUs reads a list such as "0-3,8".
func OnlineCPUs() ([]int, error) {
	text, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return nil, err
	}
	var cpus []int
	for part := range strings.SplitSeq(strings.TrimSpace(string(text)), ",") {
		first, last, isRange := strings.Cut(part, "-")
		low, err := strconv.Atoi(first)
		if err != nil {
			return nil, fmt.Errorf("list of CPUs %q: %w", text, err)
		}
		high := low
		if isRange {
			if high, err = strconv.Atoi(last); err != nil {
				return nil, fmt.Errorf("list of CPUs %q: %w", text, err)
			}
		}
		for cpu := low; cpu <= high; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}
