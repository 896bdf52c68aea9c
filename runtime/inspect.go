package runtime

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/runtime/detect"
	"github.com/ponytrace/ponytrace/runtime/machinecode"
	"github.com/ponytrace/ponytrace/runtime/verifierlog"
)

// Inspected is what the kernel makes of a program.
type Inspected struct {
	Name string
	// Numbers are those of its instructions, in units of 8 bytes.
	Numbers []int
	// Accepted: the kernel has loaded the program.
	Accepted bool
	// Log is the verifier's, as it is: each instruction that it walked, with the state
	// before it.
	Log string
	// Verified is what Log tells of each instruction, in plain words.
	Verified *verifierlog.Log
	// Functions are the program and those that it calls, in machine code; none where the
	// kernel shows or makes none, and Hidden says why.
	Functions []MachineFunction
	Hidden    string
}

// MachineFunction is a function as the kernel's JIT compiler made it, in pieces that came
// of one instruction of eBPF each. Functions lie one after the other.
type MachineFunction struct {
	Size   int // bytes
	Pieces []machinecode.Piece
}

// MachineCode is the machine code by the numbers of the instructions that it came of. That
// which makes a function's frame is with the function's first instruction, that which
// takes it away may be with the last one; both say so.
func (i *Inspected) MachineCode() map[int][]machinecode.Instruction {
	code := map[int][]machinecode.Instruction{}
	for _, f := range i.Functions {
		var frame []machinecode.Instruction
		last := machinecode.Frame
		for _, piece := range f.Pieces {
			if piece.Instruction != machinecode.Frame {
				code[piece.Instruction] = append(frame, piece.Code...)
				frame, last = nil, piece.Instruction
				continue
			}
			for _, at := range piece.Code {
				at.Text += "  ; frame"
				frame = append(frame, at)
			}
		}
		if last != machinecode.Frame {
			code[last] = append(code[last], frame...)
		}
	}
	return code
}

// Inspect loads the programs of an object, asks the kernel about them and unloads them.
// None is attached. Where the kernel refuses one, the list has what the verifier said of
// that.
func Inspect(o *object.Object, machine *target.Target) ([]Inspected, error) {
	if err := detect.RaiseMemoryLimit(machine.Features); err != nil {
		return nil, err
	}
	if err := detect.AllowFiles(2 * filesOf(o, machine)); err != nil {
		return nil, err
	}
	collection, err := collect(o, ebpf.LogLevelInstruction|ebpf.LogLevelStats)
	if err != nil {
		return refusedLog(o, err), refusal(o, err)
	}
	defer collection.Close()
	marked, err := collectMarked(o, collection.Maps)
	if err != nil {
		return nil, refusal(o, err)
	}
	defer marked.Close()
	var list []Inspected
	functions := make([][]machinecode.Function, len(o.All()))
	for i, program := range o.All() {
		one := inspected(o, program, collection.Programs[program.Name].VerifierLog)
		one.Accepted = true
		if functions[i], err = jitted(marked.Programs[program.Name]); err != nil {
			return list, fmt.Errorf("asking the kernel about %s: %w", program.Name, err)
		}
		if len(functions[i]) == 0 {
			one.Hidden = hiddenCode()
		}
		list = append(list, one)
	}
	names := namesIn(functions)
	for i := range list {
		list[i].Functions = piecesOf(functions[i], names)
	}
	return list, nil
}

func refusedLog(o *object.Object, err error) []Inspected {
	var verifier *ebpf.VerifierError
	program := failed(o, err)
	if program == nil || !errors.As(err, &verifier) {
		return nil
	}
	return []Inspected{inspected(o, program, fmt.Sprintf("%+v", verifier))}
}

// inspected has what the log tells.
func inspected(o *object.Object, program *object.ProgramSpec, log string) Inspected {
	i := Inspected{Name: program.Name, Log: log, Verified: verifierlog.Parse(log, knownOf(o, program))}
	for _, offset := range offsetsOf(program.Instructions) {
		i.Numbers = append(i.Numbers, int(offset))
	}
	return i
}

// collectMarked loads the programs a second time, over the same maps and with a line of
// line information for each instruction. The verifier's log of the first time is the one
// of the programs as they run.
func collectMarked(o *object.Object, maps map[string]*ebpf.Map) (*ebpf.Collection, error) {
	spec, done, err := specification(o)
	if err != nil {
		return nil, err
	}
	defer done()
	for _, program := range spec.Programs {
		var err error
		if program.Instructions, err = marked(program.Instructions); err != nil {
			return nil, err
		}
	}
	return ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{
		Cache: detect.Types, MapReplacements: maps,
	})
}

// knownOf is what the log of older kernels does not tell: which maps there are, and which
// instructions load their addresses.
func knownOf(o *object.Object, program *object.ProgramSpec) verifierlog.Program {
	known := verifierlog.Program{Loads: map[int]string{}}
	for name, spec := range o.Kernel {
		m := verifierlog.Map{
			Name: spec.Name, Called: name, KeySize: int(spec.KeySize), ValueSize: int(spec.ValueSize),
		}
		if name == object.PerCPUMap {
			m.Stride = o.Stride
		}
		m.Parts = partsOf(o, name)
		for _, of := range o.Maps {
			if of.Kernel == name || of.Other == name {
				m.Called = "@" + of.Name
			}
		}
		known.Maps = append(known.Maps, m)
	}
	offset := 0
	for i := range program.Instructions {
		at := &program.Instructions[i]
		if at.IsLoadFromMap() {
			known.Loads[offset] = o.Kernel[at.Reference()].Name
		}
		offset += int(at.Width())
	}
	return known
}

// ownWords are those at the start of the kernel map "data".
var ownWords = []verifierlog.Part{
	{Offset: object.DataDropped, Size: 8, Called: "count of lost events"},
	{Offset: object.DataWakeup, Size: 8, Called: "whether the reader sleeps"},
	{Offset: object.DataStart, Size: 8, Called: "time of the start"},
	{Offset: object.DataStopped, Size: 8, Called: "whether the tracing has ended"},
	{Offset: object.DataCut, Size: 8, Called: "count of loops that were cut off"},
	{Offset: object.DataMissed, Size: 8, Called: "count of missed events"},
}

// partsOf are the parts of a map of the kernel: values of maps of the script, and what
// ponytrace counts of maps and events.
func partsOf(o *object.Object, name string) (parts []verifierlog.Part) {
	if name == object.DataMap {
		parts = slices.Clone(ownWords)
	}
	homes := map[object.Storage]string{object.Slot: object.DataMap, object.CPUSlot: object.PerCPUMap}
	for _, m := range o.Maps {
		if homes[m.Storage] == name {
			parts = append(parts, verifierlog.Part{
				Offset: m.Offset, Size: m.InKernel().Value.Size, Called: "value of @" + m.Name,
			})
		}
		if name == object.DataMap {
			parts = append(parts, countsOf(m)...)
		}
	}
	return parts
}

// countsOf are the words of a map in the kernel map "data".
func countsOf(m *object.MapSpec) (parts []verifierlog.Part) {
	for _, word := range []struct {
		offset int // 0 for none
		called string
	}{
		{m.Present, "whether there is a value of @"},
		{m.Full, "count of refused updates of @"},
		{m.Refusal, "reason of the last refused update of @"},
		{m.Inserted, "count of keys of @"},
		{m.Generation, "which of two maps is now @"},
	} {
		if word.offset != 0 {
			parts = append(parts, verifierlog.Part{Offset: word.offset, Size: 8, Called: word.called + m.Name})
		}
	}
	return parts
}
