package attach

import (
	"github.com/cilium/ebpf/link"
	"github.com/ponytrace/ponytrace/compiler/object"
)

func attachKretprobeMulti(r request, at object.FunctionPoint) ([]Link, error) {
	return one(link.KretprobeMulti(r.program, r.multiOptions(at)))
}
