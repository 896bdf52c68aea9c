package symbols

import (
	"errors"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/binary/cfi"
	"golang.org/x/sys/unix"
)

// shards is what the kernel has of tables.
type shards map[int][]cfi.Row

func (s shards) store(shard, first int, rows []cfi.Row) error {
	if len(s[shard]) != first || first+len(rows) > object.ShardRows {
		return errors.New("a table in the wrong place")
	}
	s[shard] = append(s[shard], rows...)
	return nil
}

// The code of a process that runs C: its program, libc and the vdso have ranges, whose
// rows are where they say.
func TestRanges(t *testing.T) {
	pid, mapped := running(t)
	kept := shards{}
	f := NewCallers(kept.store)
	ranges, err := f.Ranges(pid)
	if err != nil || f.Full || f.Cut {
		t.Fatal(err, f.Full, f.Cut)
	}
	for _, m := range mapped {
		if m.file.inode != 0 || m.path == vdso {
			checkCovered(t, m, ranges, kept)
		}
	}
	before := f.next
	if again, err := f.Ranges(pid); err != nil || len(again) != len(ranges) || f.next != before {
		t.Errorf("again %d ranges and %d rows, %v", len(again), f.next-before, err)
	}
}

// Of a process with too much code the first part has ranges, and that is told.
func TestTooManyRanges(t *testing.T) {
	f := NewCallers(shards{}.store)
	library := libraryCode(t)
	file, err := os.Open(library.path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for range object.MaxRanges {
		code, err := unix.Mmap(int(file.Fd()), int64(library.offset), os.Getpagesize(), unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Munmap(code)
	}
	ranges, err := f.Ranges(os.Getpid())
	if err != nil || len(ranges) != object.MaxRanges-1 || !f.Cut || f.Full {
		t.Errorf("%d ranges, %v, cut: %v, full: %v", len(ranges), err, f.Cut, f.Full)
	}
}

// libraryCode is the code of the C library.
func libraryCode(t *testing.T) mapping {
	_, mapped := running(t)
	return mapped[slices.IndexFunc(mapped, isLibrary)]
}

func isLibrary(m mapping) bool { return strings.HasPrefix(path.Base(m.path), "libc") }

// running is a process that runs C, and what it has mapped.
func running(t *testing.T) (pid int, mapped []mapping) {
	t.Helper()
	program, err := exec.LookPath("cat")
	testkit.Need(t, "cat", err == nil)
	cmd := exec.Command(program)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid, settled(t, cmd.Process.Pid)
}

// settled waits for the C library, behind the program, its linker and the kernel's code.
func settled(t *testing.T, pid int) []mapping {
	for range 1000 {
		mapped, err := readMappings(pid, maxMappings)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(mapped.list, isLibrary) {
			return mapped.list
		}
		time.Sleep(time.Millisecond)
	}
	testkit.Need(t, "cat with shared libraries", false)
	return nil
}

func checkCovered(t *testing.T, m mapping, ranges []Range, kept shards) {
	t.Helper()
	for _, r := range ranges {
		if r.Start > m.start || r.End < m.end {
			continue
		}
		rows := kept[r.Shard][r.First : r.First+r.Rows]
		if rows[0].Place > uint32(r.Start-r.Base) || rows[len(rows)-1].Place < uint32(r.Start-r.Base) {
			t.Errorf("%s: rows from %x to %x for %x", m.path, rows[0].Place, rows[len(rows)-1].Place, r.Start-r.Base)
		}
		return
	}
	t.Errorf("%s has no range in %x", m.path, ranges)
}

// A table that is larger than the rest of a shard goes on in the next, and one that is
// larger than the room there is not taken.
func TestShards(t *testing.T) {
	kept := shards{}
	f := NewCallers(kept.store)
	rows := make([]cfi.Row, object.ShardRows+10)
	for i := range rows {
		rows[i].Place = uint32(16 * i)
	}
	f.place(rows[:100])
	pieces := f.place(rows)
	end := uint64(16 * (object.ShardRows - 100))
	want := []piece{{0, end, 0, 100, object.ShardRows - 100}, {end, 1 << 32, 1, 0, 110}}
	if len(pieces) != 2 || pieces[0] != want[0] || pieces[1] != want[1] {
		t.Errorf("%+v, want %+v", pieces, want)
	}
	m := mapping{start: 0x7000_0000, end: 0x7000_0000 + end + 64, offset: 0}
	first, ok := m.covers(pieces[0])
	second, also := m.covers(pieces[1])
	if !ok || !also || first.End != second.Start || second.End != m.end || second.Base != m.start {
		t.Errorf("%x and %x of %x", first, second, m)
	}
	if _, ok := (mapping{start: 0x7000_0000, end: 0x7000_1000, offset: end}).covers(pieces[0]); ok {
		t.Error("a piece that ends before the mapping covers it")
	}
	for range object.MaxShards {
		f.place(rows)
	}
	if !f.Full || len(kept) > object.MaxShards {
		t.Errorf("full: %v, %d shards", f.Full, len(kept))
	}
}

// A process that is not there has no ranges.
func TestNoRanges(t *testing.T) {
	f := NewCallers(shards{}.store)
	if _, err := f.Ranges(1 << 22); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
