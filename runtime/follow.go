package runtime

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"golang.org/x/sys/unix"
)

// followed is the set of processes that programs follow.
type followed struct {
	*object.Following
	set *ebpf.Map
}

// followedBy is the set of an object, nil where it follows nobody.
func followedBy(o *object.Object, collection *ebpf.Collection) *followed {
	if o.Following == nil {
		return nil
	}
	return &followed{o.Following, collection.Maps[o.Following.Set.Kernel]}
}

// add adds a process to the set.
func (f *followed) add(pid int) error {
	key, value := make([]byte, f.set.KeySize()), make([]byte, f.set.ValueSize())
	binary.NativeEndian.PutUint64(key, uint64(pid))
	value[0] = 1
	switch err := f.set.Put(key, value); {
	case errors.Is(err, unix.E2BIG):
		return fmt.Errorf("there are too many processes to follow, more than %d", f.set.MaxEntries())
	case err != nil:
		return fmt.Errorf("process %d cannot be followed: the kernel has no memory left for it", pid)
	}
	return nil
}

// enter visits the processes of -p and what descends from them, and enters each. The
// programs are attached by now: a child that a member gets is entered by them, one that it
// had before is found here. So it is enough to look until nobody new is found.
func (f *followed) enter(visit func(pid int)) error {
	if f == nil {
		return nil
	}
	known := map[int]bool{}
	enter := func(pid int) error {
		known[pid] = true
		visit(pid)
		return f.add(pid)
	}
	for _, pid := range f.IDs {
		if err := enter(pid); err != nil {
			return err
		}
	}
	for grown := len(known) > 0; grown; {
		grown = false
		for pid, parent := range parents() {
			if !known[parent] || known[pid] {
				continue
			}
			grown = true
			if err := enter(pid); err != nil {
				return err
			}
		}
	}
	return nil
}
