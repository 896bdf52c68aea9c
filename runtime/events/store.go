package events

import (
	"sync/atomic"

	"github.com/ponytrace/ponytrace/compiler/object"
)

// Kernel holds the kernel maps of an object: a running kernel (Open), or what stands for
// one.
type Kernel interface {
	// Array returns the memory of an array map of one element, which programs share; nil
	// where there is no such map.
	Array(name string) ([]byte, error)
	// Hash returns the hash map that holds the rows of m.
	Hash(name string, m *object.MapSpec) (Hash, error)
	// Grace returns what waits until all programs that run now are over; nil where none runs
	// while maps are read.
	Grace() func()
	Close()
}

// Hash is a hash map of the kernel, per CPU or not.
type Hash interface {
	source
	// Take removes all keys and returns their rows. What programs add meanwhile is lost.
	Take() (*Table, error)
	// Empty reports whether there is no key.
	Empty() bool
	// Put sets the row of a key; per CPU, that of the first one.
	Put(key, row []byte) error
	// Evicts reports whether the kernel drops keys by itself when the map is full.
	Evicts() bool
}

// Store holds the memory of a running object: its maps and the words shared with its
// programs.
type Store struct {
	kernel Kernel
	maps   map[*object.MapSpec]*Map
	data   memory
	rows   memory
}

// NewStore reads and writes the maps of an object where the kernel has them.
func NewStore(o *object.Object, kernel Kernel) (*Store, error) {
	s := &Store{kernel: kernel, maps: map[*object.MapSpec]*Map{}}
	var err error
	if s.data, err = kernel.Array(object.DataMap); err != nil {
		return nil, err
	}
	if s.rows, err = kernel.Array(object.PerCPUMap); err != nil {
		return nil, err
	}
	for _, m := range o.Maps {
		if err := s.add(o, m); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Store) add(o *object.Object, m *object.MapSpec) error {
	switch {
	case m.Storage == object.Slot && m.Value.Aggregation():
		s.maps[m] = newMap(m, newSharedSlot(m, s.data))
	case m.Storage == object.Slot:
		s.maps[m] = newMap(m, &slot{object: m, data: s.data})
	case m.Storage == object.CPUSlot:
		s.maps[m] = newMap(m, &cpuSlot{object: m.InKernel(), rows: s.rows, stride: o.Stride})
	default:
		return s.addHash(m)
	}
	return nil
}

func (s *Store) addHash(m *object.MapSpec) error {
	source, err := s.kernel.Hash(m.Kernel, m.InKernel())
	if err != nil {
		return err
	}
	live := newMap(m, source)
	live.forgets = live.forgets || source.Evicts()
	s.maps[m] = live
	if m.Other == "" {
		return nil
	}
	other, err := s.kernel.Hash(m.Other, m.InKernel())
	if err != nil {
		return err
	}
	live.other, live.word, live.grace = &generation{source: other}, s.data.word(m.Generation), s.kernel.Grace()
	return nil
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
func (s *Store) AwaitPrograms() {
	if wait := s.kernel.Grace(); wait != nil {
		wait()
	}
}

// Close frees the memory.
func (s *Store) Close() {
	for _, m := range s.maps {
		m.close()
	}
	s.data, s.rows = nil, nil
	s.kernel.Close()
}
