package events

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"golang.org/x/sys/unix"
)

const stride = 64

// load creates the kernel maps of an object.
func load(t testing.TB, o *object.Object) (map[string]*ebpf.Map, *Store) {
	t.Helper()
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
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
func slotObject(value *types.Type) (*object.Object, *object.MapSpec) {
	m := &object.MapSpec{Value: value, Storage: object.CPUSlot, Offset: 8}
	return &object.Object{Maps: []*object.MapSpec{m}, Stride: stride,
		Kernel: map[string]*ebpf.MapSpec{object.PerCPUMap: array(stride * 64)}}, m
}

func hashObject(storage object.Storage, value *types.Type, entries int) (*object.Object, *object.MapSpec) {
	key := types.NewLayout(0, types.Uint64)
	m := &object.MapSpec{Key: &key, Value: value, Storage: storage, Kernel: "h", Other: "i", Generation: inUse, MaxEntries: entries}
	kind := ebpf.Hash
	if storage == object.CPUHash {
		kind = ebpf.PerCPUHash
	}
	spec := &ebpf.MapSpec{Type: kind, KeySize: 8, ValueSize: uint32(value.Size), MaxEntries: uint32(entries), Flags: 1} // BPF_F_NO_PREALLOC
	return &object.Object{Maps: []*object.MapSpec{m}, Kernel: map[string]*ebpf.MapSpec{
		"h": spec, "i": spec.Copy(), object.DataMap: array(16)}}, m
}

// inUse is where "data" says which of the maps "h" and "i" programs use.
const inUse = 8

// addToRow adds 1 to the first word of this CPU's row, as compiled programs do: without
// an atomic operation.
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

// addToKey adds 1 to the count of key (random & mask), in the map that the word of "data"
// tells, as compiled programs do.
func addToKey(kernel map[string]*ebpf.Map, mask int32) asm.Instructions {
	code := asm.Instructions{
		asm.FnGetPrandomU32.Call(),
		asm.And.Imm(asm.R0, mask),
		asm.StoreMem(asm.RFP, -8, asm.R0, asm.DWord),
		asm.Mov.Imm(asm.R0, 0),
		asm.StoreMem(asm.RFP, -16, asm.R0, asm.DWord),
		asm.LoadMapValue(asm.R1, kernel[object.DataMap].FD(), inUse),
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord),
		asm.JNE.Imm(asm.R1, 0, "i"),
	}
	code = append(code, addTo(kernel["h"], "h")...)
	return append(code, addTo(kernel["i"], "i")...)
}

func addTo(h *ebpf.Map, name string) asm.Instructions {
	lookup := func(symbol string) asm.Instructions {
		return asm.Instructions{
			asm.LoadMapPtr(asm.R1, h.FD()).WithSymbol(symbol),
			asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, -8),
		}
	}
	code := append(lookup(name), asm.FnMapLookupElem.Call(), asm.JNE.Imm(asm.R0, 0, name+"found"))
	code = append(code, lookup("")...)
	code = append(code,
		asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, -16), asm.Mov.Imm(asm.R4, 1), // BPF_NOEXIST
		asm.FnMapUpdateElem.Call())
	code = append(code, lookup("")...)
	return append(code,
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, name+"exit"),
		asm.Mov.Imm(asm.R1, 1).WithSymbol(name+"found"),
		asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 0),
		asm.Mov.Imm(asm.R0, 0).WithSymbol(name+"exit"),
		asm.Return())
}

// report prints and clears until the threads are done, and once more; it returns what all
// reports say together.
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

const threads = 8

func TestReportsLoseNothingFromASlot(t *testing.T) {
	n := testkit.Choose(1000, 10_000, 40_000)
	o, m := slotObject(types.NewAggregation(builtin.Count, false))
	kernel, store := load(t, o)
	group := hammer(t, program(t, addToRow(kernel[object.PerCPUMap])), threads, n)
	total, reports := report(t, store.Map(m), group)
	if total != uint64(threads*n) {
		t.Errorf("%d reports hold %d events, want %d", reports, total, threads*n)
	}
	t.Logf("%d reports", reports)
}

