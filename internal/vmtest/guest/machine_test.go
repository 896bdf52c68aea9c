//go:build guest

package guest

import (
	"os"
	"testing"
)

func TestKernelHasBTF(t *testing.T) {
	info, err := os.Stat("/sys/kernel/btf/vmlinux")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() < 1<<20 {
		t.Errorf("only %d bytes", info.Size())
	}
}

func TestTracefsIsNotMounted(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/tracing/events"); err == nil {
		t.Error("it is, so nothing tests that ponytrace works without")
	}
}

// The disks must do what the workload says and no more, or no test of block I/O could be
// exact.
func TestDisksCountWhatTheWorkloadDid(t *testing.T) {
	for _, test := range []struct {
		disk  string
		sizes string
		read  bool
		want  DiskStat
	}{
		{"nullb0", "512x3,4096x100,32768x20,65536x7", false, DiskStat{0, 0, 130, 1525248}},
		{"nullb0", "4096x100", true, DiskStat{100, 409600, 0, 0}},
		{"vda", "4096x100,131072x7", false, DiskStat{0, 0, 107, 1327104}},
		{"vda", "131072x7,1015808x3", true, DiskStat{10, 3964928, 0, 0}},
	} {
		before := Disk(t, test.disk)
		args := []string{"block", "--dev", "/dev/" + test.disk, "--sizes", test.sizes}
		if test.read {
			args = append(args, "--read")
		}
		Workload(t, args...)
		if got := Disk(t, test.disk).Since(before); got != test.want {
			t.Errorf("%s %s: the disk counted %+v, want %+v", test.disk, test.sizes, got, test.want)
		}
	}
}
