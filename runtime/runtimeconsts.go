package runtime

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/symbols"
	"golang.org/x/sys/unix"
)

// findRuntimeConsts finds out what the script must know of this machine and hands each
// number to set, with its place in the kernel map "data". The error is diag.Diagnostics:
// it shows where the script asks for what is not there.
func findRuntimeConsts(consts []object.RuntimeConst, set func(offset int, value uint64)) error {
	kernel := symbols.NewKernel()
	var diagnostics diag.Diagnostics
	for _, c := range consts {
		value, err := find(c, kernel)
		if err != nil {
			diagnostics = append(diagnostics, diag.Diagnostic{Span: c.Source, Message: err.Error()})
		}
		set(c.Offset, value)
	}
	if len(diagnostics) > 0 {
		return diagnostics
	}
	return nil
}

// enterCgroups puts the control groups that programs ask about into their kernel map. The
// error is diag.Diagnostics.
func enterCgroups(cgroups []object.Cgroup, in *ebpf.Map) error {
	var diagnostics diag.Diagnostics
	for i, c := range cgroups {
		if err := enterCgroup(c.Folder, uint32(i), in); err != nil {
			diagnostics = append(diagnostics, diag.Diagnostic{Span: c.Source, Message: err.Error()})
		}
	}
	if len(diagnostics) > 0 {
		return diagnostics
	}
	return nil
}

func enterCgroup(folder string, index uint32, in *ebpf.Map) error {
	file, err := symbols.OpenCgroup(folder)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := in.Put(index, uint32(file.Fd())); err != nil {
		return fmt.Errorf("the kernel does not take %q for a cgroup: %w", folder, err)
	}
	return nil
}

func find(c object.RuntimeConst, kernel *symbols.Kernel) (uint64, error) {
	switch c.Kind {
	case object.CgroupID:
		return cgroupID(c.Text)
	case object.SymbolAddress:
		return symbolAddress(c.Text, kernel)
	case object.NamespaceDevice, object.NamespaceInode:
		return namespace(c.Kind)
	case object.TAIOffset:
		return taiOffset()
	case object.CommandID, object.HasCommand, object.Starting:
		return 0, nil // filled later
	}
	return 0, fmt.Errorf("this version of ponytrace cannot find out %d", c.Kind)
}

// cgroupID is the inode number of the folder, which on 64-bit machines is the ID that the
// kernel gives a cgroup.
// https://elixir.bootlin.com/linux/v5.10/source/include/linux/kernfs.h (kernfs_ino)
func cgroupID(folder string) (uint64, error) {
	var system unix.Statfs_t
	var status unix.Stat_t
	err := unix.Statfs(folder, &system)
	if err == nil {
		err = unix.Stat(folder, &status)
	}
	switch {
	case errors.Is(err, unix.ENOENT):
		return 0, fmt.Errorf("there is no folder %q", folder)
	case err != nil:
		return 0, fmt.Errorf("%q cannot be looked at: %w", folder, err)
	case system.Type != unix.CGROUP2_SUPER_MAGIC || status.Mode&unix.S_IFMT != unix.S_IFDIR:
		return 0, fmt.Errorf("%q is not the folder of a cgroup (version 2)", folder)
	}
	return status.Ino, nil
}

func symbolAddress(name string, kernel *symbols.Kernel) (uint64, error) {
	address, ok := kernel.Address(name)
	switch {
	case ok:
		return address, nil
	case kernel.Err() != nil:
		return 0, kernel.Err()
	}
	return 0, fmt.Errorf("this kernel has no symbol %s", name)
}

func namespace(kind object.RuntimeConstKind) (uint64, error) {
	var status unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &status); err != nil {
		return 0, fmt.Errorf("the PID namespace of ponytrace cannot be found: %w", err)
	}
	if kind == object.NamespaceInode {
		return status.Ino, nil
	}
	const minorBits = 20 // MINORBITS of include/linux/kdev_t.h
	return uint64(unix.Major(status.Dev))<<minorBits | uint64(unix.Minor(status.Dev)), nil
}

// taiOffset reads TAI between two readings of the monotonic clock, a few times, and
// believes the closest pair.
func taiOffset() (uint64, error) {
	best, offset := int64(1<<62), int64(0)
	for range 5 {
		before, tai, after := clock(unix.CLOCK_MONOTONIC), clock(unix.CLOCK_TAI), clock(unix.CLOCK_MONOTONIC)
		if after-before < best {
			best, offset = after-before, tai-before-(after-before)/2
		}
	}
	return uint64(offset), nil
}

func clock(id int32) int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(id, &now)
	return now.Nano()
}

// setRuntimeConst writes a word that the programs read, if they do.
func setRuntimeConst(o *object.Object, store *events.Store, kind object.RuntimeConstKind, value uint64) {
	for _, c := range o.RuntimeConsts {
		if c.Kind == kind {
			store.Set(c.Offset, value)
		}
	}
}
