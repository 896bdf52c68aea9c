package compiler_test

import (
	"errors"
	"os"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/eval"
	"github.com/ponytrace/ponytrace/internal/oracle"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/detect"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// emulated is what programs see in the emulator.
var emulated = &eval.Environment{
	Numbers: map[string]uint64{"pid": 7, "tid": 8, "uid": 9, "gid": 10},
	Comm:    "pony", Args: oracle.Args, Memory: map[uint64][]byte{oracle.Address: oracle.Memory()},
}

// newEmulated is what the programs of an object run in.
func newEmulated(o *object.Object) *emu.Environment {
	machine := emulator(o)
	machine.Memory, machine.Comm, machine.Steps = emulated.Memory, emulated.Comm, 100_000_000
	machine.Values[asm.FnGetCurrentUidGid] = 10<<32 | 9
	return machine
}

// observeEmulated runs every program once, in order.
func observeEmulated(o *object.Object) (*eval.Result, error) {
	machine := newEmulated(o)
	for _, program := range o.Programs {
		if !oracle.Runs(program, emulatedData(machine)[object.DataStopped] != 0) {
			continue
		}
		if _, err := emu.Run(program.Instructions, machine); err != nil {
			return nil, err
		}
	}
	if emulatedData(machine)[object.DataCut] != 0 {
		return nil, oracle.ErrLong
	}
	return oracle.Observe(o, func(m *object.MapSpec) (*events.Table, error) { return emulatedTable(o, m, machine.Maps), nil }, machine.Records)
}

// emulatedTable reads a map as package events reads a kernel's.
func emulatedTable(o *object.Object, script *object.MapSpec, maps map[string]*emu.Map) *events.Table {
	m := script.InKernel()
	t := events.NewTable(m)
	switch m.Storage {
	case object.Slot:
		data := maps[object.DataMap].Values[""][0]
		if data[m.Present] != 0 {
			t.Append(nil, data[m.Offset:])
		}
	case object.CPUSlot:
		rows := maps[object.PerCPUMap].Values[""][0]
		merged := make([]byte, m.Value.Size)
		for at := m.Offset; at+m.Value.Size <= len(rows); at += o.Stride {
			events.Merge(m.Value, merged, rows[at:at+m.Value.Size])
		}
		if !(events.Value{Type: m.Value, Raw: merged}).Empty() {
			t.Append(nil, merged)
		}
	default:
		for key, cpus := range maps[m.Kernel].Values {
			merged := append([]byte(nil), cpus[0][:m.Value.Size]...)
			for _, row := range cpus[1:] {
				events.Merge(m.Value, merged, row[:m.Value.Size])
			}
			t.Append([]byte(key), merged)
		}
	}
	return events.Summarize(script, t)
}

// ways are those in which a script is compiled, which change nothing of what it does.
var ways = []compiler.Options{{}, {Plain: true}, {PartSize: oracle.PartSize}, {PartSize: oracle.PartSize, Plain: true}}

// judge is nil when a script does, optimised or not, whole or in parts, and on the kernel
// if there is one, what its evaluation says.
func judge(text string, machine *target.Target, kernel *oracle.Kernel) error {
	parsed, diagnostics := lang.Parse(diag.NewSource("script", text))
	if diagnostics.HasErrors() {
		return diagnostics
	}
	var objects []*object.Object
	for _, options := range ways {
		o, err := compileFor(text, machine, options)
		if err != nil {
			return err
		}
		objects = append(objects, o)
	}
	want, err := eval.Run(parsed, emulated)
	if err != nil {
		return err
	}
	for _, o := range objects {
		got, err := observeEmulated(o)
		if err != nil {
			return err
		}
		if difference := oracle.Difference(got, want); difference != "" {
			return errors.New("emulator: " + difference)
		}
	}
	if kernel == nil {
		return nil
	}
	return kernel.Judge(text)
}

// ownKernel is the machine's, where programs can be loaded.
func ownKernel(t testing.TB) *oracle.Kernel {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	machine, err := detect.Detect()
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := oracle.NewKernel(machine)
	if errors.Is(err, os.ErrPermission) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kernel.Close)
	return kernel
}

func TestCorpus(t *testing.T) {
	kernel := ownKernel(t)
	machine := frozen.Target("6.12")
	step := testkit.Choose(6, 1, 1)
	for i, script := range oracle.Corpus() {
		if i%step != 0 {
			continue
		}
		if err := judge(script.Text, machine, kernel); err != nil {
			t.Errorf("%s: %s\n%v", script.File, script.Text, err)
		}
	}
}
