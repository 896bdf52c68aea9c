package attach

import (
	"github.com/cilium/ebpf/link"
	"github.com/ponytrace/ponytrace/compiler/object"
)

// attachTypedTracepoint needs no name: the kernel has it since it loaded the program.
func attachTypedTracepoint(r request, _ object.TracepointPoint) ([]Link, error) {
	return one(link.AttachTracing(link.TracingOptions{Program: r.program}))
}
