package events

import (
	"sync"
	"time"

	"github.com/cilium/ebpf"
)

// gracePeriod waits for programs. The kernel runs each in a read-side critical section of
// RCU, and returns from an update of an array of maps when all that had begun before are
// over, so that user space can tell:
// https://elixir.bootlin.com/linux/v5.10/source/kernel/bpf/syscall.c
// (maybe_wait_bpf_programs).
//
// Rejected: membarrier(MEMBARRIER_CMD_GLOBAL), which does the same, but not with one CPU
// or with nohz_full.
type gracePeriod struct {
	once         sync.Once
	outer, inner *ebpf.Map
	err          error
}

// withoutGrace is how long programs are given where the kernel does not tell.
const withoutGrace = time.Second

func (g *gracePeriod) wait() {
	g.once.Do(g.open)
	if g.err != nil || g.outer.Update(uint32(0), g.inner, ebpf.UpdateAny) != nil {
		time.Sleep(withoutGrace)
	}
}

func (g *gracePeriod) open() {
	spec := &ebpf.MapSpec{Name: "grace", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	if g.inner, g.err = ebpf.NewMap(spec); g.err != nil {
		return
	}
	g.outer, g.err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "graces", Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1, InnerMap: spec})
}
