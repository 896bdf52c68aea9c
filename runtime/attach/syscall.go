package attach

import "github.com/ponytrace/ponytrace/compiler/object"

func attachSyscall(r request, at object.SyscallPoint) ([]Link, error) {
	return attachTracepoint(r, object.TracepointPoint{Category: "raw_syscalls", Name: at.All})
}
