package symbols

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/lang/order"
	"golang.org/x/sys/unix"
)

// Cgroups finds the paths of control groups by their IDs, which are the inode numbers of
// their folders. It is not safe for concurrent use.
type Cgroups struct {
	hierarchies []hierarchy
	paths       map[cgroupKey]string
}

// hierarchy is a mounted tree of control groups.
type hierarchy struct {
	name  string // "unified" for that of version 2, else the last part of the mount point
	mount string
}

type cgroupKey struct {
	id      uint64
	pattern string
}

const (
	maxCgroupPaths   = 4096
	maxCgroupFolders = 100_000
)

// Lookup returns the paths of a group in the hierarchies whose names match a pattern ("*"
// stands for any text; the empty pattern matches all), as "unified:/system.slice,cpu:/";
// nothing when it is in none of them.
func (c *Cgroups) Lookup(id uint64, pattern string) string {
	if pattern == "" {
		pattern = "*"
	}
	key := cgroupKey{id, pattern}
	if found, ok := c.paths[key]; ok {
		return found
	}
	found := c.find(id, pattern)
	if found == "" {
		return ""
	}
	if c.paths == nil || len(c.paths) >= maxCgroupPaths {
		c.paths = map[cgroupKey]string{}
	}
	c.paths[key] = found
	return found
}

func (c *Cgroups) find(id uint64, pattern string) string {
	if c.hierarchies == nil {
		c.hierarchies = mountedHierarchies("/proc/self/mounts")
	}
	var found []string
	for _, h := range c.hierarchies {
		if matches, err := path.Match(pattern, h.name); err != nil || !matches {
			continue
		}
		if where, ok := h.find(id); ok {
			found = append(found, h.name+":"+where)
		}
	}
	return strings.Join(found, ",")
}

// unescaped are characters that the kernel writes as numbers there.
var unescaped = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`, `\043`, "#")

// mountedHierarchies lists the hierarchy of version 2 first, then the others by name.
func mountedHierarchies(mounts string) []hierarchy {
	file, err := os.Open(mounts)
	if err != nil {
		return nil
	}
	defer file.Close()
	var first, others []hierarchy
	lines := bufio.NewReader(file)
	for err == nil {
		var line string
		line, err = lines.ReadString('\n') // of file systems with hundreds of layers, it is long
		fields := strings.Fields(line)
		switch {
		case len(fields) < 3:
		case fields[2] == "cgroup2":
			first = append(first, hierarchy{"unified", unescaped.Replace(fields[1])})
		case fields[2] == "cgroup":
			mount := unescaped.Replace(fields[1])
			others = append(others, hierarchy{filepath.Base(mount), mount})
		}
	}
	order.Stable(others, func(a, b hierarchy) int { return strings.Compare(a.name, b.name) })
	return append(first, others...)
}

// find returns the path of a group below the mount point: asked of the kernel by handle,
// or else looked for.
func (h hierarchy) find(id uint64) (string, bool) {
	full, err := h.byHandle(id)
	switch {
	case err == nil:
		return h.below(full)
	case errors.Is(err, unix.ESTALE): // there is no such group
		return "", false
	}
	return h.walk(id)
}

// kernfsHandle is FILEID_KERNFS, the type of a file handle that is the 64-bit ID of a
// node (https://elixir.bootlin.com/linux/v6.12/source/include/linux/exportfs.h).
const kernfsHandle = 0xfe

// byHandle fails with ESTALE when there is no such group, and otherwise when the question
// cannot be asked: it needs CAP_DAC_READ_SEARCH.
func (h hierarchy) byHandle(id uint64) (string, error) {
	mount, err := unix.Open(h.mount, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(mount)
	var system unix.Statfs_t
	if err := unix.Fstatfs(mount, &system); err != nil || system.Type != unix.CGROUP2_SUPER_MAGIC && system.Type != unix.CGROUP_SUPER_MAGIC {
		return "", errors.Join(err, errors.ErrUnsupported)
	}
	handle := unix.NewFileHandle(kernfsHandle, binary.NativeEndian.AppendUint64(nil, id))
	folder, err := unix.OpenByHandleAt(mount, handle, unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return "", err
	}
	defer unix.Close(folder)
	full, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(folder))
	if strings.HasSuffix(full, " (deleted)") {
		return "", unix.ESTALE
	}
	return full, err
}

func (h hierarchy) below(full string) (string, bool) {
	where, ok := strings.CutPrefix(full, h.mount)
	if where == "" {
		where = "/"
	}
	return where, ok
}

// walk looks at every group.
func (h hierarchy) walk(id uint64) (where string, ok bool) {
	folders := 0
	_ = filepath.WalkDir(h.mount, func(full string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil
		}
		if folders++; folders > maxCgroupFolders {
			return filepath.SkipAll
		}
		var info unix.Stat_t
		if unix.Lstat(full, &info) == nil && info.Ino == id {
			where, ok = h.below(full)
			return filepath.SkipAll
		}
		return nil
	})
	return where, ok
}
