//go:build guest

package guest

import (
	"encoding/binary"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel's own event counters, which no BPF is behind, vouch for the workload.
func TestWorkloadMakesExactlyTheCallsItSays(t *testing.T) {
	for _, test := range []struct {
		event, filter string
		args          string
		want          int
	}{
		{"syscalls/sys_enter_getppid", "", "syscalls --n 100003 --threads 5", 100003},
		{"syscalls/sys_enter_dup", "", "syscalls --name dup --n 20000 --threads 2", 20000},
		{"syscalls/sys_enter_openat", `comm == "pony"`, "--comm pony syscalls --name openat --n 5000 --threads 3", 5000},
		{"syscalls/sys_enter_read", `comm == "pony"`, "--comm pony read --n 777 --size 100", 777},
		{"syscalls/sys_enter_read", `comm == "pony" && count == 100`, "--comm pony read --n 777 --size 100", 777},
		{"block/block_rq_issue", `bytes == 65536`, "block --dev /dev/nullb0 --sizes 65536x50,4096x9", 50},
	} {
		c := open(t, test.event, test.filter)
		Workload(t, strings.Fields(test.args)...)
		if got := c.count(t); got != test.want {
			t.Errorf("%s %s: %d times %s, want %d", test.args, test.filter, got, test.event, test.want)
		}
	}
}

// counters has one for each CPU.
type counters []int

func open(t *testing.T, event, filter string) (all counters) {
	t.Helper()
	tracefs := t.TempDir()
	if err := unix.Mount("tracefs", tracefs, "tracefs", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(tracefs, 0)
	id, err := os.ReadFile(tracefs + "/events/" + event + "/id")
	if err != nil {
		t.Fatal(err)
	}
	config, _ := strconv.Atoi(strings.TrimSpace(string(id)))
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: uint64(config)}
	for cpu := range runtime.NumCPU() {
		fd, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		if filter != "" {
			if err := unix.IoctlSetString(fd, unix.PERF_EVENT_IOC_SET_FILTER, filter); err != nil {
				t.Fatal(filter, err)
			}
		}
		all = append(all, fd)
	}
	return all
}

func (c counters) count(t *testing.T) (sum int) {
	t.Helper()
	for _, fd := range c {
		var value [8]byte
		if _, err := unix.Read(fd, value[:]); err != nil {
			t.Fatal(err)
		}
		sum += int(binary.NativeEndian.Uint64(value[:]))
		unix.Close(fd)
	}
	return sum
}
