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

	"github.com/ponytrace/ponytrace/runtime/regular"
)

// jit names the code that a process makes while it runs: runtimes such as those of Java and JavaScript can be told to list it in
// /tmp/perf-PID.map, with the process ID that they see themselves
// (https://elixir.bootlin.com/linux/v6.12/source/tools/perf/Documentation/jit-interface.txt).
type jit struct {
	entries []jitEntry
	size    int64
	read    time.Time
}

type jitEntry struct {
	start, size uint64
	name        string
}

// The largest list that is taken.
const (
	maxJITBytes   = 64 << 20
	maxJITEntries = 1 << 20
)

func jitPath(pid int) string {
	return fmt.Sprintf("/proc/%d/root/tmp/perf-%d.map", pid, innerPid(pid))
}

// innerPid returns the process ID in the innermost namespace: the last number of "NSpid:  4711  1".
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

// refresh reads the list anew when it has grown, as long as the process is there.
func (j *jit) refresh(path string) {
	if time.Since(j.read) < freshness {
		return
	}
	j.read = time.Now()
	file, err := regular.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() == j.size {
		return
	}
	j.size = info.Size()
	j.entries = parseJIT(io.LimitReader(file, maxJITBytes))
}

// parseJIT reads lines such as "7f2a1000 40 LazyCompile:*loop app.js:3". The later one of two for the same place counts.
func parseJIT(from io.Reader) []jitEntry {
	var entries []jitEntry
	lines := bufio.NewReaderSize(from, 64<<10)
	for len(entries) < maxJITEntries {
		line, err := lines.ReadSlice('\n')
		if entry, ok := parseJITEntry(line); ok {
			entries = append(entries, entry)
		}
		if err != nil {
			break
		}
	}
	slices.Reverse(entries)
	slices.SortStableFunc(entries, func(a, b jitEntry) int { return cmp.Compare(a.start, b.start) })
	return slices.CompactFunc(entries, func(a, b jitEntry) bool { return a.start == b.start })
}

func parseJITEntry(line []byte) (entry jitEntry, ok bool) {
	fields := bytes.SplitN(bytes.TrimSuffix(line, []byte("\n")), []byte(" "), 3)
	if len(fields) < 3 {
		return entry, false
	}
	start, err := strconv.ParseUint(strings.TrimPrefix(string(fields[0]), "0x"), 16, 64)
	if err != nil {
		return entry, false
	}
	size, err := strconv.ParseUint(strings.TrimPrefix(string(fields[1]), "0x"), 16, 64)
	name := fields[2][:min(len(fields[2]), maxName)]
	return jitEntry{start, size, string(name)}, err == nil
}

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
	return Symbol{Name: entry.name, Offset: address - entry.start}, true
}
