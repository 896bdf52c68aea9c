package symbols

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// jit names the code that a process makes while it runs: runtimes such as those of Java
// and JavaScript can be told to list it in /tmp/perf-PID.map, with the process ID that
// they see themselves
// (https://elixir.bootlin.com/linux/v6.12/source/tools/perf/Documentation/jit-interface.txt).
type jit struct {
	entries []jitEntry
	names   []byte
	size    int64
	read    time.Time
	cut     bool // there were more than fit
}

// jitEntry is 24 bytes; its name is a part of jit.names.
type jitEntry struct {
	start uint64
	size  uint64
	name  uint32
	long  uint16
}

const (
	jitEntrySize = int(unsafe.Sizeof(jitEntry{}))
	// maxJITNames bounds jit.names, so that jitEntry.name can tell where a name is.
	maxJITNames = 1 << 30
)

func jitPath(pid int) string {
	return fmt.Sprintf("/proc/%d/root/tmp/perf-%d.map", pid, innerPid(pid))
}

// innerPid returns the process ID in the innermost namespace: the last number of "NSpid:
// 4711  1".
func innerPid(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return pid
	}
	for line := range strings.Lines(string(status)) {
		if numbers, ok := strings.CutPrefix(line, "NSpid:"); ok {
			fields := strings.Fields(numbers)
			if inner, err := strconv.Atoi(fields[max(0, len(fields)-1)]); err == nil {
				return inner
			}
		}
	}
	return pid
}

// stale reports whether the list may have grown since it was read.
func (j *jit) stale() bool { return time.Since(j.read) >= freshness }

// refresh reads the list anew when it has grown, as long as the process is there and as
// far as there is room.
func (j jit) refresh(pid, room int) jit {
	fresh, err := safeopen.Within(safeopen.Patience, func() (jit, error) {
		file, err := safeopen.Open(jitPath(pid))
		if err != nil {
			return j, err
		}
		defer file.Close()
		size, _, err := file.Stat()
		if err != nil || size == j.size {
			return j, err
		}
		fresh := parseJIT(file, room)
		fresh.size = size
		return fresh, nil
	})
	if err != nil {
		fresh = j
	}
	fresh.read = time.Now()
	return fresh
}

// parseJIT reads lines such as "7f2a1000 40 LazyCompile:*loop app.js:3". The later one of
// two for the same place counts.
func parseJIT(from io.Reader, room int) (made jit) {
	lines := bufio.NewReaderSize(from, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if entry, name, ok := parseJITEntry(line); ok {
			if made.cut = made.bytesUsed()+jitEntrySize+len(name) > min(room, maxJITNames); made.cut {
				break
			}
			entry.name, entry.long = uint32(len(made.names)), uint16(len(name))
			made.entries, made.names = append(made.entries, entry), append(made.names, name...)
		}
		if err != nil {
			break
		}
	}
	slices.Reverse(made.entries)
	slices.SortStableFunc(made.entries, func(a, b jitEntry) int { return cmp.Compare(a.start, b.start) })
	made.entries = slices.CompactFunc(made.entries, func(a, b jitEntry) bool { return a.start == b.start })
	made.entries, made.names = slices.Clone(made.entries), slices.Clone(made.names)
	return made
}

func parseJITEntry(line []byte) (entry jitEntry, name []byte, ok bool) {
	fields := bytes.SplitN(bytes.TrimSuffix(line, []byte("\n")), []byte(" "), 3)
	if len(fields) < 3 {
		return entry, nil, false
	}
	start, err := strconv.ParseUint(strings.TrimPrefix(string(fields[0]), "0x"), 16, 64)
	if err != nil {
		return entry, nil, false
	}
	size, err := strconv.ParseUint(strings.TrimPrefix(string(fields[1]), "0x"), 16, 64)
	return jitEntry{start: start, size: size}, fields[2][:min(len(fields[2]), maxName)], err == nil
}

func (j *jit) bytesUsed() int { return jitEntrySize*len(j.entries) + len(j.names) }

func (j *jit) name(e jitEntry) string { return string(j.names[e.name:][:e.long]) }

func (j *jit) lookup(address uint64) (Symbol, bool) {
	after, _ := slices.BinarySearchFunc(j.entries, address, func(e jitEntry, a uint64) int {
		if e.start <= a {
			return -1
		}
		return 1
	})
	if after == 0 || address-j.entries[after-1].start >= j.entries[after-1].size {
		return Symbol{}, false
	}
	entry := j.entries[after-1]
	return Symbol{Name: j.name(entry), Offset: address - entry.start}, true
}
