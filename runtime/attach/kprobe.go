package attach

import (
	"github.com/cilium/ebpf/link"
	"github.com/ponytrace/ponytrace/compiler/object"
)

func attachKprobe(r request, at object.FunctionPoint) ([]Link, error) {
	return one(link.Kprobe(at.Functions[0], r.program, r.kprobeOptions(at)))
}

// kprobeOptions lead through the kprobe PMU, which needs no tracefs.
func (r request) kprobeOptions(at object.FunctionPoint) *link.KprobeOptions {
	options := &link.KprobeOptions{Offset: at.Offset}
	if r.machine.Features.AttachCookie {
		options.Cookie = uint64(r.cookie)
	}
	return options
}
