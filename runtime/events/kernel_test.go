package events

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"golang.org/x/sys/unix"
)

const stride = 64

// load creates the kernel maps of an object.
func load(t testing.TB, o *object.Object) (map[string]*ebpf.Map, *Store) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("capability: CAP_BPF")
	}
	kernel := map[string]*ebpf.Map{}
	for name, spec := range o.Kernel {
		m, err := ebpf.NewMap(spec)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		kernel[name] = m
	}
	store, err := Open(o, kernel)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return kernel, store
}

func program(t testing.TB, code asm.Instructions) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.RawTracepoint, License: "GPL", Instructions: code})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// hammer runs the program from several threads until each ran it n times.
func hammer(t testing.TB, p *ebpf.Program, threads, n int) *sync.WaitGroup {
	var group sync.WaitGroup
	for range threads {
		group.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for range n {
				if _, err := p.Run(nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	return &group
}

func array(size int) *ebpf.MapSpec {
	return &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: uint32(size), MaxEntries: 1, Flags: 1 << 10} // BPF_F_MMAPABLE
}

// slotObject has one map without key in a row per CPU.
func slotObject(value *types.Type) (*object.Object, *object.Map) {
	m := &object.Map{Value: value, Storage: object.CPUSlot, Offset: 8}
	return &object.Object{Maps: []*object.Map{m}, Stride: stride,
		Kernel: map[string]*ebpf.MapSpec{object.PerCPUMap: array(stride * 64)}}, m
}

func hashObject(storage object.Storage, value *types.Type, entries int) (*object.Object, *object.Map) {
	key := types.NewLayout(0, types.Uint64)
	m := &object.Map{Key: &key, Value: value, Storage: storage, Kernel: "h", MaxEntries: entries}
	kind := ebpf.Hash
	if storage == object.CPUHash {
		kind = ebpf.PerCPUHash
	}
	return &object.Object{Maps: []*object.Map{m}, Kernel: map[string]*ebpf.MapSpec{
		"h": {Type: kind, KeySize: 8, ValueSize: uint32(value.Size), MaxEntries: uint32(entries), Flags: 1}}}, m // BPF_F_NO_PREALLOC
}

// addToRow adds 1 to the first word of this CPU's row, as compiled programs do: without an atomic operation.
func addToRow(rows *ebpf.Map) asm.Instructions {
	return asm.Instructions{
		asm.FnGetSmpProcessorId.Call(),
		asm.And.Imm(asm.R0, 63),
		asm.Mul.Imm(asm.R0, stride),
		asm.LoadMapValue(asm.R1, rows.FD(), 8),
		asm.Add.Reg(asm.R1, asm.R0),
		asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord),
		asm.Add.Imm(asm.R2, 1),
		asm.StoreMem(asm.R1, 0, asm.R2, asm.DWord),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}
}

// addToKey adds 1 to the count of key (random & mask).
func addToKey(h *ebpf.Map, mask int32) asm.Instructions {
	lookup := asm.Instructions{
		asm.LoadMapPtr(asm.R1, h.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -8),
	}
	code := asm.Instructions{
		asm.FnGetPrandomU32.Call(),
		asm.And.Imm(asm.R0, mask),
		asm.StoreMem(asm.RFP, -8, asm.R0, asm.DWord),
		asm.Mov.Imm(asm.R0, 0),
		asm.StoreMem(asm.RFP, -16, asm.R0, asm.DWord),
	}
	code = append(code, lookup...)
	code = append(code, asm.FnMapLookupElem.Call(), asm.JNE.Imm(asm.R0, 0, "found"))
	code = append(code, lookup...)
	code = append(code,
		asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, -16), asm.Mov.Imm(asm.R4, 1), // BPF_NOEXIST
		asm.FnMapUpdateElem.Call())
	code = append(code, lookup...)
	return append(code,
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "exit"),
		asm.Mov.Imm(asm.R1, 1).WithSymbol("found"),
		asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 0),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("exit"),
		asm.Return())
}

// report prints and clears until the threads are done, and once more; it returns what all reports say together.
func report(t *testing.T, m *Map, group *sync.WaitGroup) (total uint64, reports int) {
	t.Helper()
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	for last := false; !last; reports++ {
		select {
		case <-done:
			last = true
		default:
		}
		table, err := m.Read()
		if err != nil {
			t.Fatal(err)
		}
		for row := range table.Len() {
			total += table.Value(row).Word(0)
		}
		if err := m.Clear(table); err != nil {
			t.Fatal(err)
		}
	}
	return total, reports
}

const threads, runs = 8, 40_000

func TestReportsLoseNothingFromASlot(t *testing.T) {
	o, m := slotObject(types.NewAggregation(types.Count, false))
	kernel, store := load(t, o)
	group := hammer(t, program(t, addToRow(kernel[object.PerCPUMap])), threads, runs)
	total, reports := report(t, store.Map(m), group)
	if total != threads*runs {
		t.Errorf("%d reports hold %d events, want %d", reports, total, threads*runs)
	}
	t.Logf("%d reports", reports)
}

