package events

import (
	"fmt"
	"os"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"golang.org/x/sys/unix"
)

// Store holds the memory of a running object: its maps and the words shared with its
// programs.
type Store struct {
	maps map[*object.MapSpec]*Map
	data memory
	rows memory

	grace gracePeriod
}

// Open maps the memory of the object's kernel maps.
func Open(o *object.Object, kernel map[string]*ebpf.Map) (*Store, error) {
	s := &Store{maps: map[*object.MapSpec]*Map{}}
	var err error
	if s.data, err = mapMemory(kernel[object.DataMap]); err != nil {
		return nil, err
	}
	if s.rows, err = mapMemory(kernel[object.PerCPUMap]); err != nil {
		return nil, err
	}
	for _, m := range o.Maps {
		if err := s.add(o, m, kernel); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Store) add(o *object.Object, m *object.MapSpec, kernel map[string]*ebpf.Map) error {
	switch {
	case m.Storage == object.Slot && m.Value.Aggregation():
		s.maps[m] = newMap(m, newSharedSlot(m, s.data))
	case m.Storage == object.Slot:
		s.maps[m] = newMap(m, &slot{object: m, data: s.data})
	case m.Storage == object.CPUSlot:
		s.maps[m] = newMap(m, &cpuSlot{object: m.InKernel(), rows: s.rows, stride: o.Stride})
	default:
		return s.addHash(m, kernel)
	}
	return nil
}

func (s *Store) addHash(m *object.MapSpec, kernel map[string]*ebpf.Map) error {
	source, err := newHash(m.InKernel(), kernel[m.Kernel])
	if err != nil {
		return err
	}
	live := newMap(m, source)
	live.forgets = live.forgets || source.evicts()
	s.maps[m] = live
	if m.Other == "" {
		return nil
	}
	other, err := newHash(m.InKernel(), kernel[m.Other])
	if err != nil {
		return err
	}
	live.other, live.word, live.grace = &generation{source: other}, s.data.word(m.Generation), s.AwaitPrograms
	return nil
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

// Map returns the live map.
func (s *Store) Map(m *object.MapSpec) *Map { return s.maps[m] }

// Load reads a word of the kernel map "data", 0 when the object has none.
func (s *Store) Load(offset int) uint64 {
	if s.data == nil {
		return 0
	}
	return atomic.LoadUint64(s.data.word(offset))
}

// Set writes a word of the kernel map "data".
func (s *Store) Set(offset int, value uint64) {
	if s.data != nil {
		atomic.StoreUint64(s.data.word(offset), value)
	}
}

// AwaitPrograms returns when all programs that run now are over, so that none is left
// that has read a word before it was set.
func (s *Store) AwaitPrograms() { s.grace.wait() }

// Close unmaps the memory.
func (s *Store) Close() {
	for _, m := range s.maps {
		m.close()
	}
	for _, m := range []memory{s.data, s.rows} {
		if m != nil {
			_ = unix.Munmap(m[:cap(m)])
		}
	}
	s.data, s.rows = nil, nil
}
