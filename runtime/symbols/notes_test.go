package symbols

import (
	"encoding/binary"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"golang.org/x/sys/unix"
)

// Of two mappings at an address the later one counts, whenever its note comes; a new
// process of an old number has nothing of the old one, and what its parent has.
func TestNotes(t *testing.T) {
	n := &notes{most: 1 << 20}
	at := func(start uint64, path string) mapping { return mapping{start: start, end: start + 16, path: path} }
	n.mapped(7, at(100, "later"), 20)
	n.mapped(7, at(100, "earlier"), 10)
	n.mapped(7, at(200, "old"), 5)
	n.forked(8, 7, 30)
	n.mapped(8, at(300, "child"), 31)
	check := func(pid int, address uint64, want string) {
		t.Helper()
		if m, _ := n.find(pid, address); m.path != want {
			t.Errorf("%d %d: %q, want %q", pid, address, m.path, want)
		}
	}
	check(7, 99, "")
	check(7, 100, "later")
	check(7, 115, "later")
	check(7, 116, "")
	check(8, 100, "")
	check(8, 315, "child")
	if n.parent(8) != 7 || n.parent(7) != 0 || n.parent(6) != 0 {
		t.Errorf("parents %d, %d, %d", n.parent(8), n.parent(7), n.parent(6))
	}
	n.forked(7, 1, 15)
	check(7, 100, "later")
	check(7, 200, "")
	n.forked(7, 1, 40)
	check(7, 100, "")
}

// However many processes begin, and however often one maps something, notes stay within
// their memory; the last ones are known.
func TestNotesAreBounded(t *testing.T) {
	n := &notes{most: 20_000}
	for pid := 1; pid <= 1000; pid++ {
		n.forked(pid, 1, uint64(pid))
		for i := range uint64(5) {
			n.mapped(pid, mapping{start: i * 16, end: i*16 + 16, path: strings.Repeat("x", pid%100)}, uint64(pid))
		}
	}
	if _, known := n.find(1000, 70); n.used > n.most || !n.forgot || !known || len(n.processes) > 100 {
		t.Errorf("%d bytes for %d processes, the last one known: %v", n.used, len(n.processes), known)
	}
	for i := range uint64(10 * maxNotes) {
		n.mapped(1000, mapping{start: i * 16, end: i*16 + 16}, 2000+i)
	}
	if p := n.processes[1000]; len(p.list) > maxNotes || n.used != p.bytes {
		t.Errorf("%d mappings, %d bytes of %d", len(p.list), p.bytes, n.used)
	}
}

// Records that make no sense are left out, and those of threads.
func TestRecords(t *testing.T) {
	n := &notes{most: 1 << 20}
	fork := perfRecord(unix.PERF_RECORD_FORK, 9, 5, 9, 5, 0, 0, 77, 0)
	thread := perfRecord(unix.PERF_RECORD_FORK, 5, 5, 6, 5, 0, 0, 77, 0)
	mapped := perfRecord(unix.PERF_RECORD_MMAP2, 9, 9, 4096, 0, 4096, 0, 8192, 0, 8, 1, 33, 0, 0, 0, 5, 2)
	mapped = append(mapped, "/bin/x\x00\x00\x4e\x00\x00\x00\x00\x00\x00\x00"...)
	for _, whole := range [][]byte{fork, thread, mapped} {
		for size := recordHeader; size < len(whole); size++ {
			enterRecord(n, whole[:size])
		}
	}
	n = &notes{most: 1 << 20}
	if lost := enterRecord(n, fork) + enterRecord(n, thread) + enterRecord(n, mapped); lost != 0 {
		t.Errorf("%d lost", lost)
	}
	m, _ := n.find(9, 4100)
	want := mapping{4096, 8192, 8192, fileID{device: "08:01", inode: 33}, "/bin/x"}
	if m != want || n.parent(9) != 5 || n.processes[5] != nil {
		t.Errorf("%+v, want %+v, of %d", m, want, n.parent(9))
	}
	if lost := enterRecord(n, perfRecord(unix.PERF_RECORD_LOST, 1, 0, 12, 0, 0, 0)); lost != 12 {
		t.Errorf("%d lost, want 12", lost)
	}
}

// perfRecord is one of perf with words of 32 bits behind its header.
func perfRecord(kind uint32, words ...uint32) []byte {
	text := binary.NativeEndian.AppendUint32(nil, kind)
	text = binary.NativeEndian.AppendUint32(text, 0)
	for _, word := range words {
		text = binary.NativeEndian.AppendUint32(text, word)
	}
	return text
}

// A process whose end came before anybody looked at it has names, where its mappings were
// noted, and else none. Notes that found no room are counted.
func TestEndedProcesses(t *testing.T) {
	testkit.Need(t, "root", os.Geteuid() == 0)
	u := NewUser(true, 64<<20)
	if err := u.Note(); err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	const processes = 100
	var pids []int
	for range processes {
		child := exec.Command(os.Args[0], "-test.run=^$")
		if err := child.Run(); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, child.Process.Pid)
		u.Await(0)
	}
	here := uint64(reflect.ValueOf(TestEndedProcesses).Pointer())
	unnoted := NewUser(true, 64<<20)
	for _, pid := range slices.Compact(pids) {
		s, ok := u.Lookup(pid, here+1)
		if right := ok && strings.HasSuffix(s.Name, ".TestEndedProcesses"); !right && (ok || u.Lost() == 0) {
			t.Errorf("%d: %v, %v", pid, s, ok)
		}
		if s, ok := unnoted.Lookup(pid, here+1); ok {
			t.Errorf("%d has %v without notes", pid, s)
		}
	}
}
