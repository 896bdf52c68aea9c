package runtime

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"github.com/ponytrace/ponytrace/runtime/detect"
	"github.com/ponytrace/ponytrace/runtime/machinecode"
	"github.com/ponytrace/ponytrace/runtime/verifierlog"
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
	if len(list[0].Functions) != 1 || list[0].Functions[0].Size < 8 {
		t.Errorf("got the machine code %+v", list[0].Functions)
	}
	code := list[0].MachineCode()
	for _, number := range list[0].Numbers {
		if len(code[number]) == 0 {
			t.Errorf("instruction %d has no machine code: %+v", number, code)
		}
	}
	known := list[0].Known()
	want := []verifierlog.Fact{{Place: "r1", Text: "whether the reader sleeps in map data"}}
	if got := known[0]; len(got) != 1 || got[0].Place != want[0].Place || got[0].Text != want[0].Text {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestKnown: facts of an instruction say which way a jump may go and how often the verifier
// came by, and what became of instructions that it did not come to.
func TestKnown(t *testing.T) {
	i := Inspected{
		Numbers: []int{0, 1, 2, 3}, Accepted: true,
		Functions: []MachineFunction{{Pieces: []machinecode.Piece{
			{Instruction: machinecode.Frame, Code: []machinecode.Instruction{{Text: "push"}}},
			{Instruction: 0, Code: []machinecode.Instruction{{Text: "test"}}},
			{Instruction: 2, Code: []machinecode.Instruction{{Text: "ret"}}},
		}}},
		Verified: &verifierlog.Log{Instructions: []*verifierlog.Instruction{
			{
				Number: 0, Visits: 3, Branch: verifierlog.Both, Varies: []string{"r1", "r2"},
				Known: []verifierlog.Fact{{Place: "r0", Text: "value of map @"}},
				Taken: []verifierlog.Fact{{Place: "r0", Text: "null"}},
			},
			{Number: 1, Visits: 1, Branch: verifierlog.Never},
			{Number: 2, Visits: 1, Branch: verifierlog.Always},
		}},
	}
	for number, want := range []string{
		"r0: value of map @|r0 if it jumps: null|walked: 3 times, with other values of r1, r2",
		"jump: never taken|machine code: none, the kernel leaves it out",
		"jump: always taken",
		"never reached: no path leads here|machine code: none, the kernel leaves it out",
	} {
		var got []string
		for _, fact := range i.Known()[number] {
			got = append(got, fact.Place+": "+fact.Text)
		}
		if strings.Join(got, "|") != want {
			t.Errorf("instruction %d: got %q, want %q", number, got, want)
		}
	}
	first := i.MachineCode()[0]
	if len(first) != 2 || first[0].Text != "push  ; frame" || first[1].Text != "test" {
		t.Errorf("got %+v", first)
	}
	i.Accepted = false
	if got := i.Known()[3]; got != nil {
		t.Errorf("a refused program has instructions that are never reached: %v", got)
	}
}

// TestMarked: each instruction has a line with its number, also behind one of two units,
// and what is loaded for tracing keeps its own.
func TestMarked(t *testing.T) {
	code := asm.Instructions{asm.LoadImm(asm.R1, 1, asm.DWord), asm.Mov.Imm(asm.R0, 0), asm.Return()}
	lines, err := marked(code)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint32{1, 3, 4} {
		line, ok := lines[i].Source().(*btf.Line)
		if !ok || line.LineNumber() != want {
			t.Errorf("instruction %d has the line %v", i, lines[i].Source())
		}
		if code[i].Source() != nil {
			t.Errorf("instruction %d of the program has a line", i)
		}
	}
}

// TestKnownMaps: facts call maps as the script does, and what lies in a map of ponytrace's
// own by the part.
func TestKnownMaps(t *testing.T) {
	hash := &object.MapSpec{
		Name: "reads", Storage: object.Hash, Kernel: "at_reads", Value: types.Uint64,
		Full: 64,
	}
	slot := &object.MapSpec{Name: "n", Storage: object.Slot, Offset: 72, Value: types.Uint64}
	row := &object.MapSpec{Name: "c", Storage: object.CPUSlot, Offset: 8, Value: types.Uint64}
	o := &object.Object{
		Maps: []*object.MapSpec{hash, slot, row}, Stride: 64,
		Kernel: map[string]*ebpf.MapSpec{
			"at_reads":       {Name: "at_reads", KeySize: 8, ValueSize: 8},
			object.DataMap:   {Name: object.DataMap, KeySize: 4, ValueSize: 80},
			object.PerCPUMap: {Name: object.PerCPUMap, KeySize: 4, ValueSize: 128},
		},
	}
	known := knownOf(o, &object.ProgramSpec{Instructions: asm.Instructions{
		asm.LoadMapPtr(asm.R1, 0).WithReference("at_reads"),
		asm.LoadMapValue(asm.R2, 0, 8).WithReference(object.DataMap),
	}})
	want := map[string]verifierlog.Map{
		"at_reads": {Name: "at_reads", Called: "@reads", KeySize: 8, ValueSize: 8},
		"data": {
			Name: "data", Called: "data", KeySize: 4, ValueSize: 80,
			Parts: append(slices.Clone(ownWords), []verifierlog.Part{
				{Offset: 64, Size: 8, Called: "count of refused updates of @reads"},
				{Offset: 72, Size: 8, Called: "value of @n"},
			}...),
		},
		"percpu": {
			Name: "percpu", Called: "percpu", KeySize: 4, ValueSize: 128, Stride: 64,
			Parts: []verifierlog.Part{{Offset: 8, Size: 8, Called: "value of @c"}},
		},
	}
	for _, m := range known.Maps {
		if !reflect.DeepEqual(m, want[m.Name]) {
			t.Errorf("got %+v, want %+v", m, want[m.Name])
		}
	}
	if len(known.Maps) != len(want) || known.Loads[0] != "at_reads" || known.Loads[2] != "data" {
		t.Errorf("got %+v", known)
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

// A program that calls nothing has a name all the same.
func TestNamesWithoutCalls(t *testing.T) {
	const address = 0xffffffffc0001000
	names := namesIn([][]machinecode.Function{{{Code: []byte{0xc3}, Address: address}}})
	if name := names(address); name != "function 0" {
		t.Errorf("it is called %q", name)
	}
}

// TestUnderstandable: a return that is protected against speculation is a return.
func TestUnderstandable(t *testing.T) {
	for name, want := range map[string]string{
		"srso_alias_return_thunk": "srso_alias_return_thunk (returns)",
		"__x86_return_thunk":      "__x86_return_thunk (returns)",
		"bpf_ktime_get_ns":        "bpf_ktime_get_ns",
		"":                        "",
	} {
		if got := understandable(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
