package symbols

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// What is read of a file serves all processes that have it mapped. A process that maps
// another file into the same place meanwhile, or puts another one at the path in its own
// tree, must not give its names to all of them. So only the very file is taken that its
// map told of.

// openMapped opens the file of a mapping: through map_files, which finds it even when it
// was deleted or replaced; or by its path in the process's own tree, and then in ours.
func openMapped(pid int, m mapping) (*safeopen.File, error) {
	paths := []string{m.inFiles(pid)}
	if strings.HasPrefix(m.path, "/") {
		paths = append(paths, m.inTree(pid), m.path)
	}
	for _, path := range paths {
		file, err := safeopen.Open(path)
		if err != nil {
			continue
		}
		if m.isOf(file) || path == m.path && m.isBelow(file) {
			return file, nil
		}
		file.Close()
	}
	return nil, os.ErrNotExist
}

// passing reports whether a file could not be read for the sake of the process alone:
// what one that has ended does not lead to any more, another may.
func passing(pid int, err error) bool {
	if errors.Is(err, os.ErrNotExist) {
		_, program := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		return program != nil
	}
	return errors.Is(err, safeopen.ErrBusy)
}

// goneFiles are those that processes which have ended do not lead to, as far as they were
// asked for: many stacks of one process print at the end.
type goneFiles map[goneFile]bool

type goneFile struct {
	pid  int
	file fileID
}

func (g goneFiles) has(pid int, m mapping) bool { return g[goneFile{pid, m.file}] }

// lacks reports whether a process that has ended did not lead to a file before.
func (u *User) lacks(pid int, m mapping) bool {
	p := u.processes[pid]
	return (p == nil || p.ended) && u.gone.has(pid, m)
}

// add enters a file that failed, unless it may come later.
func (g goneFiles) add(pid int, m mapping, err error) {
	if errors.Is(err, safeopen.ErrBusy) {
		return
	}
	if len(g) >= maxImages {
		clear(g)
	}
	g[goneFile{pid, m.file}] = true
}

// located is the path by which the debug file is found. That of a file that our own tree
// has comes from there: in its own tree a process may put what it likes.
func (m mapping) located(pid int) string {
	ours, err := safeopen.Open(m.path)
	if err != nil {
		return m.inTree(pid)
	}
	defer ours.Close()
	if !m.isOf(ours) && !m.isBelow(ours) {
		return m.inTree(pid)
	}
	return m.path
}

// isOf reports whether the mapping is of the file. Of file systems in layers, and of
// those with volumes (btrfs), maps have other numbers than stat(2): there the numbers
// count that a mapping of our own has.
func (m mapping) isOf(file *safeopen.File) bool {
	device, inode, err := file.Numbers()
	if err != nil {
		return false
	}
	if m.file.bare() == (fileID{device: device, inode: inode}) {
		return true
	}
	mapped := false
	err = file.WhileMapped(func(at uint64) error {
		own, err := ownMapping(at)
		mapped = own.file == m.file.bare()
		return err
	})
	return mapped && err == nil
}

// isBelow reports whether the mapping is of the layer below a file: of that, the kernel
// may tell while mappings are made (mapEvents), and the file has its inode. In our own
// tree root alone mounts layers.
func (m mapping) isBelow(file *safeopen.File) bool {
	_, inode, err := file.Numbers()
	return err == nil && inode == m.file.inode && file.Layered()
}

// ownMapping is the mapping of ours that begins at an address.
func ownMapping(at uint64) (mapping, error) {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return mapping{}, err
	}
	defer maps.Close()
	start := fmt.Appendf(nil, "%08x-", at)
	lines := bufio.NewReaderSize(maps, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if bytes.HasPrefix(line, start) {
			if m, ok := mappingOf(fieldsOf(line), mapping{}); ok {
				return m, nil
			}
		}
		if err != nil {
			return mapping{}, err
		}
	}
}
