package runtime

import (
	"bytes"
	"encoding/binary"
	"os"
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/binary/cfi"
	"github.com/ponytrace/ponytrace/runtime/symbols"
)

// Rows go to shards that the programs have, and to no other.
func TestRefusedShard(t *testing.T) {
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	inner := &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4096, MaxEntries: 1, Flags: 1 << 10} // BPF_F_MMAPABLE
	outer := kernelMap(t, &ebpf.MapSpec{Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1, InnerMap: inner})
	u := &unwinder{maps: map[string]*ebpf.Map{object.FramesMap: outer}, shards: inner}
	defer u.close()
	if err := u.store(0, 0, []cfi.Row{{Place: 1}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := u.store(1, 0, []cfi.Row{{Place: 2}}); err == nil {
			t.Error("rows go to a shard that no program has")
		}
	}
	if err := u.store(0, 1, []cfi.Row{{Place: 3}}); err != nil || u.shard.number != 0 {
		t.Errorf("the last shard is %d, %v", u.shard.number, err)
	}
}

// What has no tables is told, each kind once.
func TestStacksWithoutTables(t *testing.T) {
	var out bytes.Buffer
	u := &unwinder{callers: symbols.NewCallers(nil), notices: &notices{to: &out}}
	u.tell()
	u.callers.Cut = true
	u.tell()
	u.callers.Full = true
	u.tell()
	u.tell()
	const want = "Stacks of some programs are followed by frame pointers in part: they have more than 255 pieces of code\n" +
		"Stacks of some programs are followed by frame pointers: the tables of all take more than 32 MiB\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// unwinding makes an unwinder that has room for some processes.
func unwinding(t *testing.T, room uint32) (*unwinder, *ebpf.Map) {
	t.Helper()
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	processes, err := ebpf.NewMap(&ebpf.MapSpec{
		Type: ebpf.Hash, KeySize: 8, ValueSize: object.UnwindSize, MaxEntries: room,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { processes.Close() })
	u := &unwinder{
		maps: map[string]*ebpf.Map{object.UnwindMap: processes}, known: map[uint64]*unwound{},
		wanted: make([]byte, 8*object.WantedWords), traced: new(atomic.Int64),
	}
	u.callers = symbols.NewCallers(func(shard, first int, rows []cfi.Row) error { return nil })
	return u, processes
}

func has(processes *ebpf.Map, pid uint64) bool {
	value, err := processes.LookupBytes(pid)
	return err == nil && value != nil
}

// A process whose code is the same gets its ranges again only where a program found none:
// it has executed the same program again.
func TestUnwinderBringsAgain(t *testing.T) {
	u, processes := unwinding(t, 8)
	pid := uint64(os.Getpid())
	note := func(word uint64) bool {
		if p := u.known[pid]; p != nil {
			p.rest = 0
		}
		binary.NativeEndian.PutUint64(u.wanted[8*(pid%object.WantedWords):], word)
		u.look()
		return has(processes, pid)
	}
	if !note(pid) {
		t.Fatal("a process that is wanted has no ranges")
	}
	if err := processes.Delete(pid); err != nil {
		t.Fatal(err)
	}
	if note(pid) {
		t.Error("ranges came that had not changed")
	}
	if !note(pid | object.WantedAll) {
		t.Error("a process that has no ranges gets none")
	}
}

// Where there is no room, the last process gets it.
func TestUnwinderMakesRoom(t *testing.T) {
	u, processes := unwinding(t, 4)
	for pid := range uint64(20) {
		if u.put(pid, nil); !has(processes, pid) {
			t.Errorf("process %d has no ranges", pid)
		}
	}
}
