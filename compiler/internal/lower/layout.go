package lower

import (
	"math/bits"

	"github.com/ponytrace/ponytrace/compiler/internal/sema"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// Layout is where the maps of a script live.
type Layout struct {
	maps   map[string]*object.MapSpec
	Data   int // bytes of the kernel map "data"
	PerCPU int // bytes of a row of "percpu" in use
	Stride int // bytes from row to row, a power of two
}

// preallocated bounds the memory of a per-CPU hash that is allocated at once.
const preallocated = 64 << 20

// CPURows is the number of rows of the kernel map "percpu".
func CPURows(machine *target.Target) int { return 1 << bits.Len(uint(max(machine.CPUs, 1)-1)) }

// Preallocates reports whether hash maps must allocate their elements up front: before
// 6.1 an allocation inside a probe could deadlock (since then
// https://elixir.bootlin.com/linux/v6.1/source/kernel/bpf/memalloc.c).
func Preallocates(machine *target.Target) bool { return !machine.Version.AtLeast(6, 1) }

// Reserved reports whether the script asked for the memory of a per-CPU hash, and gets it
// before tracing starts. Memory of all CPUs is what a probe finds least of: a few hundred
// histograms, until the kernel's worker has made more.
func Reserved(m *object.MapSpec, machine *target.Target) bool {
	return m.Kind != "" && m.Storage == object.CPUHash && m.MaxEntries <= fitting(m, machine)
}

func newLayout(info *sema.Info, machine *target.Target) *Layout {
	l := &Layout{maps: map[string]*object.MapSpec{}, Data: object.DataHeader}
	for _, m := range info.Maps {
		if m.Value != nil {
			l.maps[m.Name] = l.place(m, info, machine)
		}
	}
	l.Stride = 1 << bits.Len(uint(max(l.PerCPU, 64)-1))
	return l
}

func (l *Layout) place(m *sema.Map, info *sema.Info, machine *target.Target) *object.MapSpec {
	placed := &object.MapSpec{Name: m.Name, Value: m.Value, WriteOnly: !m.Read, Additive: !m.Replaced}
	parted := l.stored(placed, m, machine)
	switch {
	case len(m.Key) == 0 && m.Value.Aggregation() && !m.Computed && !parted:
		placed.Storage, placed.Offset = object.CPUSlot, l.PerCPU
		l.PerCPU += placed.InKernel().Value.Size
	case len(m.Key) == 0 && !parted:
		placed.Storage, placed.Present, placed.Offset = object.Slot, l.Data, l.Data+8
		l.Data += 8 + (m.Value.Size+7)/8*8
	default:
		if len(m.Key) > 0 {
			key := types.NewLayout(0, m.Key...)
			placed.Key = &key
		}
		placed.Kernel, placed.Full, placed.Refusal = "@"+m.Name, l.Data, l.Data+8
		placed.MaxEntries = info.Settings.MaxMapKeys
		l.Data += 16
		if m.Emptied {
			placed.Other, placed.Generation = placed.Kernel+"'", l.Data
			l.Data += 8
		}
		placed.Storage = object.Hash
		if perCPU(m) {
			placed.Storage = object.CPUHash
			placed.MaxEntries = affordable(placed, machine)
		}
		if m.Kind != nil {
			placed.MaxEntries, placed.Recent, placed.Kind = m.Size, m.Kind.Recent, m.Kind.Name
		}
		if placed.Recent && (m.Value.Aggregation() || placed.Additive) {
			placed.Inserted = l.Data
			l.Data += 8
		}
	}
	return placed
}

// maxRows bounds the value of the kernel map "percpu": KMALLOC_MAX_SIZE of kernels that
// bound an array's.
const maxRows = 4 << 20

// stored notes what the kernel keeps of an aggregation whose values are summaries, and
// reports whether it keeps it in parts. Without a key that is so only where whole rows
// would be too much.
func (l *Layout) stored(placed *object.MapSpec, m *sema.Map, machine *target.Target) bool {
	if !m.Value.Aggregation() || m.Value.Record.Stored == nil {
		return false
	}
	stored := m.Value.Record.Stored(m.Value)
	rows := (l.PerCPU + stored.Row.Size) * 2 * CPURows(machine)
	if len(m.Key) == 0 && rows <= maxRows {
		placed.Stored = stored.Row
		return false
	}
	placed.Stored, placed.Parts = stored.Part, stored.Parts
	return true
}

// perCPU reports whether every CPU has values of its own. An aggregation that the script
// computes with is shared: a program sees only the values of its own CPU.
func perCPU(m *sema.Map) bool {
	if m.Kind != nil && m.Kind.PerCPU {
		return !m.Computed
	}
	return m.Value.Aggregation() && !m.Computed
}

// affordable keeps a preallocated map within its memory, at 1,024 keys or more.
func affordable(m *object.MapSpec, machine *target.Target) int {
	if !Preallocates(machine) {
		return m.MaxEntries
	}
	return min(m.MaxEntries, max(fitting(m, machine), 1024))
}

// fitting is how many keys of a per-CPU hash fit in what may be allocated at once.
func fitting(m *object.MapSpec, machine *target.Target) int {
	keys := preallocated / (m.InKernel().Value.Size * max(machine.CPUs, 1))
	if m.Other != "" {
		return keys / 2
	}
	return keys
}
