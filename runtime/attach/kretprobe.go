package attach

import (
	"github.com/cilium/ebpf/link"
	"github.com/ponytrace/ponytrace/compiler/object"
)

func attachKretprobe(r request, at object.FunctionPoint) ([]Link, error) {
	return one(link.Kretprobe(at.Functions[0], r.program, r.kprobeOptions(at)))
}