func TestReportsLoseNothingFromAHash(t *testing.T) {
	n := testkit.Choose(200, 2_000, 4_000)
	for _, kind := range []ebpf.MapType{ebpf.PerCPUHash, ebpf.Hash, ebpf.LRUCPUHash, ebpf.LRUHash} {
		for _, mask := range []int32{0, 255, 8191} {
			for _, writeOnly := range []bool{true, false} {
				o, m := countsOf(kind)
				m.WriteOnly = writeOnly
				kernel, store := load(t, o)
				group := hammer(t, program(t, addToKey(kernel, mask)), threads, n)
				total, reports := report(t, store.Map(m), group)
				if total != uint64(threads*n) {
					t.Errorf("%v, %d keys: %d reports hold %d events, want %d", kind, mask+1, reports, total, threads*n)
				}
				t.Logf("%v, %d keys: %d reports", kind, mask+1, reports)
			}
		}
	}
}

// countsOf has a map that counts, in kernel maps of a type.
func countsOf(kind ebpf.MapType) (*object.Object, *object.MapSpec) {
	storage := object.Hash
	if kind == ebpf.PerCPUHash || kind == ebpf.LRUCPUHash {
		storage = object.CPUHash
	}
	o, m := hashObject(storage, types.NewAggregation(builtin.Count, false), 65536)
	for _, name := range []string{m.Kernel, m.Other} {
		o.Kernel[name].Type = kind
		if kind == ebpf.LRUHash || kind == ebpf.LRUCPUHash {
			o.Kernel[name].Flags = 0
		}
	}
	return o, m
}

// drained waits until programs have left the map that was cleared.
func drained(t testing.TB, m *Map) {
	t.Helper()
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if err := m.settle(); err != nil {
		t.Fatal(err)
	}
}

// Each round has as many fresh keys as the map may hold; clear() makes room for the next.
func TestClearMakesRoom(t *testing.T) {
	o, m := hashObject(object.CPUHash, types.NewAggregation(builtin.Count, false), 64)
	for _, name := range []string{m.Kernel, m.Other} {
		o.Kernel[name].Flags = 0
	}
	kernel, store := load(t, o)
	live := store.Map(m)
	for round := range uint64(5) {
		for key := range uint64(64) {
			rows := make([]uint64, cpus(t))
			rows[0] = 1
			name := []string{m.Kernel, m.Other}[store.Load(inUse)]
			if err := kernel[name].Put(64*round+key, rows); err != nil {
				t.Fatalf("round %d, key %d: %v", round, key, err)
			}
		}
		printed := mustRead(t, live)
		if printed.Len() != 64 {
			t.Errorf("round %d: %d keys, want 64", round, printed.Len())
		}
		if err := live.Clear(printed); err != nil {
			t.Fatal(err)
		}
		drained(t, live)
	}
	for _, name := range []string{m.Kernel, m.Other} {
		if err := kernel[name].NextKey(nil, make([]byte, 8)); !errors.Is(err, ebpf.ErrKeyNotExist) {
			t.Errorf("map %s is not empty: %v", name, err)
		}
	}
}

