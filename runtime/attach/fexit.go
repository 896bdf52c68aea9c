package attach

import (
	"github.com/cilium/ebpf/link"
	"github.com/ponytrace/ponytrace/compiler/object"
)

func attachFexit(r request, _ object.FunctionPoint) ([]Link, error) {
	return one(link.AttachTracing(link.TracingOptions{Program: r.program}))
}
