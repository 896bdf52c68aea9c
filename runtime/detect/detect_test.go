package detect

import (
	"os"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"golang.org/x/sys/unix"
)

func BenchmarkDetect(b *testing.B) {
	for b.Loop() {
		if _, err := Detect(); err != nil {
			b.Fatal(err)
		}
	}
}

func TestLive(t *testing.T) {
	live, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(live.Arch, live.Release, live.CPUs, "CPUs:", live.Features)
	if live.CPUs < 1 || live.PageSize < 4096 {
		t.Errorf("%d CPUs, pages of %d bytes", live.CPUs, live.PageSize)
	}
	if names, err := live.MatchFunctions("vfs_rea[d]"); err != nil || len(names) != 1 {
		t.Errorf("vfs_read is not in the list: %v, %v", names, err)
	}
	if !live.HasTypes() {
		testkit.Lack(t, "CONFIG_DEBUG_INFO_BTF")
	}
	f, ok := live.Function("vfs_read")
	if !ok || len(f.Params) != 4 || f.Params[0].Type.String() != "struct file *" {
		t.Errorf("vfs_read: %+v, %v", f, ok)
	}
}

// A live Target answers about programs as a frozen one does.
func TestLiveProgram(t *testing.T) {
	live := must(t)
	program, err := live.Binary("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	found, err := program.Functions("github.com/ponytrace/ponytrace/runtime/detect.TestLiveProgram")
	if err != nil || len(found) != 1 || found[0].Offset == 0 {
		t.Errorf("%+v, %v", found, err)
	}
	if again, err := live.Binary("/proc/self/exe"); again != program || err != nil {
		t.Errorf("it was opened again: %v", err)
	}
	if none, err := live.Binary("/dev/null"); none != nil || err == nil {
		t.Errorf("/dev/null is the program %v", none)
	}
}

func TestTracefsWithoutMount(t *testing.T) {
	if Privilege(must(t)) != nil {
		testkit.Lack(t, "CAP_SYS_ADMIN")
	}
	live := must(t)
	point, err := live.Tracepoint("sched", "sched_switch")
	if err != nil {
		t.Fatal(err)
	}
	if point.ID == 0 || len(point.Fields()) < 7 {
		t.Errorf("%+v", point)
	}
	if _, err := live.Tracepoint("sched", "../sched_switch"); err == nil {
		t.Error("a name that leads out of its folder was taken")
	}
}

func must(t *testing.T) *target.Target {
	live, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	return live
}

func TestLacking(t *testing.T) {
	set := func(capabilities ...int) (s capabilitySet) {
		for _, c := range capabilities {
			s |= 1 << c
		}
		return s
	}
	fine, coarse := target.ByVersion("x86_64", target.Version{Major: 6, Minor: 1}), target.ByVersion("x86_64", target.Version{Major: 5, Minor: 4})
	for _, test := range []struct {
		has  capabilitySet
		on   target.Features
		want string
	}{
		{set(unix.CAP_SYS_ADMIN), fine, ""},
		{set(unix.CAP_BPF, unix.CAP_PERFMON), fine, ""},
		{set(unix.CAP_BPF), fine, "tracing needs CAP_PERFMON, which this process does not have: run as root (sudo)"},
		{set(), fine, "tracing needs CAP_BPF and CAP_PERFMON, which this process does not have: run as root (sudo)"},
		{set(unix.CAP_BPF, unix.CAP_PERFMON), coarse, "tracing needs CAP_SYS_ADMIN, which this process does not have: run as root (sudo)"},
	} {
		got := ""
		if missing := test.has.lacking(test.on); missing != nil {
			got = (&MissingPrivilege{Capabilities: missing}).Error()
		}
		if got != test.want {
			t.Errorf("%b: %q, want %q", test.has, got, test.want)
		}
	}
}

// TestHelpers compares what this kernel says to what its version promises.
func TestHelpers(t *testing.T) {
	live := must(t)
	if Privilege(live) != nil {
		testkit.Lack(t, "CAP_BPF")
	}
	for helper := asm.FnMapLookupElem; helper <= asm.FnCgrpStorageDelete; helper++ {
		since := target.HelperSince(helper)
		if since.Major == 0 {
			continue
		}
		if !live.Helper(helper) && live.Version.AtLeast(since.Major, since.Minor) {
			t.Errorf("%v is not here, since %v", helper, since)
		}
	}
}

func TestAllZero(t *testing.T) {
	for symbols, want := range map[string]bool{
		"": true,
		"0000000000000000 A fixed_percpu_data\n0000000000000000 A __per_cpu_start\n": true,
		"0000000000000000 A fixed_percpu_data\n0000000000001000 A cpu_debug_store\n": false,
		"ffffffff81000000 T _text\n": false,
	} {
		if got := allZero([]byte(symbols)); got != want {
			t.Errorf("%q: got %v", symbols, got)
		}
	}
}

// A process that is not there, or has no program, is told in words.
func TestNoProcess(t *testing.T) {
	for _, name := range []string{"", "*", "libc"} {
		if _, err := programs(name, 1<<22); err == nil || err.Error() != "there is no process 4194304" {
			t.Errorf("%q: %v", name, err)
		}
	}
	if comm, _ := os.ReadFile("/proc/2/comm"); string(comm) == "kthreadd\n" && os.Geteuid() == 0 {
		const want = "process 2 has no program: it is a thread of the kernel, or has ended"
		if _, err := programs("", 2); err == nil || err.Error() != want {
			t.Errorf("a thread of the kernel: %v", err)
		}
	}
}