// Programs find the map empty after a clear, and what came after print is reported later.
func TestClearOfAMapThatTheScriptReads(t *testing.T) {
	o, m := hashObject(object.CPUHash, types.NewAggregation(builtin.Count, false), 1024)
	kernel, store := load(t, o)
	add := program(t, addToKey(kernel, 0))
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
	if err := kernel[m.Other].NextKey(nil, make([]byte, 8)); store.Load(inUse) != 1 || !errors.Is(err, ebpf.ErrKeyNotExist) {
		t.Errorf("programs use map %d and find a key: %v", store.Load(inUse), err)
	}
	run(2)
	for range 2 {
		if got := mustRead(t, live).Value(0).Word(0); got != 5 {
			t.Errorf("after the clear: %d, want 3 + 2", got)
		}
		if v, ok, err := live.Lookup(make([]byte, 8)); err != nil || !ok || v.Word(0) != 5 {
			t.Errorf("lookup: %v %v %v", v, ok, err)
		}
		drained(t, live)
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
	if n := kernelKeys(t, kernel[m.Other]); store.Load(inUse) != 1 || n != 100 {
		t.Errorf("programs use map %d and find %d keys", store.Load(inUse), n)
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
	hist := types.NewAggregation(builtin.Hist, true)
	o, m := hashObject(object.CPUHash, hist, 4096)
	kernel, store := load(t, o)
	const histBuckets = 66
	rows := make([][histBuckets]uint64, cpus(t))
	for cpu := range rows {
		rows[cpu][1] = uint64(cpu + 1)
	}
	for i := range uint64(1000) {
		put(t, kernel["h"], i, rows)
	}
	store.Map(m).now.source.(*hash).rows = 1
	want := uint64(len(rows) * (len(rows) + 1) / 2)
	if table := mustRead(t, store.Map(m)); table.Len() != 1000 || types.Row(table.Value(5).Raw).Total() != want {
		t.Errorf("%d rows, one with %d events instead of %d", table.Len(), types.Row(table.Value(5).Raw).Total(), want)
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
	o, m := hashObject(object.CPUHash, types.NewAggregation(builtin.Count, false), keys)
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

func kernelKeys(t testing.TB, m *ebpf.Map) (n int) {
	t.Helper()
	var previous any
	for key := make([]byte, m.KeySize()); ; n++ {
		err := m.NextKey(previous, key)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		previous = append([]byte(nil), key...)
	}
}

// A key that the kernel dropped is neither there nor taken by a clear.
func TestDropped(t *testing.T) {
	o, m := countsOf(ebpf.LRUHash)
	kernel, store := load(t, o)
	live := store.Map(m)
	for key := range uint64(7) {
		put(t, kernel["h"], key, uint64(1))
	}
	if err := kernel["h"].Delete(uint64(3)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n, err := live.Dropped(7); n != 1 || err != nil {
			t.Errorf("%d keys were dropped, %v; want 1", n, err)
		}
		if err := live.Clear(nil); err != nil {
			t.Fatal(err)
		}
		drained(t, live)
	}
}

// A maximum that is printed and cleared belongs to one report: a smaller one that comes
// after it was read is in the next.
func TestReadToClear(t *testing.T) {
	o, m := hashObject(object.CPUHash, types.NewAggregation(builtin.Max, false), 64)
	m.WriteOnly = true
	kernel, store := load(t, o)
	live := store.Map(m)
	update := func(key, value uint64) {
		rows := make([][2]uint64, cpus(t))
		rows[0] = [2]uint64{value, 1}
		put(t, kernel[[]string{m.Kernel, m.Other}[store.Load(inUse)]], key, rows)
	}
	update(1, 9)
	printed, err := live.ReadToClear()
	if err != nil || printed.Len() != 1 || printed.Value(0).Word(0) != 9 {
		t.Fatalf("%d rows, % x, %v", printed.Len(), printed.Values, err)
	}
	update(1, 3)
	if err := live.Clear(printed); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if next := mustRead(t, live); next.Len() != 1 || next.Value(0).Word(0) != 3 {
			t.Errorf("%d rows, % x, want 3", next.Len(), next.Values)
		}
		drained(t, live)
	}
	printed, err = live.ReadToClear()
	if err != nil || printed.Value(0).Word(0) != 3 {
		t.Fatalf("% x, %v", printed.Values, err)
	}
	if next := mustRead(t, live); next.Value(0).Word(0) != 3 {
		t.Errorf("without a clear: % x, want 3", next.Values)
	}
}
