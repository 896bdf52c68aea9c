package symbols

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/runtime/safeopen"
	"golang.org/x/sys/unix"
)

// version tells what a file has from what it, or another one with its inode, had before:
// who compiles a program again may get the same inode.
type version struct{ size, seconds, nanoseconds int64 }

// bare is the file in all its versions.
func (f fileID) bare() fileID { return fileID{device: f.device, inode: f.inode} }

// versions are those of files that were mapped when it was last asked.
type versions map[fileID]version

// of asks for the version of a mapped file: through the mapping, or, as the dynamic
// linker changes that when a program begins, through its path. Once the process is gone,
// the last one that was seen counts. It is not known where there is none.
func (v versions) of(pid int, m mapping) (seen version, known bool) {
	seen, err := safeopen.WithinFor(pid, safeopen.Patience, func() (version, error) {
		seen, err := versionOf(m.inFiles(pid))
		if errors.Is(err, os.ErrNotExist) && strings.HasPrefix(m.path, "/") {
			return versionOf(m.inTree(pid))
		}
		return seen, err
	})
	if err != nil {
		last, known := v[m.file.bare()]
		return last, known || !errors.Is(err, os.ErrNotExist)
	}
	if len(v) >= maxImages {
		clear(v)
	}
	v[m.file.bare()] = seen
	return seen, true
}

// inFiles and inTree are paths of the file of a mapping. The first leads to it whatever
// its own path leads to by now, as long as the mapping is as it was.
func (m mapping) inFiles(pid int) string {
	return fmt.Sprintf("/proc/%d/map_files/%x-%x", pid, m.start, m.end)
}

func (m mapping) inTree(pid int) string { return fmt.Sprintf("/proc/%d/root%s", pid, m.path) }

// versionOf takes what is known of a file, without asking the server that may have it.
func versionOf(path string) (version, error) {
	var info unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, unix.STATX_SIZE|unix.STATX_MTIME, &info)
	return version{int64(info.Size), info.Mtime.Sec, int64(info.Mtime.Nsec)}, err
}

// versioned adds the version to the file of a mapping. It is asked for once for as long
// as the mappings of the process are not read again, and not when that has ended: many
// stacks are printed then.
func (u *User) versioned(pid int, m mapping) mapping {
	switch p := u.processes[pid]; {
	case m.file.inode == 0 || m.file.version != (version{}):
	case p == nil || p.ended:
		m.file.version = u.versions[m.file.bare()]
	default:
		m.file.version, _ = u.versions.of(pid, m)
		p.mappings.setVersion(m)
	}
	return m
}

// setVersion keeps the version for the next question.
func (m *mappings) setVersion(of mapping) {
	i, found := slices.BinarySearchFunc(m.list, of.start, func(m mapping, start uint64) int {
		return cmp.Compare(m.start, start)
	})
	if found && m.list[i].file.bare() == of.file.bare() {
		m.list[i].file.version = of.file.version
	}
}
