package runtime

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/runtime/detect"
)

// Inspected is what the kernel says of a program.
type Inspected struct {
	Name string
	// Log is the verifier's: each instruction that it walked, with the state before it.
	Log string
	// Functions are the program and those that it calls, in machine code; none where the
	// kernel shows or makes none.
	Functions []MachineCode
}

// MachineCode is a function as the kernel's JIT compiler made it.
type MachineCode struct {
	Code  []byte
	Lines []MachineLine // ascending
}

// MachineLine tells which line of the script the code from an offset on belongs to.
type MachineLine struct {
	Offset int
	Line   string
}

// Inspect loads the programs of an object, asks the kernel about them and unloads them.
// None is attached. Where the kernel refuses one, the list has what the verifier said of
// that.
func Inspect(o *object.Object, machine *target.Target) ([]Inspected, error) {
	if err := detect.RaiseMemoryLimit(machine.Features); err != nil {
		return nil, err
	}
	if err := detect.AllowFiles(filesOf(o, machine)); err != nil {
		return nil, err
	}
	collection, err := collect(o, ebpf.LogLevelInstruction|ebpf.LogLevelStats)
	if err != nil {
		return refusedLog(o, err), refusal(o, err)
	}
	defer collection.Close()
	var list []Inspected
	for _, program := range o.All() {
		loaded := collection.Programs[program.Name]
		functions, err := machineCode(loaded)
		if err != nil {
			return list, fmt.Errorf("asking the kernel about %s: %w", program.Name, err)
		}
		list = append(list, Inspected{program.Name, loaded.VerifierLog, functions})
	}
	return list, nil
}

func refusedLog(o *object.Object, err error) []Inspected {
	var verifier *ebpf.VerifierError
	program := failed(o, err)
	if program == nil || !errors.As(err, &verifier) {
		return nil
	}
	return []Inspected{{Name: program.Name, Log: fmt.Sprintf("%+v", verifier)}}
}

// machineCode cuts the kernel's one piece into functions. The addresses of lines are
// those where the code runs.
func machineCode(program *ebpf.Program) (list []MachineCode, err error) {
	info, err := program.Info()
	if err != nil {
		return nil, err
	}
	code, _ := info.JitedInsns()
	lengths, _ := info.JitedFuncLens()
	starts, _ := info.JitedKsymAddrs()
	lines := linesOf(info)
	for i, length := range lengths {
		if int(length) > len(code) {
			break
		}
		f := MachineCode{Code: code[:length]}
		code = code[length:]
		for _, line := range lines {
			if i < len(starts) && line.address >= uint64(starts[i]) && line.address < uint64(starts[i])+uint64(length) {
				f.Lines = append(f.Lines, MachineLine{int(line.address - uint64(starts[i])), line.text})
			}
		}
		list = append(list, f)
	}
	return list, nil
}

type addressedLine struct {
	address uint64
	text    string
}

// linesOf pairs the lines of a program with the addresses that the kernel gives for them,
// in the same order. It gives none where kptr_restrict or bpf_jit_harden hides addresses.
func linesOf(info *ebpf.ProgramInfo) (list []addressedLine) {
	addresses, _ := info.JitedLineInfos()
	lines, err := info.LineInfos()
	if err != nil || len(lines) != len(addresses) {
		return nil
	}
	for i, address := range addresses {
		line := lines[i].Line
		list = append(list, addressedLine{address, fmt.Sprintf("%d:%d %s", line.LineNumber(), line.LineColumn(), line.Line())})
	}
	return list
}
