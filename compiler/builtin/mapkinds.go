package builtin

import (
	"slices"

	"github.com/cilium/ebpf"
)

// MaxMapKeys is the largest number of keys that a map can be declared or set to hold.
const MaxMapKeys = 1 << 26

// MapKind is a kind of map that `let @a = kind(size)` can ask for.
type MapKind struct {
	Info
	Type ebpf.MapType
	// PerCPU: every CPU has values of its own; numbers are added up when they are
	// printed.
	PerCPU bool
	// Recent: a full map drops the key that was not used for the longest time, where
	// others refuse a new one.
	Recent bool
}

var mapKindList = []*MapKind{
	{
		Info: Info{Name: "hash", Signature: "let @map = hash(int keys)",
			Doc:     "A map whose values all CPUs share, with room for a number of keys.",
			Example: `let @start = hash(1000); kprobe:vfs_read { @start[tid] = nsecs }`},
		Type: ebpf.Hash,
	},
	{
		Info: Info{Name: "lruhash", Signature: "let @map = lruhash(int keys)",
			Doc:     "A hash that drops the key that was not used for the longest time when it is full. The kernel chooses approximately.",
			Example: `let @start = lruhash(1000); kprobe:vfs_read { @start[tid] = nsecs }`},
		Type: ebpf.LRUHash, Recent: true,
	},
	{
		Info: Info{Name: "percpuhash", Signature: "let @map = percpuhash(int keys)",
			Doc:     "A hash with a value for each CPU. Numbers are added up when they are printed. Up to 64 MiB are set aside before tracing starts.",
			Example: `let @calls = percpuhash(1000); kprobe:vfs_read { @calls[comm] = count() }`},
		Type: ebpf.PerCPUHash, PerCPU: true,
	},
	{
		Info: Info{Name: "percpulruhash", Signature: "let @map = percpulruhash(int keys)",
			Doc:     "A percpuhash that drops the key that was not used for the longest time when it is full.",
			Example: `let @calls = percpulruhash(1000); kprobe:vfs_read { @calls[comm] = count() }`},
		Type: ebpf.LRUCPUHash, PerCPU: true, Recent: true,
	},
}

// MapKindNamed looks a kind of map up; nil when there is none.
func MapKindNamed(name string) *MapKind { return mapKinds[name] }

// MapKindNames returns the names of the kinds of maps.
func MapKindNames() []string {
	var names []string
	for _, kind := range mapKindList {
		names = append(names, kind.Name)
	}
	slices.Sort(names)
	return names
}
