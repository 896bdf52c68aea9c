package compiler_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestGolden compares what scripts compile to, and what one event of each of their
// programs costs.
//
// A golden's `script` is given; so is its `input`, lines that prepare the usual path:
//
//	kernel NAME           the frozen target, 6.12 where it does not say
//	context OFFSET VALUE  a 64-bit word of the context; all others point at kernelText
//	memory OFFSET VALUE   a 64-bit word of kernel memory, OFFSET bytes after kernelText
//
// All programs run in the order of the script, twice; the second time is counted, when
// their keys exist.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no goldens", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { golden(t, path) })
	}
}

func golden(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	given := section(archive, "input")
	scene := readInput(t, given)
	script := section(archive, "script")
	built, stages := build(t, script, scene.kernel)
	costs := scene.play(t, built)
	scene.stray(t, built)
	files := []txtar.File{{Name: "script", Data: []byte(script)}, {Name: "input", Data: []byte(given)}}
	for i, program := range built.Programs {
		files = append(files, txtar.File{Name: program.Name, Data: []byte(costs[i] + "\n" + stages[program.Name])})
	}
	files = append(files, txtar.File{Name: "maps", Data: []byte(describeMaps(built))})
	got := txtar.Format(&txtar.Archive{Comment: archive.Comment, Files: files})
	if *testkit.Update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := txtar.Format(archive); !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s\nrun go test ./compiler -run Golden -update", got, want)
	}
}

func section(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func build(t *testing.T, script, kernel string) (*object.Object, map[string]string) {
	t.Helper()
	stages, texts := &stage.Stages{}, map[string]string{}
	built, err := compileText(script, frozen.Target(kernel), compiler.Options{Stages: stages})
	if err != nil {
		t.Fatal(err)
	}
	for i, program := range built.Programs {
		for _, f := range stages.Programs[i].Optimized {
			texts[program.Name] += f.String()
		}
		texts[program.Name] += stages.Programs[i].Listing()
	}
	return built, texts
}

// kernelText is where every pointer of a scene leads: to a path name, and zeroes.
const (
	kernelText  = 0xffff_8880_0000_1000
	memorySize  = 64 << 10
	contextSize = 512
)

// scene is what the programs of a golden run in.
type scene struct {
	kernel          string
	context, memory []byte
}

func readInput(t *testing.T, text string) *scene {
	t.Helper()
	s := &scene{kernel: "6.12", memory: make([]byte, memorySize)}
	copy(s.memory, "/etc/hosts")
	for range contextSize / 8 {
		s.context = binary.LittleEndian.AppendUint64(s.context, kernelText)
	}
	for line := range strings.Lines(text) {
		var offset int
		var value uint64
		place := s.context
		if name, isKernel := strings.CutPrefix(line, "kernel "); isKernel {
			s.kernel = strings.TrimSpace(name)
			continue
		}
		if strings.HasPrefix(line, "memory") {
			place = s.memory
		}
		if _, err := fmt.Sscanf(line[strings.IndexByte(line, ' ')+1:], "%v %v", &offset, &value); err != nil {
			t.Fatalf("input %q: %v", line, err)
		}
		binary.LittleEndian.PutUint64(place[offset:], value)
	}
	return s
}

func (s *scene) environment(built *object.Object) *emu.Environment {
	e := emulator(built)
	e.Context, e.Memory, e.Comm, e.CPU = s.context, map[uint64][]byte{kernelText: s.memory}, "bash", 1
	maps.Copy(e.Values, map[asm.BuiltinFunc]uint64{
		asm.FnGetCurrentPidTgid: 42<<32 | 43, asm.FnGetCurrentUidGid: 1000<<32 | 1000,
		asm.FnKtimeGetNs: 1e9, asm.FnGetCurrentTask: kernelText, asm.FnGetCurrentTaskBtf: kernelText,
	})
	return e
}

// play runs every program twice and returns the costs of the second time.
func (s *scene) play(t *testing.T, built *object.Object) (costs []string) {
	t.Helper()
	e := s.environment(built)
	for round := range 2 {
		for _, program := range built.Programs {
			e.Values[asm.FnKtimeGetNs] += 1000
			result := s.run(t, program, e)
			if round == 1 {
				costs = append(costs, fmt.Sprintf("static %d - executed %d - helpers %d - stack %d\n",
					static(program.Instructions), result.Executed, result.Helpers, stack(program.Instructions)))
			}
		}
	}
	return costs
}

// stray runs the programs off the usual path: an empty context, a full ring buffer, full
// maps.
func (s *scene) stray(t *testing.T, built *object.Object) {
	t.Helper()
	e := s.environment(built)
	e.Context = make([]byte, contextSize)
	e.Full = true
	for _, m := range e.Maps {
		m.MaxEntries = min(m.MaxEntries, 1)
	}
	for _, pid := range []uint64{1, 2} {
		e.Values[asm.FnGetCurrentPidTgid] = pid
		for _, program := range built.Programs {
			s.run(t, program, e)
		}
	}
}

func (s *scene) run(t *testing.T, program *object.ProgramSpec, e *emu.Environment) emu.Result {
	t.Helper()
	clear(e.Maps[object.DataMap].Values[""][0][object.DataStopped:][:8])
	result, err := emu.Run(program.Instructions, e)
	if err != nil {
		t.Fatalf("%s: %v\n%v", program.Name, err, program.Instructions)
	}
	return result
}

func static(code asm.Instructions) (size int) {
	for i := range code {
		size += int(code[i].Width())
	}
	return size
}

// stack finds how deep the code reaches below the frame pointer.
func stack(code asm.Instructions) int {
	lowest := 0
	for i := range code {
		if at := &code[i]; at.OpCode.Class().IsStore() && at.Dst == asm.R10 || at.OpCode.Class().IsLoad() && at.Src == asm.R10 {
			lowest = min(lowest, int(at.Offset))
		}
		if i > 0 && code[i].OpCode.ALUOp() == asm.Add && code[i-1].OpCode.ALUOp() == asm.Mov &&
			code[i-1].Src == asm.R10 && code[i-1].Dst == code[i].Dst {
			lowest = min(lowest, int(code[i].Constant))
		}
	}
	return -lowest
}

// describeMaps lists the script's maps, then those of the kernel that hold them.
func describeMaps(built *object.Object) string {
	var b strings.Builder
	for _, m := range built.Maps {
		fmt.Fprintf(&b, "@%s: %v in %s\n", m.Name, m.Value, place(m))
	}
	for _, name := range slices.Sorted(maps.Keys(built.Kernel)) {
		spec := built.Kernel[name]
		fmt.Fprintf(&b, "%s: %v, key %d, value %d, entries %d%s\n",
			name, spec.Type, spec.KeySize, spec.ValueSize, spec.MaxEntries, flags(spec))
	}
	return b.String()
}

func place(m *object.MapSpec) string {
	switch m.Storage {
	case object.Slot:
		return fmt.Sprintf("%s+%d", object.DataMap, m.Offset)
	case object.CPUSlot:
		return fmt.Sprintf("%s+%d", object.PerCPUMap, m.Offset)
	}
	return m.Kernel
}

func flags(spec *ebpf.MapSpec) string {
	if spec.Flags == 0 {
		return ""
	}
	return fmt.Sprintf(", flags %#x", spec.Flags)
}
