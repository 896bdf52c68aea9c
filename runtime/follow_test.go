package runtime

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"golang.org/x/sys/unix"
)

// kernelMap makes a map without an object.
func kernelMap(t *testing.T, spec *ebpf.MapSpec) *ebpf.Map {
	t.Helper()
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	m, err := ebpf.NewMap(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// following has room for some processes, and begins with these.
func following(t *testing.T, room uint32, ids ...int) *followed {
	set := kernelMap(t, &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 8, ValueSize: 1, MaxEntries: room})
	o := &object.Object{Following: &object.Following{Set: &object.MapSpec{Kernel: "set"}, IDs: ids}}
	return followedBy(o, &ebpf.Collection{Maps: map[string]*ebpf.Map{"set": set}})
}

// A process is followed with what it has started before, and its parent is not.
func TestFollowed(t *testing.T) {
	parent := exec.Command("/bin/sh", "-c", "sleep 100 & wait")
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	child := 0
	defer func() { familyOf(parent.Process.Pid).signal(unix.SIGKILL); _ = parent.Wait() }()
	for ; child == 0; time.Sleep(time.Millisecond) {
		for pid, of := range parents() {
			if of == parent.Process.Pid {
				child = pid
			}
		}
	}
	f := following(t, 16, parent.Process.Pid)
	var visited []int
	if err := f.enter(func(pid int) { visited = append(visited, pid) }); err != nil {
		t.Fatal(err)
	}
	if want := []int{parent.Process.Pid, child}; !slices.Equal(visited, want) {
		t.Errorf("visited %v, want %v", visited, want)
	}
	var member bool
	for pid, want := range map[int]bool{parent.Process.Pid: true, child: true, os.Getpid(): false} {
		if err := f.set.Lookup(uint64(pid), &member); (err == nil && member) != want {
			t.Errorf("process %d: %v, %v", pid, member, err)
		}
	}
}

func TestTooManyFollowed(t *testing.T) {
	err := following(t, 1, os.Getpid(), os.Getppid()).enter(func(int) {})
	if want := "there are too many processes to follow, more than 1"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestNobodyIsFollowed(t *testing.T) {
	if f := followedBy(&object.Object{}, &ebpf.Collection{}); f != nil || f.enter(nil) != nil {
		t.Errorf("%+v", f)
	}
}
