package symbols

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ponytrace/ponytrace/runtime/regular"
	"golang.org/x/sys/unix"
)

// User resolves addresses of processes.
type User struct {
	mutex     sync.Mutex
	processes map[int]*process
	images    map[fileID]*image // nil where a file could not be read
	demangle  bool
	bytes     int
}

// process is what is known of the memory of a process. It stays known when the process has gone.
type process struct {
	mappings []mapping
	read     time.Time
	made     jit
}

// The caches are emptied when they are larger; and a process may have loaded a library or another program after so long.
const (
	maxProcesses = 4096
	maxImages    = 4096
	maxBytes     = 1 << 30
	freshness    = time.Second
)

// NewUser returns a resolver that knows nothing yet. With demangle, names of C++ and Rust become those of their source.
func NewUser(demangle bool) *User {
	return &User{processes: map[int]*process{}, images: map[fileID]*image{}, demangle: demangle}
}

// Lookup returns the function that an address of a process lies in; Module is the file as the process sees it, "[unknown]"
// where there is none.
func (u *User) Lookup(pid int, address uint64) (Symbol, bool) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	m, ok := u.find(pid, address)
	if !ok {
		return Symbol{}, false
	}
	if m.file.inode == 0 && m.path != vdso || strings.HasPrefix(m.path, "/memfd:") || strings.HasPrefix(m.path, "//anon") {
		return u.lookupMade(pid, address)
	}
	i := u.image(pid, m)
	if i == nil {
		return Symbol{}, false
	}
	symbol, ok := i.lookup(address - m.start + m.offset)
	symbol.Module = m.path
	return symbol, ok
}

// lookupMade looks among the functions that the process made while it ran.
func (u *User) lookupMade(pid int, address uint64) (Symbol, bool) {
	made := &u.processes[pid].made
	made.refresh(jitPath(pid))
	symbol, ok := made.lookup(address)
	symbol.Module = "[unknown]"
	return symbol, ok
}

// Remember reads the memory map of a process now, for the time when it will have gone; but not if that was done less than age ago.
func (u *User) Remember(pid int, age time.Duration) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if p := u.processes[pid]; p == nil || time.Since(p.read) >= age {
		u.refresh(pid)
	}
}

// find returns the mapping of an address.
func (u *User) find(pid int, address uint64) (mapping, bool) {
	p := u.processes[pid]
	if p == nil || time.Since(p.read) > freshness {
		p = u.refresh(pid)
	}
	if p == nil {
		return mapping{}, false
	}
	i, inside := slices.BinarySearchFunc(p.mappings, address, func(m mapping, a uint64) int {
		switch {
		case m.end <= a:
			return -1
		case m.start > a:
			return 1
		}
		return 0
	})
	if !inside {
		return mapping{}, false
	}
	return p.mappings[i], true
}

// refresh reads the mappings anew. Of a process that has ended the old ones remain.
func (u *User) refresh(pid int) *process {
	mappings, err := readMappings(pid)
	p := u.processes[pid]
	if err != nil || len(mappings) == 0 {
		if p != nil {
			p.read = time.Now()
		}
		return p
	}
	if p == nil {
		if len(u.processes) >= maxProcesses {
			clear(u.processes)
		}
		p = &process{}
		u.processes[pid] = p
	}
	p.mappings, p.read = mappings, time.Now()
	return p
}

// image returns the functions of the file behind a mapping, or nil.
func (u *User) image(pid int, m mapping) *image {
	if m.path == vdso {
		m.file = fileID{device: vdso}
	} else if m.file.inode == 0 {
		return nil
	}
	i, known := u.images[m.file]
	if !known {
		i = u.load(pid, m)
	}
	return i
}

func (u *User) load(pid int, m mapping) *image {
	i, err := readMapped(pid, m)
	if err != nil {
		i = nil
	}
	if len(u.images) >= maxImages || u.bytes > maxBytes {
		clear(u.images)
		u.bytes = 0
	}
	u.images[m.file] = i
	if i != nil {
		i.raw = !u.demangle
		u.bytes += i.bytesUsed()
	}
	return i
}

func readMapped(pid int, m mapping) (*image, error) {
	if m.path == vdso {
		return readVDSO()
	}
	file, err := openMapped(pid, m)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readImage(file)
}

// openMapped opens the file of a mapping: through map_files, which finds it even when it was deleted or replaced; or by its
// path in the process's own tree, and then in ours, if that is still the same file.
func openMapped(pid int, m mapping) (*os.File, error) {
	if file, err := regular.Open(fmt.Sprintf("/proc/%d/map_files/%x-%x", pid, m.start, m.end)); err == nil {
		return file, nil
	}
	if !strings.HasPrefix(m.path, "/") {
		return nil, os.ErrNotExist
	}
	for _, path := range []string{fmt.Sprintf("/proc/%d/root%s", pid, m.path), m.path} {
		file, err := regular.Open(path)
		if err != nil {
			continue
		}
		if sameInode(file, m.file.inode) {
			return file, nil
		}
		file.Close()
	}
	return nil, os.ErrNotExist
}

func sameInode(file *os.File, inode uint64) bool {
	var info unix.Stat_t
	return unix.Fstat(int(file.Fd()), &info) == nil && info.Ino == inode
}

// vdso is the name of the code that the kernel maps into every process.
const vdso = "[vdso]"

// readVDSO reads our own copy, which is everybody's.
func readVDSO() (*image, error) {
	mappings, err := readMappings(os.Getpid())
	if err != nil {
		return nil, err
	}
	memory, err := os.Open("/proc/self/mem")
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	for _, m := range mappings {
		if m.path != vdso || m.end-m.start > 1<<20 {
			continue
		}
		text := make([]byte, m.end-m.start)
		if _, err := memory.ReadAt(text, int64(m.start)); err != nil {
			return nil, err
		}
		return readImage(bytes.NewReader(text))
	}
	return nil, os.ErrNotExist
}
