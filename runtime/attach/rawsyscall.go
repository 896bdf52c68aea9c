package attach

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/ponytrace/ponytrace/compiler/object"
)

// attachRawSyscall attaches a program that the verifier has checked with or without the
// types of the arguments.
func attachRawSyscall(r request, at object.SyscallPoint) ([]Link, error) {
	if r.program.Type() == ebpf.Tracing {
		return one(link.AttachTracing(link.TracingOptions{Program: r.program}))
	}
	return one(link.AttachRawTracepoint(link.RawTracepointOptions{Name: at.All, Program: r.program}))
}
