package explain

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// mapTypes are the types of kernel maps that the compiler chooses from: the kernel's
// names and what they are good for.
var mapTypes = []struct {
	of       ebpf.MapType
	name, is string
}{
	{ebpf.Array, "array", "values by number, all there from the start"},
	{ebpf.Hash, "hash", "values by key, shared by all CPUs"},
	{ebpf.PerCPUHash, "percpu_hash", "values by key, one for each CPU, so that no CPU waits for " +
		"another"},
	{ebpf.LRUHash, "lru_hash", "values by key; where it is full, the key that was not used for " +
		"longest is dropped"},
	{ebpf.LRUCPUHash, "lru_percpu_hash", "values by key, one for each CPU; where it is full, the " +
		"key that was not used for longest is dropped"},
	{ebpf.CGroupArray, "cgroup_array", "control groups by number"},
	{ebpf.RingBuf, "ringbuf", "a ring buffer: records from programs to ponytrace, in their order"},
	{ebpf.ProgramArray, "prog_array", "programs by number, to continue in"},
}

func mapType(of ebpf.MapType) (name, is string) {
	for _, t := range mapTypes {
		if t.of == of {
			return t.name, t.is
		}
	}
	return strings.ToLower(of.String()), ""
}

// purposes tell what the maps are for that the script does not name, by the beginning of
// their names.
var purposes = []struct{ name, is string }{
	{object.DataMap, "words that the programs and ponytrace share: single values, counts of what " +
		"was lost, the switch that ends the tracing"},
	{object.PerCPUMap, "a row for each CPU, which only that CPU writes; ponytrace adds the rows up"},
	{object.EventsMap, "records on their way to ponytrace, which prints them"},
	{object.ScratchMap, "memory for what has no room on the stack of 512 bytes, a row for each CPU"},
	{object.ZeroMap, "zeroes, the first value of keys that are new"},
	{object.SharedMap, "memory that the functions of a program share, a row for each CPU"},
	{object.GuardMap, "a mark for each CPU while a program runs, so that none fires inside of " +
		"another"},
	{object.SyscallMap, "which system calls the program traces, by their numbers"},
	{object.CallsMap, "the program of each system call"},
	{object.ReadsMap, "counts of the reads that failed"},
}

func describeMaps(o *object.Object, machine *target.Target) (list []Map) {
	for _, name := range slices.Sorted(maps.Keys(o.Kernel)) {
		list = append(list, describeMap(o, name, machine))
	}
	return list
}

func describeMap(o *object.Object, name string, machine *target.Target) Map {
	spec := o.Kernel[name]
	m := Map{
		Name: name, KeySize: int(spec.KeySize), ValueSize: int(spec.ValueSize), Entries: int(spec.MaxEntries),
	}
	m.Type, m.Purpose = mapType(spec.Type)
	for _, p := range purposes {
		if !strings.HasPrefix(name, "@") && strings.HasPrefix(name, p.name) {
			m.Purpose = p.is
		}
	}
	for _, s := range o.Maps {
		if lies(s, name) {
			m.Holds = append(m.Holds, "@"+s.Name)
		}
		if s.Kernel == name || s.Other == name {
			kept := s.InKernel()
			m.Key, m.Value = keyText(kept.Key), kept.Value.String()
		}
	}
	m.Memory, m.Full = memory(spec, machine)
	return m
}

// lies reports whether a map of the script has its values in the kernel map.
func lies(m *object.MapSpec, kernel string) bool {
	switch m.Storage {
	case object.Slot:
		return kernel == object.DataMap
	case object.CPUSlot:
		return kernel == object.PerCPUMap
	}
	return m.Kernel == kernel || m.Other == kernel
}

func keyText(key *types.Layout) string {
	if key == nil {
		return "none"
	}
	parts := make([]string, len(key.Fields))
	for i, f := range key.Fields {
		parts[i] = f.Type.String()
	}
	return strings.Join(parts, ", ")
}

// What the kernel sets aside for a map besides keys and values: struct htab_elem, struct
// bucket, struct pcpu_freelist and struct bpf_lru_node on 64-bit machines.
// https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/hashtab.c (htab_map_mem_usage)
const (
	elementSize   = 48
	bucketSize    = 16
	notAllocated  = 1 << 0 // BPF_F_NO_PREALLOC
	percpuPointer = 8
)

// memory is what a map takes when it is created, and when all its entries are there. It
// leaves out some hundred bytes that each map has.
func memory(spec *ebpf.MapSpec, machine *target.Target) (first, full int) {
	cpus, entries := max(machine.CPUs, 1), int(spec.MaxEntries)
	key, value := roundUp(int(spec.KeySize), 8), roundUp(int(spec.ValueSize), 8)
	switch spec.Type {
	case ebpf.RingBuf:
		size := entries + 3*machine.PageSize
		return size, size
	case ebpf.Array, ebpf.ProgramArray, ebpf.CGroupArray:
		size := roundUp(value*entries, machine.PageSize)
		return size, size
	}
	element := elementSize + key + value
	if spec.Type == ebpf.PerCPUHash || spec.Type == ebpf.LRUCPUHash {
		element = elementSize + key + percpuPointer + value*cpus
	}
	buckets := bucketSize * (1 << bits.Len(uint(max(entries, 1)-1)))
	full = buckets + element*entries
	if spec.Flags&notAllocated != 0 {
		return buckets, full
	}
	return full, full
}

func roundUp(n, to int) int {
	if to == 0 {
		return n
	}
	return (n + to - 1) / to * to
}

// bytesText writes a size for people: 4.2 KB.
func bytesText(n int) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", (n+1<<19)>>20)
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d KB", (n+1<<9)>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
