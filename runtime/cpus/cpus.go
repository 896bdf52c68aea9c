// Package cpus lists the CPUs on which events of perf are opened. The kernel writes them
// as ranges, such as "0-3,8": with hot-plugged CPUs there are gaps, so that their number
// alone does not tell which they are.
//
// A list in another form is refused as a whole. A CPU that stood there twice would have
// two events, and count twice; and a range without bound would take all memory. In
// containers, programs such as lxcfs write the file.
//
// Source: https://docs.kernel.org/admin-guide/cputopology.html
package cpus

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

const (
	online = "/sys/devices/system/cpu/online"
	// most is above what Linux can be built for (NR_CPUS is at most 8192).
	most = 1 << 16
)

// ErrNoList means that it is not known which CPUs are online.
var ErrNoList = errors.New("the list of CPUs cannot be read: is sysfs mounted at /sys?")

// Online lists the CPUs that are online, in ascending order.
func Online() ([]int, error) { return onlineIn(online) }

func onlineIn(file string) ([]int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, ErrNoList
	}
	return parse(strings.TrimSpace(string(text)))
}

// parse takes ascending ranges that do not touch what is before them.
func parse(text string) (list []int, err error) {
	next := uint64(0)
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		low, lowErr := strconv.ParseUint(first, 10, 64)
		high, highErr := strconv.ParseUint(last, 10, 64)
		if lowErr != nil || highErr != nil || low < next || high < low || high >= most {
			return nil, fmt.Errorf("the kernel's list of CPUs makes no sense: %.100q", text)
		}
		for cpu := low; cpu <= high; cpu++ {
			list = append(list, int(cpu))
		}
		next = high + 1
	}
	return list, nil
}
