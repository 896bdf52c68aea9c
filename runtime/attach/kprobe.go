package attach

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// attachKprobe goes through the kprobe PMU, which needs no tracefs.
func attachKprobe(machine *target.Target, program *ebpf.Program, point *object.Point) ([]Link, error) {
	options := &link.KprobeOptions{Offset: point.Offset}
	if machine.Features.AttachCookie {
		options.Cookie = uint64(point.ProbeName)
	}
	if point.Mechanism == object.Kretprobe {
		return one(link.Kretprobe(point.Symbols[0], program, options))
	}
	return one(link.Kprobe(point.Symbols[0], program, options))
}

// attachKprobeMulti gives each function the index of its name as cookie.
func attachKprobeMulti(program *ebpf.Program, point *object.Point) ([]Link, error) {
	options := link.KprobeMultiOptions{Symbols: point.Symbols, Cookies: make([]uint64, len(point.Symbols))}
	for i := range point.Symbols {
		options.Cookies[i] = uint64(point.ProbeName + i)
	}
	if point.Mechanism == object.KretprobeMulti {
		return one(link.KretprobeMulti(program, options))
	}
	return one(link.KprobeMulti(program, options))
}
