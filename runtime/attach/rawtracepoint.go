package attach

import (
	"github.com/cilium/ebpf/link"
	"github.com/ponytrace/ponytrace/compiler/object"
)

func attachRawTracepoint(r request, at object.TracepointPoint) ([]Link, error) {
	return one(link.AttachRawTracepoint(link.RawTracepointOptions{Name: at.Name, Program: r.program}))
}
