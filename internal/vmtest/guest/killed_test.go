//go:build guest

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// killed are scripts, one for each mechanism, and the value of --attach that leads to it.
// The last is the oldest kernel that has it.
var killed = []struct {
	attach, script string
	major, minor   int
}{
	{"kprobe", `kprobe:vfs_read { @[tid] = count() } kretprobe:vfs_read { @r = count() }`, 5, 10},
	{"kprobe", `kprobe:vfs_rea* { @ = count() }`, 5, 10},
	{"kprobe_multi", `kprobe:vfs_rea* { @ = count() } kretprobe:vfs_rea* { @r = count() }`, 6, 12},
	{"fentry", `kprobe:vfs_read { @ = count() } kretprobe:vfs_read { @r = count() }`, 5, 10},
	{"tracepoint", `tracepoint:sched:sched_switch { @ = count() } tracepoint:syscalls:sys_enter_read { @r = count() }`, 5, 10},
	{"rawtracepoint", `tracepoint:sched:sched_switch { @ = count() } tracepoint:syscalls:sys_enter_read { @r = count() }`, 5, 10},
	{"auto", `tracepoint:syscalls:sys_enter_read { @r = count() } rawtracepoint:sched_switch { @ = count() }`, 5, 10},
	{"auto", `profile:hz:99 { @ = count() } interval:s:1 { print(@) }`, 5, 10},
	{"auto", `software:context-switches:10 { @ = count() }`, 5, 10},
	{"uprobe", `uprobe:/programs/c:add { @ = count() } uretprobe:/programs/c:add { @r = count() }`, 5, 10},
	{"uprobe_multi", `uprobe:/programs/c:* { @ = count() } uretprobe:/programs/c:add { @r = count() }`, 6, 12},
	{"auto", `usdt:/programs/usdt:counted { @ = count() } watchpoint:panic_timeout:4:w { @w = count() } iter:task { @t = count() }`, 5, 10},
}

// Nothing is left in the kernel of a tracer that was killed: no link, no program, no map,
// no event of tracefs. The kernel takes its time, with what earlier tests had there, too.
func TestKilledLeavesNothing(t *testing.T) {
	events := tracefs(t)
	for _, test := range killed {
		if !AtLeast(t, test.major, test.minor) {
			continue
		}
		t.Run(test.attach+" "+strings.ReplaceAll(test.script, "/", " "), func(t *testing.T) {
			before := inKernel(t, events)
			p := Start(t, "ponytrace", "--attach", test.attach, "-e", test.script)
			p.Await("Attached ")
			if len(beyond(inKernel(t, events), before)) == 0 {
				t.Error("nothing is attached")
			}
			p.Signal(syscall.SIGKILL)
			p.Wait()
			left := beyond(inKernel(t, events), before)
			for end := time.Now().Add(patience / 4); len(left) > 0 && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
				left = beyond(inKernel(t, events), before)
			}
			if len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// beyond is what of some things was not there before.
func beyond(things, before []string) []string {
	return slices.DeleteFunc(things, func(thing string) bool { return slices.Contains(before, thing) })
}

// inKernel lists what tracers make in the kernel. It never uses a number twice.
func inKernel(t *testing.T, events string) (things []string) {
	t.Helper()
	for id, err := ebpf.ProgramGetNextID(0); err == nil; id, err = ebpf.ProgramGetNextID(id) {
		things = append(things, fmt.Sprintf("program %d", id))
	}
	for id, err := ebpf.MapGetNextID(0); err == nil; id, err = ebpf.MapGetNextID(id) {
		things = append(things, fmt.Sprintf("map %d", id))
	}
	iterator := new(link.Iterator)
	defer iterator.Close()
	for iterator.Next() {
		things = append(things, fmt.Sprintf("link %d", iterator.ID))
	}
	for _, file := range []string{"kprobe_events", "uprobe_events"} {
		list, err := os.ReadFile(filepath.Join(events, file))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(list)) {
			things = append(things, file+": "+strings.TrimSpace(line))
		}
	}
	return things
}

// tracefs mounts it for the test.
func tracefs(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := unix.Mount("tracefs", folder, "tracefs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(folder, unix.MNT_DETACH) })
	return folder
}
