package runtime

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/cpus"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// withClock is an object with a clock on each CPU.
func withClock() *object.Object {
	clock := object.Point{Mechanism: object.Profile, At: object.ClockPoint{Period: time.Second}}
	return &object.Object{Programs: []*object.ProgramSpec{{Points: []object.Point{clock}}}}
}

// Of what the kernel announces, that a CPU came online is kept; nothing else is, and
// nothing is for a script without such probes.
func TestLaterCPUs(t *testing.T) {
	const announce = "/sys/devices/system/cpu/cpu0/uevent"
	testkit.Need(t, "root", os.Geteuid() == 0)
	var none, later laterCPUs
	none.await(&object.Object{})
	later.await(withClock())
	defer later.close()
	if later.socket < 0 {
		t.Fatal("the kernel announces nothing")
	}
	for _, action := range []string{"change", "online", "offline"} {
		if err := os.WriteFile(announce, []byte(action), 0); err != nil {
			t.Fatal(err)
		}
	}
	if loss, any := none.loss(); any {
		t.Errorf("%+v without such a probe", loss)
	}
	want := report.Loss{Kind: report.LostCPUs, Count: 1, Text: "CPU 0 came online later, and probes " +
		"that have an event on each CPU did not fire there: start ponytrace again"}
	if loss, any := later.loss(); !any || loss != want {
		t.Errorf("%+v, want %+v", loss, want)
	}
	if loss, any := later.loss(); any {
		t.Errorf("%+v again", loss)
	}
}

// Without announcements, CPUs are found that were offline at first.
func TestLaterCPUsByTheirList(t *testing.T) {
	now, err := cpus.Online()
	if err != nil {
		t.Fatal(err)
	}
	last := len(now) - 1
	for before, want := range map[int][]int{last + 1: nil, last: now[last:], 0: now} {
		later := laterCPUs{before: now[:before], socket: -1}
		if got := later.found(); !slices.Equal(got, want) {
			t.Errorf("%v after %v, want %v", got, later.before, want)
		}
	}
}

func TestCPUOf(t *testing.T) {
	for message, want := range map[string]int{
		"online@/devices/system/cpu/cpu31\x00ACTION=online\x00": 31, "online@/devices/system/cpu/cpu0": 0,
		"offline@/devices/system/cpu/cpu3\x00": -1, "online@/devices/system/memory/memory3\x00": -1,
		"online@/devices/system/cpu/cpu\x00": -1, "online@/devices/system/cpu/cpu-3\x00": -1, "": -1,
		"online@/devices/system/cpu/cpu3x\x00online@/devices/system/cpu/cpu3": -1,
	} {
		if cpu, is := cpuOf([]byte(message)); is != (want >= 0) || is && cpu != want {
			t.Errorf("%q: %d, %v", message, cpu, is)
		}
	}
}
