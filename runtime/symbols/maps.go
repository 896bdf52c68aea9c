package symbols

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// mappingSize is about what a mapping occupies, but for its path.
const mappingSize = int(unsafe.Sizeof(mapping{})) + 16

// mapping is a part of a process's memory that may hold code.
type mapping struct {
	start, end uint64
	offset     uint64 // in the file
	file       fileID
	path       string // as the process sees it, or a name such as [vdso]
}

// made reports whether the code was made while the process ran.
func (m mapping) made() bool {
	return m.file.inode == 0 && m.path != vdso ||
		strings.HasPrefix(m.path, "/memfd:") || strings.HasPrefix(m.path, "//anon")
}

// fileID tells files apart wherever they are mounted.
type fileID struct {
	device  string // major:minor in hexadecimal
	inode   uint64
	version version // not known before it is needed
}

// mappings are those of a process, ordered by address as the kernel writes them.
type mappings struct {
	list  []mapping
	bytes int  // that they occupy
	cut   bool // there were more than fit
}

// find returns the mapping of an address.
func (m *mappings) find(address uint64) (mapping, bool) {
	i, inside := slices.BinarySearchFunc(m.list, address, func(m mapping, a uint64) int {
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
	return m.list[i], true
}

// before returns the last mapping of a file that begins before an address; the first one
// of all if there is none.
func (m *mappings) before(address uint64) (found mapping, ok bool) {
	for _, one := range m.list {
		if one.file.inode == 0 || ok && one.start > address {
			continue
		}
		found, ok = one, true
	}
	return found, ok
}

// readMappings reads the executable mappings of a process, as many as there is room for.
// While the process executes another program, those of the one before may come, which
// would give wrong names; so they are read again.
func readMappings(pid, room int) (all mappings, err error) {
	const tries = 3
	for range tries {
		all, err = readMappingsOnce(pid, room)
		if err != nil || all.cut || all.ofProgram(pid) {
			break
		}
	}
	return all, err
}

// ofProgram reports whether the program that a process runs is among its mappings. A
// program can remove itself from there, and a process that has ended does not tell.
func (m mappings) ofProgram(pid int) bool {
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	program = strings.TrimSuffix(program, " (deleted)")
	return err != nil || slices.ContainsFunc(m.list, func(one mapping) bool { return one.path == program })
}

// aboutToExecute reports a child of ours that does not run its program yet, so that its
// memory is still ours: package os returns from starting it a little earlier.
func aboutToExecute(pid int) bool {
	const forkedOnly = 0x40 // PF_FORKNOEXEC of include/linux/sched.h
	fields := statusOf(pid)
	if len(fields) < 7 {
		return false
	}
	flags, err := strconv.ParseUint(fields[6], 10, 64)
	return err == nil && fields[1] == strconv.Itoa(os.Getpid()) && flags&forkedOnly != 0
}

// statusOf returns what /proc/PID/stat has behind the name; nothing of a process that is not
// there.
func statusOf(pid int) []string {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return strings.Fields(string(status[bytes.LastIndexByte(status, ')')+1:]))
}

func readMappingsOnce(pid, room int) (mappings, error) {
	return safeopen.WithinFor(pid, safeopen.Patience, func() (mappings, error) {
		file, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
		if err != nil {
			return mappings{}, err
		}
		defer file.Close()
		return parseMappings(file, room), nil
	})
}

// parseMappings reads lines such as "7f5a3000-7f5b9000 r-xp 00026000 08:01 1835
// /usr/lib/libc.so.6". Lines that make no sense are left out. A path or device that
// follows itself is kept once.
func parseMappings(from io.Reader, room int) (all mappings) {
	lines := bufio.NewReaderSize(from, 64<<10)
	var last mapping
	for {
		line, err := lines.ReadSlice('\n')
		if m, ok := parseMapping(line, last); ok && m.start >= last.end {
			size := mappingSize
			if m.path != last.path {
				size += len(m.path)
			}
			if all.bytes+size > room {
				all.cut = true
				break
			}
			all.bytes += size
			all.list, last = append(all.list, m), m
		}
		if err != nil {
			break
		}
	}
	all.list = slices.Clip(slices.Clone(all.list))
	return all
}

func parseMapping(line []byte, last mapping) (m mapping, ok bool) {
	fields := fieldsOf(line)
	if len(fields) < 2 || len(fields[1]) != 4 || fields[1][2] != 'x' {
		return m, false
	}
	return mappingOf(fields, last)
}

func fieldsOf(line []byte) [][]byte {
	return bytes.SplitN(bytes.TrimSuffix(line, []byte("\n")), []byte(" "), 6)
}

func mappingOf(fields [][]byte, last mapping) (m mapping, ok bool) {
	if len(fields) < 5 {
		return m, false
	}
	start, end, _ := strings.Cut(string(fields[0]), "-")
	var errs [4]error
	m.start, errs[0] = strconv.ParseUint(start, 16, 64)
	m.end, errs[1] = strconv.ParseUint(end, 16, 64)
	m.offset, errs[2] = strconv.ParseUint(string(fields[2]), 16, 64)
	m.file.inode, errs[3] = strconv.ParseUint(string(fields[4]), 10, 64)
	for _, err := range errs {
		if err != nil {
			return m, false
		}
	}
	m.file.device = reuse(last.file.device, fields[3])
	if len(fields) == 6 {
		m.path = reuse(last.path, bytes.TrimSuffix(bytes.TrimLeft(fields[5], " "), []byte(" (deleted)")))
	}
	return m, m.start < m.end
}

// reuse returns the text, or the last one if it is the same.
func reuse(last string, text []byte) string {
	if string(text) == last {
		return last
	}
	return string(text)
}
