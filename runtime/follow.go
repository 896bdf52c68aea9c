package runtime

import (
	"encoding/binary"
	"fmt"

	"github.com/ponytrace/ponytrace/compiler/object"
)

// follow adds a process to the set of those that are followed.
func (s *Session) follow(pid int) error {
	set := s.collection.Maps[s.object.Following.Set.Kernel]
	key, value := make([]byte, set.KeySize()), make([]byte, set.ValueSize())
	binary.NativeEndian.PutUint64(key, uint64(pid))
	value[0] = 1
	if err := set.Put(key, value); err != nil {
		return fmt.Errorf("there are too many processes to follow: %w", err)
	}
	return nil
}

// followFrom enters the processes of -p and what descends from them. The programs are
// attached by now: a child that a member gets is entered by them, one that it had before
// is found here. So it is enough to look until nobody new is found.
func (s *Session) followFrom() error {
	if s.object.Following == nil {
		return nil
	}
	known := map[int]bool{}
	for _, pid := range s.object.Following.IDs {
		known[pid] = true
		if err := s.follow(pid); err != nil {
			return err
		}
	}
	for grown := len(known) > 0; grown; {
		grown = false
		for pid, parent := range parents() {
			if !known[parent] || known[pid] {
				continue
			}
			known[pid], grown = true, true
			if err := s.follow(pid); err != nil {
				return err
			}
		}
	}
	return nil
}

// setRuntimeConst writes a word that the programs read, if they do.
func (s *Session) setRuntimeConst(kind object.RuntimeConstKind, value uint64) {
	for _, fact := range s.object.RuntimeConsts {
		if fact.Kind == kind {
			s.store.Set(fact.Offset, value)
		}
	}
}
