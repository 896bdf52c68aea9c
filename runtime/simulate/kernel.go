package simulate

import (
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// kernel is where the maps of the session lie, for package events.
type kernel struct {
	object *object.Object
	maps   map[string]*emu.Map
	cpus   int
}

func newKernel(o *object.Object, cpus int) *kernel {
	k := &kernel{object: o, maps: map[string]*emu.Map{}, cpus: cpus}
	for name, spec := range o.Kernel {
		k.maps[name] = emu.NewMap(spec, cpus)
	}
	return k
}

func (k *kernel) Array(name string) ([]byte, error) {
	if m := k.maps[name]; m != nil {
		return m.Values[""][0], nil
	}
	return nil, nil
}

func (k *kernel) Hash(name string, m *object.MapSpec) (events.Hash, error) {
	h := &hash{Map: k.maps[name], object: m, kind: k.object.Kernel[name].Type, cpus: 1}
	if h.kind == ebpf.PerCPUHash || h.kind == ebpf.LRUCPUHash {
		h.cpus = k.cpus
	}
	return h, nil
}

// Grace is nil: a program runs to its end before anything else happens.
func (k *kernel) Grace() func() { return nil }

func (k *kernel) Close() {}

// hash is a hash map of the emulator.
type hash struct {
	*emu.Map
	object *object.MapSpec
	kind   ebpf.MapType
	cpus   int
}

// Read visits keys in their order, so that a session prints the same each time.
func (h *hash) Read(t *events.Table) error {
	for _, key := range slices.Sorted(maps.Keys(h.Values)) {
		h.append(t, key)
	}
	return nil
}

func (h *hash) Lookup(key []byte, t *events.Table) error {
	if _, known := h.Values[string(key)]; known {
		h.append(t, string(key))
	}
	return nil
}

func (h *hash) append(t *events.Table, key string) {
	t.AppendMerged([]byte(key), slices.Concat(h.Values[key]...), h.ValueSize)
}

func (h *hash) Take() (*events.Table, error) {
	t := events.NewTable(h.object)
	err := h.Read(t)
	clear(h.Values)
	return t, err
}

func (h *hash) Empty() bool { return len(h.Values) == 0 }

func (h *hash) Put(key, row []byte) error {
	values := make([][]byte, h.cpus)
	for i := range values {
		values[i] = make([]byte, h.ValueSize)
	}
	copy(values[0], row)
	h.Values[string(key)] = values
	return nil
}

func (h *hash) Evicts() bool { return h.kind == ebpf.LRUHash || h.kind == ebpf.LRUCPUHash }
