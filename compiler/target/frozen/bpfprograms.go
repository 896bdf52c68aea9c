package frozen

import (
	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// bpfPrograms are two that are loaded wherever a frozen target is: a filter of packets that
// calls a function, and an fentry program. The filter describes the kernel's sk_buff by
// one member, at a place of its own.
func bpfPrograms() ([]target.BPFProgram, error) {
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	long := &btf.Int{Name: "unsigned long", Size: 8}
	buffer := &btf.Struct{Name: "__sk_buff", Size: 4, Members: []btf.Member{{Name: "len", Type: number}}}
	function := func(name string, params ...btf.FuncParam) *btf.Func {
		return &btf.Func{Name: name, Type: &btf.FuncProto{Return: number, Params: params}}
	}
	return []target.BPFProgram{
		{ID: 12, Functions: []*btf.Func{
			function("filter_packet", btf.FuncParam{Name: "skb", Type: &btf.Pointer{Target: buffer}}),
			function("allowed", btf.FuncParam{Name: "port", Type: number}, btf.FuncParam{Name: "mark", Type: long}),
		}},
		{ID: 15, Tracing: true, Functions: []*btf.Func{
			function("on_exec", btf.FuncParam{Name: "ctx", Type: &btf.Pointer{Target: long}}),
		}},
	}, nil
}
