package target

import (
	"cmp"
	"slices"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// BPFProgram is a program that the kernel has loaded, of whichever tool, with the functions
// that its types describe: itself first, then those that it calls.
type BPFProgram struct {
	ID        uint32
	Functions []*btf.Func
	// Tracing: an fentry or fexit program, or another that the kernel knows by the types of
	// what it traces. The kernel lets no such program trace it before 6.8.
	Tracing bool
}

// BPFPrograms lists the loaded programs that others may trace, by their numbers.
func (t *Target) BPFPrograms() []BPFProgram {
	t = t.kernel()
	return t.loadedPrograms.get(func() []BPFProgram {
		if t.Sources.BPFPrograms == nil {
			return nil
		}
		list, err := t.Sources.BPFPrograms()
		t.note("list of BPF programs", err)
		list = slices.DeleteFunc(list, func(p BPFProgram) bool {
			return len(p.Functions) == 0 || p.Tracing && !t.Version.AtLeast(6, 8)
		})
		slices.SortFunc(list, func(a, b BPFProgram) int { return cmp.Compare(a.ID, b.ID) })
		return list
	})
}

// NearestBPFFunction returns at most 3 functions of BPF programs with names like name.
func (t *Target) NearestBPFFunction(name string) []string {
	var names []string
	for _, program := range t.BPFPrograms() {
		for _, function := range program.Functions {
			names = append(names, function.Name)
		}
	}
	slices.Sort(names)
	return nearest(slices.Compact(names), name)
}

// BPFFunction describes a function of a BPF program.
func (t *Target) BPFFunction(f *btf.Func) *Function {
	function := &Function{Name: f.Name, BPF: true}
	proto, _ := f.Type.(*btf.FuncProto)
	if proto == nil {
		return function
	}
	function.Return = t.asKernelHas(convert(proto.Return))
	t.place(function, proto.Params)
	for i := range function.Params {
		function.Params[i].Type = t.asKernelHas(function.Params[i].Type)
	}
	return function
}

// asKernelHas is a pointer of a program's function to what is really there. A program's
// own description of a struct of the kernel has some of its members only, at places that
// the loader corrects in the program's code. And what a program takes for its context the
// kernel has in a struct of its own.
func (t *Target) asKernelHas(from *types.Type) *types.Type {
	if from == nil || from.Kind != types.Pointer || from.Elem == nil || from.Elem.Kind != types.Struct {
		return from
	}
	tag := "struct"
	if from.Elem.Union {
		tag = "union"
	}
	pointer := *from
	if found, ok := t.Struct(tag, cmp.Or(contexts[from.Elem.Name], from.Elem.Name)); ok {
		pointer.Elem = found
	}
	return &pointer
}

// contexts are the structs that programs see, and those that the kernel hands over.
// https://elixir.bootlin.com/linux/v6.12/source/include/linux/bpf_types.h
var contexts = map[string]string{
	"__sk_buff": "sk_buff", "xdp_md": "xdp_buff", "bpf_sock": "sock", "bpf_sock_addr": "bpf_sock_addr_kern",
	"bpf_sock_ops": "bpf_sock_ops_kern", "sk_msg_md": "sk_msg", "sk_reuseport_md": "sk_reuseport_kern",
	"bpf_sysctl": "bpf_sysctl_kern", "bpf_sockopt": "bpf_sockopt_kern", "bpf_sk_lookup": "bpf_sk_lookup_kern",
	"bpf_perf_event_data": "bpf_perf_event_data_kern", "bpf_user_pt_regs_t": "pt_regs",
}
