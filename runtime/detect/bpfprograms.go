package detect

import (
	"errors"
	"io/fs"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// maxLoaded bounds the list; a busy machine has some hundreds.
const maxLoaded = 1 << 16

// bpfPrograms lists the programs that are loaded and describe their functions. One that
// goes away meanwhile is left out.
func bpfPrograms() (list []target.BPFProgram, err error) {
	for id := ebpf.ProgramID(0); len(list) < maxLoaded; {
		id, err = ebpf.ProgramGetNextID(id)
		if errors.Is(err, fs.ErrNotExist) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		if program, ok := bpfProgram(id); ok {
			list = append(list, program)
		}
	}
	return list, nil
}

func bpfProgram(id ebpf.ProgramID) (described target.BPFProgram, ok bool) {
	program, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return described, false
	}
	defer program.Close()
	info, err := program.Info()
	if err != nil {
		return described, false
	}
	functions, err := info.FuncInfos()
	if err != nil {
		return described, false
	}
	described = target.BPFProgram{ID: uint32(id), Tracing: info.Type == ebpf.Tracing}
	for _, function := range functions {
		described.Functions = append(described.Functions, function.Func)
	}
	return described, true
}
