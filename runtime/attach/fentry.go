package attach

import (
	"github.com/cilium/ebpf/link"
	"github.com/ponytrace/ponytrace/compiler/object"
)

// attachFentry needs no name: the kernel has it since it loaded the program.
func attachFentry(r request, _ object.FunctionPoint) ([]Link, error) {
	return one(link.AttachTracing(link.TracingOptions{Program: r.program}))
}
