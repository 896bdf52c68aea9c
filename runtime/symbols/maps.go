package symbols

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// maxMappings bounds what is taken of /proc/PID/maps; the kernel itself allows 65,530 by default.
const maxMappings = 1 << 17

// mapping is a part of a process's memory that may hold code.
type mapping struct {
	start, end uint64
	offset     uint64 // in the file
	file       fileID
	path       string // as the process sees it, or a name such as [vdso]
}

// fileID tells files apart wherever they are mounted.
type fileID struct {
	device string // major:minor in hexadecimal
	inode  uint64
}

// readMappings reads the executable mappings of a process, ordered by address as the kernel writes them.
func readMappings(pid int) ([]mapping, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parseMappings(file), nil
}

// parseMappings reads lines such as "7f5a3000-7f5b9000 r-xp 00026000 08:01 1835 /usr/lib/libc.so.6". Lines that make no
// sense are left out.
func parseMappings(from io.Reader) []mapping {
	var list []mapping
	lines := bufio.NewReaderSize(from, 64<<10)
	for len(list) < maxMappings {
		line, err := lines.ReadSlice('\n')
		if m, ok := parseMapping(line); ok && (len(list) == 0 || m.start >= list[len(list)-1].end) {
			list = append(list, m)
		}
		if err != nil {
			break
		}
	}
	return list
}

func parseMapping(line []byte) (m mapping, ok bool) {
	fields := bytes.SplitN(bytes.TrimSuffix(line, []byte("\n")), []byte(" "), 6)
	if len(fields) < 5 || len(fields[1]) != 4 || fields[1][2] != 'x' {
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
	m.file.device = string(fields[3])
	if len(fields) == 6 {
		m.path = strings.TrimSuffix(strings.TrimLeft(string(fields[5]), " "), " (deleted)")
	}
	return m, m.start < m.end
}
