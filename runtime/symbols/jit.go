package symbols

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/ponytrace/ponytrace/runtime/safeopen"
	"golang.org/x/sys/unix"
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
	// maxJITFile bounds what is read of a list.
	maxJITFile = 256 << 20
)

// openJIT opens the list in the process's own tree. Anybody may put a file there, so it
// must be one of the process's user or of root, and not a link. The list of an earlier
// process stays: in a container that is started again, numbers are the same each time.
func openJIT(pid int) (*safeopen.File, error) {
	file, err := safeopen.OpenLast(fmt.Sprintf("/proc/%d/root", pid), fmt.Sprintf("/tmp/perf-%d.map", innerPid(pid)))
	if err != nil {
		return nil, err
	}
	if !ownedBy(file, pid) {
		file.Close()
		return nil, os.ErrPermission
	}
	if writtenBefore(file, pid) {
		file.Close()
		return nil, os.ErrNotExist
	}
	return file, nil
}

// writtenBefore reports whether a file was written last before a process began, as far as
// that is known.
func writtenBefore(file *safeopen.File, pid int) bool {
	const slack = time.Second // the clock may have been set a little
	modified, err := file.Modified()
	began, known := beginning(pid)
	return err == nil && known && modified.Add(slack).Before(began)
}

// beginning is when a process began.
func beginning(pid int) (time.Time, bool) {
	const beginField, ticks = 19, 100 // behind the name; and of a second, wherever Linux runs
	fields := statusOf(pid)
	if len(fields) <= beginField {
		return time.Time{}, false
	}
	begin, err := strconv.ParseInt(fields[beginField], 10, 64)
	var up unix.Timespec
	err = errors.Join(err, unix.ClockGettime(unix.CLOCK_BOOTTIME, &up))
	return time.Now().Add(time.Duration(begin)*(time.Second/ticks) - time.Duration(up.Nano())), err == nil
}

// ownedBy reports whether a file belongs to the user that a process acts as, or to root.
func ownedBy(file *safeopen.File, pid int) bool {
	owner, err := file.Owner()
	if err != nil {
		return false
	}
	users := strings.Fields(statusLine(pid, "Uid:"))
	return owner == 0 || len(users) == 4 && users[1] == strconv.FormatUint(uint64(owner), 10)
}

// statusLine returns what /proc/PID/status has behind a heading, or "".
func statusLine(pid int, heading string) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, heading); ok {
			return rest
		}
	}
	return ""
}

// innerPid returns the process ID in the innermost namespace: the last number of "NSpid:
// 4711  1".
func innerPid(pid int) int {
	numbers := strings.Fields(statusLine(pid, "NSpid:"))
	if len(numbers) == 0 {
		return pid
	}
	inner, err := strconv.Atoi(numbers[len(numbers)-1])
	if err != nil {
		return pid
	}
	return inner
}

// stale reports whether the list may have grown since it was read.
func (j *jit) stale() bool { return time.Since(j.read) >= freshness }

// refresh reads the list anew when it has grown, as long as the process is there and as
// far as there is room.
func (j jit) refresh(pid, room int) jit {
	fresh, err := safeopen.WithinFor(pid, safeopen.Patience, func() (jit, error) {
		file, err := openJIT(pid)
		if err != nil {
			return j, err
		}
		defer file.Close()
		size, _, err := file.Stat()
		if err != nil || size == j.size {
			return j, err
		}
		fresh := parseJIT(io.LimitReader(file, maxJITFile), room)
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
			if !made.add(entry, name, room) {
				break
			}
		}
		if err != nil {
			break
		}
	}
	made.order()
	return made
}

// add adds code as the latest, if there is room for it.
func (j *jit) add(e jitEntry, name []byte, room int) bool {
	if j.cut = j.bytesUsed()+jitEntrySize+len(name) > min(room, maxJITNames); j.cut {
		return false
	}
	e.name, e.long = uint32(len(j.names)), uint16(len(name))
	j.entries, j.names = append(j.entries, e), append(j.names, name...)
	return true
}

// order sorts by address, and leaves out what is gone: runtimes make code in the place of
// code that they have freed, so that an entry which begins inside of a later one is. Of
// two the later one has the name that stands behind the other's.
//
//	1000          1100          1200
//	   | old          |            gone: it begins in new
//	| new      |
//	                     | other |
func (j *jit) order() {
	slices.SortFunc(j.entries, func(a, b jitEntry) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.name, a.name))
	})
	kept := make([]jitEntry, 0, len(j.entries))
	var over latestFirst // what lies over the place, and what ended before it
	for i, e := range j.entries {
		for len(over) > 0 && over[0].end() <= e.start {
			heap.Pop(&over)
		}
		again := i > 0 && j.entries[i-1].start == e.start
		if !again && (len(over) == 0 || over[0].name <= e.name) {
			kept = append(kept, e)
		}
		heap.Push(&over, e)
	}
	j.entries = slices.Clip(kept)
	j.shrinkNames()
}

// latestFirst is a heap.
type latestFirst []jitEntry

func (l latestFirst) Len() int           { return len(l) }
func (l latestFirst) Less(i, j int) bool { return l[i].name > l[j].name }
func (l latestFirst) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *latestFirst) Push(e any)        { *l = append(*l, e.(jitEntry)) }
func (l *latestFirst) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

// shrinkNames forgets the names of what is gone once they are half of all.
func (j *jit) shrinkNames() {
	used := 0
	for _, e := range j.entries {
		used += int(e.long)
	}
	if 2*used > len(j.names) {
		j.names = slices.Clone(j.names)
		return
	}
	names := make([]byte, 0, used)
	slices.SortFunc(j.entries, func(a, b jitEntry) int { return cmp.Compare(a.name, b.name) })
	for i := range j.entries {
		e := &j.entries[i]
		text := j.names[e.name:][:e.long]
		e.name, names = uint32(len(names)), append(names, text...)
	}
	j.names = names
	slices.SortFunc(j.entries, func(a, b jitEntry) int { return cmp.Compare(a.start, b.start) })
}

// end is behind the last byte.
func (e jitEntry) end() uint64 {
	if e.size > math.MaxUint64-e.start {
		return math.MaxUint64
	}
	return e.start + e.size
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
