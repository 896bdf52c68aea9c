package attach

import (
	"github.com/cilium/ebpf/link"
	"github.com/ponytrace/ponytrace/compiler/object"
)

func attachKprobeMulti(r request, at object.FunctionPoint) ([]Link, error) {
	return one(link.KprobeMulti(r.program, r.multiOptions(at)))
}

// multiOptions give each function the index of its name as cookie.
func (r request) multiOptions(at object.FunctionPoint) link.KprobeMultiOptions {
	options := link.KprobeMultiOptions{Symbols: at.Functions, Cookies: make([]uint64, len(at.Functions))}
	for i := range at.Functions {
		options.Cookies[i] = uint64(r.cookie + i)
	}
	return options
}
