package attach

import (
	"cmp"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// tracepointOfAll is the name of the tracepoint of all system calls at which a point is served.
func tracepointOfAll(point *object.Point) string {
	all, _ := target.SplitSyscall(point.Name)
	return cmp.Or(all, point.Name)
}

// attachRawSyscall attaches a program that the verifier has checked with or without the types of the arguments.
func attachRawSyscall(program *ebpf.Program, point *object.Point) ([]Link, error) {
	if program.Type() == ebpf.Tracing {
		return one(link.AttachTracing(link.TracingOptions{Program: program}))
	}
	return one(link.AttachRawTracepoint(link.RawTracepointOptions{Name: tracepointOfAll(point), Program: program}))
}
