package emu

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
)

// Map is a kernel map: an array or hash, shared or per CPU. A ring buffer keeps its
// records in the Environment.
type Map struct {
	// KeySize and ValueSize are bytes. A hash with MaxEntries keys refuses more; a test
	// may lower it.
	KeySize, ValueSize, MaxEntries int

	kind ebpf.MapType
	// Values holds the values by key and, where they are per CPU, by CPU. An array has
	// them all from the start, one after the other under the key "".
	Values map[string][][]byte
	cpus   int
}

// NewMap returns an empty map for the specification, with a value for each of cpus where
// it is per CPU.
func NewMap(spec *ebpf.MapSpec, cpus int) *Map {
	m := &Map{
		KeySize: int(spec.KeySize), ValueSize: int(spec.ValueSize), MaxEntries: int(spec.MaxEntries),
		kind: spec.Type, Values: map[string][][]byte{}, cpus: 1,
	}
	if spec.Type == ebpf.PerCPUArray || spec.Type == ebpf.PerCPUHash || spec.Type == ebpf.LRUCPUHash {
		m.cpus = cpus
	}
	if m.array() {
		m.Values[""] = m.newValue(m.ValueSize * m.MaxEntries)
		for _, content := range spec.Contents {
			copy(m.Values[""][0], content.Value.([]byte))
		}
	}
	return m
}

func (m *Map) array() bool { return m.kind == ebpf.Array || m.kind == ebpf.PerCPUArray }

func (m *Map) newValue(size int) [][]byte {
	values := make([][]byte, m.cpus)
	for i := range values {
		values[i] = make([]byte, size)
	}
	return values
}

// whole returns the address of an array's values.
func (m *Map) whole(run *machine) uint64 {
	if !m.array() {
		run.fail("only an array has an address")
	}
	return run.share(region{kind: MapValue, of: m, bytes: m.Values[""][0]})
}

// share returns the address of a region that there may be already.
func (m *machine) share(wanted region) uint64 {
	for i, r := range m.regions {
		if len(wanted.bytes) > 0 && len(r.bytes) == len(wanted.bytes) && &r.bytes[0] == &wanted.bytes[0] {
			return addressOf(i)
		}
	}
	return m.newRegion(wanted)
}

// shareValue returns the address of the value of a key on a CPU, 0 where there is none.
func (m *machine) shareValue(known *Map, key []byte, cpu int) uint64 {
	slot := known.slot(key, cpu)
	if slot == nil {
		return 0
	}
	value := region{kind: MapValue, of: known, cpu: cpu, bytes: slot}
	if m.tracer != nil {
		value.key = bytes.Clone(key)
	}
	return m.share(value)
}

// slot returns the bytes of a key's value on the CPU, nil where there are none.
func (m *Map) slot(key []byte, cpu int) []byte {
	if m.cpus == 1 {
		cpu = 0
	}
	if m.array() {
		index := int(number(key))
		if index >= m.MaxEntries {
			return nil
		}
		return m.Values[""][cpu][index*m.ValueSize : (index+1)*m.ValueSize]
	}
	if values, ok := m.Values[string(key)]; ok {
		return values[cpu]
	}
	return nil
}

// Flags of map_update_elem.
const (
	noExist = 1
	exist   = 2
)

// update is map_update_elem. A new per-CPU value is zero on the other CPUs.
func (m *Map) update(key, value []byte, flags uint64, cpu int) error {
	slot := m.slot(key, cpu)
	switch {
	case slot != nil && flags == noExist:
		return errExist
	case slot == nil && flags == exist:
		return errNotFound
	case slot == nil && (m.array() || len(m.Values) >= m.MaxEntries):
		return errTooBig
	case slot == nil:
		m.Values[string(key)] = m.newValue(m.ValueSize)
		slot = m.slot(key, cpu)
	}
	copy(slot, value)
	return nil
}

func (m *Map) delete(key []byte) error {
	if m.array() {
		return errInvalid
	}
	if _, ok := m.Values[string(key)]; !ok {
		return errNotFound
	}
	delete(m.Values, string(key))
	return nil
}

// keys returns all keys in their order, an array's as its indices.
func (m *Map) keys() [][]byte {
	var keys [][]byte
	if m.array() {
		for i := range m.MaxEntries {
			keys = append(keys, binary.LittleEndian.AppendUint32(nil, uint32(i)))
		}
		return keys
	}
	for _, key := range slices.Sorted(maps.Keys(m.Values)) {
		keys = append(keys, []byte(key))
	}
	return keys
}
