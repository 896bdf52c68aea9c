package explain_test

import (
	"errors"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// TestMemory creates maps and asks the kernel what they take. It counts some hundred
// bytes more for each, and pages as it allocates them.
func TestMemory(t *testing.T) {
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	_ = rlimit.RemoveMemlock()
	for _, kernel := range []string{"5.10", "6.12"} { // with and without preallocated hashes
		machine := frozen.Target(kernel)
		machine.CPUs = ebpf.MustPossibleCPU()
		e, o := explainedFor(t, "let @l = lruhash(1000); kprobe:vfs_read { @a[comm] = count(); "+
			"@l[pid] = 1; @b[tid, arg2] = arg2; "+
			"@h = hist(arg2); printf(\"%s\", str(arg1)) }", machine, compiler.Options{})
		for _, m := range e.Maps {
			created, err := ebpf.NewMap(o.Kernel[m.Name])
			if errors.Is(err, os.ErrPermission) {
				testkit.Lack(t, "CAP_BPF")
			}
			if err != nil {
				t.Fatalf("%s: %v", m.Name, err)
			}
			info, err := created.Info()
			created.Close()
			if err != nil {
				t.Fatal(err)
			}
			memlock, known := info.Memlock()
			if got := int(memlock); !known || got < m.Memory || got > m.Memory+m.Memory/8+8192 {
				t.Errorf("%s of %s: %d bytes at first, the kernel says %d", m.Name, kernel, m.Memory, got)
			}
		}
	}
}
