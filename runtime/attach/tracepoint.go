package attach

import (
	"github.com/ponytrace/ponytrace/compiler/object"
	"golang.org/x/sys/unix"
)

// attachTracepoint opens the tracepoint as a perf event. One event serves all CPUs: the
// program hangs on the tracepoint, the event only names it. Of the end of irq_work, which
// samples would bring about, the kernel gives no samples.
// https://elixir.bootlin.com/linux/v6.12/source/arch/x86/include/asm/trace/irq_vectors.h
// (TRACE_EVENT_PERF_PERM)
func attachTracepoint(r request, at object.TracepointPoint) ([]Link, error) {
	tracepoint, err := r.machine.Tracepoint(at.Category, at.Name)
	if err != nil {
		return nil, err
	}
	attributes := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_TRACEPOINT, Config: uint64(tracepoint.ID),
		Sample: 1, Wakeup: 1,
	}
	if at.Category == "irq_vectors" && at.Name == "irq_work_exit" {
		attributes.Sample = 0
	}
	l, err := attachPerf(r, attributes, everyThread, 0)
	if err != nil {
		return nil, err
	}
	return []Link{l}, nil
}
