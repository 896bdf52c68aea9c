package runtime

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"github.com/ponytrace/ponytrace/runtime/detect"
)

func inspectable(t *testing.T, instructions asm.Instructions) ([]Inspected, error) {
	t.Helper()
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	machine, err := detect.Detect()
	if err != nil {
		t.Fatal(err)
	}
	if lacking := detect.Privilege(machine); lacking != nil {
		testkit.Lack(t, "CAP_BPF")
	}
	o := &object.Object{
		Programs: []*object.ProgramSpec{clause("p0_inspected", instructions, at(object.AtBegin))},
		Kernel:   map[string]*ebpf.MapSpec{object.DataMap: mmapable(64)},
	}
	o.Settings.License = "GPL"
	return Inspect(o, machine)
}

// TestInspect: the verifier's log has each instruction, and the machine code is there.
func TestInspect(t *testing.T) {
	list, err := inspectable(t, code(asm.Instructions{
		asm.LoadMapValue(asm.R1, 0, 8).WithReference(object.DataMap),
		asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord),
	}))
	if err != nil || len(list) != 1 || list[0].Name != "p0_inspected" {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, line := range []string{"0: (18) r1 = ", "2: (79) r2 = *(u64 *)(r1 +0)", "4: (95) exit", "processed 4 insns"} {
		if !strings.Contains(list[0].Log, line) {
			t.Errorf("the log lacks %q:\n%s", line, list[0].Log)
		}
	}
	jit, err := os.ReadFile("/proc/sys/net/core/bpf_jit_enable")
	testkit.Need(t, "the kernel's JIT compiler", err == nil && strings.TrimSpace(string(jit)) != "0")
	if len(list[0].Functions) != 1 || len(list[0].Functions[0].Code) < 8 {
		t.Errorf("got the machine code %+v", list[0].Functions)
	}
}

// TestInspectRefused: of a program that the kernel refuses there is the log, and the
// error.
func TestInspectRefused(t *testing.T) {
	list, err := inspectable(t, code(asm.Instructions{asm.LoadMem(asm.R2, asm.R3, 0, asm.DWord)}))
	var refused *attach.RefusedError
	if !errors.As(err, &refused) || len(list) != 1 || !strings.Contains(list[0].Log, "R3 !read_ok") {
		t.Errorf("%+v, %v", list, err)
	}
}