func TestReportsLoseNothingFromAHash(t *testing.T) {
	for _, mask := range []int32{0, 255, 8191} {
		o, m := hashObject(object.CPUHash, types.NewAggregation(types.Count, false), 65536)
		m.WriteOnly = true
		kernel, store := load(t, o)
		group := hammer(t, program(t, addToKey(kernel["h"], mask)), threads, runs)
		total, reports := report(t, store.Map(m), group)
		if total != threads*runs {
			t.Errorf("%d keys: %d reports hold %d events, want %d", mask+1, reports, total, threads*runs)
		}
		t.Logf("%d keys: %d reports", mask+1, reports)
	}
}

// Keys that no event touches for a generation leave the kernel's map.
func TestIdleKeysGo(t *testing.T) {
	o, m := hashObject(object.CPUHash, types.NewAggregation(types.Count, false), 1024)
	m.WriteOnly = true
	kernel, store := load(t, o)
	store.Map(m).patience = 0
	add := program(t, addToKey(kernel["h"], 63))
	for range 1000 {
		if _, err := add.Run(nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		table, err := store.Map(m).Read()
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Map(m).Clear(table); err != nil {
			t.Fatal(err)
		}
	}
	key := make([]byte, 8)
	if err := kernel["h"].NextKey(nil, key); err == nil {
		t.Errorf("key %d is still there", binary.NativeEndian.Uint64(key))
	}
}

// Where the script reads its map, clear really empties it, and what came after print is reported later.
func TestClearOfAMapThatTheScriptReads(t *testing.T) {
	o, m := hashObject(object.CPUHash, types.NewAggregation(types.Count, false), 1024)
	kernel, store := load(t, o)
	add := program(t, addToKey(kernel["h"], 0))
	run := func(n int) {
		for range n {
			if _, err := add.Run(nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	live := store.Map(m)
	run(5)
	printed := mustRead(t, live)
	run(3)
	if err := live.Clear(printed); err != nil {
		t.Fatal(err)
	}
	if err := kernel["h"].NextKey(nil, make([]byte, 8)); err == nil {
		t.Error("the kernel's map is not empty")
	}
	run(2)
	if got := mustRead(t, live).Value(0).Word(0); got != 5 {
		t.Errorf("after the clear: %d, want 3 + 2", got)
	}
	if v, ok, err := live.Lookup(make([]byte, 8)); err != nil || !ok || v.Word(0) != 5 {
		t.Errorf("lookup: %v %v %v", v, ok, err)
	}
}

func mustRead(t testing.TB, m *Map) *Table {
	t.Helper()
	table, err := m.Read()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestPlainHash(t *testing.T) {
	o, m := hashObject(object.Hash, types.Int64, 1024)
	kernel, store := load(t, o)
	live := store.Map(m)
	for i := range uint64(100) {
		if err := kernel["h"].Put(i, int64(50)-int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	table := mustRead(t, live)
	table.Sort()
	if table.Len() != 100 || table.Value(table.Row(0)).Int() != -49 || table.Value(table.Row(99)).Int() != 50 {
		t.Errorf("%d rows from %d", table.Len(), table.Value(table.Row(0)).Int())
	}
	if err := live.Zero(nil); err != nil {
		t.Fatal(err)
	}
	if table = mustRead(t, live); table.Len() != 100 || table.Value(7).Int() != 0 {
		t.Errorf("zero: %d rows", table.Len())
	}
	if err := live.Clear(table); err != nil {
		t.Fatal(err)
	}
	if table = mustRead(t, live); table.Len() != 0 {
		t.Errorf("clear: %d rows left", table.Len())
	}
}

// A bucket with more keys than a batch holds makes the kernel ask for a larger batch.
func TestBatchesGrow(t *testing.T) {
	hist := types.NewAggregation(types.Hist, true)
	o, m := hashObject(object.CPUHash, hist, 4096)
	kernel, store := load(t, o)
	rows := make([][types.HistBuckets]uint64, cpus(t))
	for cpu := range rows {
		rows[cpu][1] = uint64(cpu + 1)
	}
	for i := range uint64(1000) {
		put(t, kernel["h"], i, rows)
	}
	store.Map(m).source.(*hash).rows = 1
	want := uint64(len(rows) * (len(rows) + 1) / 2)
	if table := mustRead(t, store.Map(m)); table.Len() != 1000 || table.Value(5).Total() != want {
		t.Errorf("%d rows, one with %d events instead of %d", table.Len(), table.Value(5).Total(), want)
	}
}

func cpus(t testing.TB) int {
	t.Helper()
	n, err := ebpf.PossibleCPU()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// put is patient: per-CPU memory is refilled in the background.
func put(t testing.TB, m *ebpf.Map, key, value any) {
	t.Helper()
	err := m.Put(key, value)
	for try := 0; errors.Is(err, unix.ENOMEM) && try < 1000; try++ {
		time.Sleep(time.Millisecond)
		err = m.Put(key, value)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkMillionKeys(b *testing.B) {
	const keys = 1_000_000
	o, m := hashObject(object.CPUHash, types.NewAggregation(types.Count, false), keys)
	kernel, store := load(b, o)
	count := make([]uint64, cpus(b))
	for i := range uint64(keys) {
		count[0] = i * 7919 % 1000
		put(b, kernel["h"], i, count)
	}
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			mustRead(b, store.Map(m))
		}
	})
	b.Run("sort", func(b *testing.B) {
		table := mustRead(b, store.Map(m))
		b.ReportAllocs()
		for b.Loop() {
			table.Sort()
		}
	})
}
