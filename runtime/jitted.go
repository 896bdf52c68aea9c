package runtime

import (
	"fmt"
	"maps"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/runtime/machinecode"
	"github.com/ponytrace/ponytrace/runtime/symbols"
)

// jitted are the functions of a program in machine code, which the kernel gives in one
// piece.
func jitted(program *ebpf.Program) (list []machinecode.Function, err error) {
	info, err := program.Info()
	if err != nil {
		return nil, err
	}
	code, _ := info.JitedInsns()
	lengths, _ := info.JitedFuncLens()
	starts, _ := info.JitedKsymAddrs()
	marks, base := marksOf(info), 0
	for i, length := range lengths {
		if int(length) > len(code)-base {
			break
		}
		f := machinecode.Function{Base: base, Code: code[base : base+int(length)]}
		base += int(length)
		if i < len(starts) {
			f.Address = uint64(starts[i])
			f.Marks = within(marks, f.Address, uint64(length))
		}
		list = append(list, f)
	}
	return list, nil
}

// within are the marks of a function.
func within(marks []addressedMark, start, length uint64) (list []machinecode.Mark) {
	for _, mark := range marks {
		if offset := mark.address - start; offset < length {
			list = append(list, machinecode.Mark{Offset: int(offset), Instruction: mark.instruction})
		}
	}
	return list
}

func piecesOf(functions []machinecode.Function, names machinecode.Names) (list []MachineFunction) {
	for i := range functions {
		f := &functions[i]
		list = append(list, MachineFunction{len(f.Code), f.Pieces(names)})
	}
	return list
}

// namesIn are the names of what the programs call: functions of their own, and symbols of
// the kernel. The addresses are collected first, as the kernel's table is large.
func namesIn(programs [][]machinecode.Function) machinecode.Names {
	called, names := map[uint64]bool{}, map[uint64]string{}
	for _, functions := range programs {
		for i := range functions {
			functions[i].Pieces(func(address uint64) string {
				called[address] = true
				return ""
			})
		}
	}
	if found, err := symbols.NamesAt(called); err == nil {
		maps.Copy(names, found)
	}
	for _, functions := range programs {
		for i := range functions {
			if functions[i].Address != 0 {
				names[functions[i].Address] = fmt.Sprintf("function %d", i)
			}
		}
	}
	return func(address uint64) string { return understandable(names[address]) }
}

// understandable says of the kernel's protection against speculation, by which processors
// of some makers return, that it is no more than that.
func understandable(name string) string {
	if strings.HasSuffix(name, "return_thunk") {
		return name + " (returns)"
	}
	return name
}

// hiddenCode tells why the kernel shows no machine code.
func hiddenCode() string {
	if jit := setting("/proc/sys/net/core/bpf_jit_enable"); jit == "0" {
		return "the kernel interprets programs: /proc/sys/net/core/bpf_jit_enable is 0"
	}
	if hides := setting("/proc/sys/kernel/kptr_restrict"); hides != "0" && hides != "" {
		return "the kernel hides its machine code: /proc/sys/kernel/kptr_restrict is " + hides
	}
	return "the kernel shows no machine code: it has no JIT compiler for this machine, " +
		"or hides the code from this process"
}

func setting(file string) string {
	text, _ := os.ReadFile(file)
	return strings.TrimSpace(string(text))
}
