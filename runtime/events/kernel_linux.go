package events

import (
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"golang.org/x/sys/unix"
)

// Open maps the memory of the object's kernel maps.
func Open(o *object.Object, maps map[string]*ebpf.Map) (*Store, error) {
	return NewStore(o, &machine{maps: maps})
}

// machine is the kernel of this machine.
type machine struct {
	maps  map[string]*ebpf.Map
	mmaps []memory
	grace gracePeriod
}

func (k *machine) Array(name string) ([]byte, error) {
	memory, err := mapMemory(k.maps[name])
	if memory != nil {
		k.mmaps = append(k.mmaps, memory)
	}
	return memory, err
}

// mapMemory mmaps the value of an array map; nil stands for no map.
func mapMemory(m *ebpf.Map) (memory, error) {
	if m == nil {
		return nil, nil
	}
	page := os.Getpagesize()
	size := (int(m.ValueSize()+7)/8*8*int(m.MaxEntries()) + page - 1) / page * page
	b, err := unix.Mmap(m.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping the memory of %s: %w", m, err)
	}
	return memory(b)[:int(m.ValueSize())], nil
}

func (k *machine) Hash(name string, m *object.MapSpec) (Hash, error) {
	return newHash(m, k.maps[name])
}

func (k *machine) Grace() func() { return k.grace.wait }

func (k *machine) Close() {
	for _, m := range k.mmaps {
		_ = unix.Munmap(m[:cap(m)])
	}
	k.mmaps = nil
}
