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
	mmaps [][]byte
	grace gracePeriod
}

func (k *machine) Array(name string) ([]byte, error) {
	memory, err := MapMemory(k.maps[name])
	if memory != nil {
		k.mmaps = append(k.mmaps, memory)
	}
	return memory, err
}

// MapMemory mmaps the first value of an array map that has BPF_F_MMAPABLE; nil stands for
// no map. [UnmapMemory] gives it back.
func MapMemory(m *ebpf.Map) ([]byte, error) {
	if m == nil {
		return nil, nil
	}
	page := os.Getpagesize()
	size := (int(m.ValueSize()+7)/8*8*int(m.MaxEntries()) + page - 1) / page * page
	b, err := unix.Mmap(m.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping the memory of %s: %w", m, err)
	}
	return b[:int(m.ValueSize())], nil
}

// UnmapMemory ends what [MapMemory] began.
func UnmapMemory(memory []byte) { _ = unix.Munmap(memory[:cap(memory)]) }

func (k *machine) Hash(name string, m *object.MapSpec) (Hash, error) {
	return newHash(m, k.maps[name])
}

func (k *machine) Grace() func() { return k.grace.wait }

func (k *machine) Close() {
	for _, m := range k.mmaps {
		UnmapMemory(m)
	}
	k.mmaps = nil
}
