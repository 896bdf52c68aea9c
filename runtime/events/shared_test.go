package events

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// shared is an aggregation that the script reads, over memory of ours.
func shared(kind *types.Aggregation) (*Map, memory) {
	m := &object.MapSpec{Value: types.NewAggregation(kind, true), Storage: object.Slot, Offset: 8}
	data := memory(make([]byte, 8+m.Value.Size))
	return newMap(m, newSharedSlot(m, data)), data
}

func TestClearOfASharedAggregation(t *testing.T) {
	for _, test := range []struct {
		name                string
		kind                *types.Aggregation
		printed, then, left []int64 // left is nil where the map is gone
	}{
		{"count, unchanged", builtin.Count, []int64{5}, []int64{5}, nil},
		{"count", builtin.Count, []int64{5}, []int64{7}, []int64{2}},
		{"sum", builtin.Sum, []int64{5, 1}, []int64{-2, 1}, []int64{-7, 1}},
		{"sum, unchanged", builtin.Sum, []int64{5, 1}, []int64{5, 1}, nil},
		{"avg", builtin.Avg, []int64{10, 2}, []int64{13, 3}, []int64{3, 1}},
		{"min", builtin.Min, []int64{5, 1}, []int64{3, 1}, []int64{3, 1}},
		{"max, unchanged", builtin.Max, []int64{5, 1}, []int64{5, 1}, nil},
	} {
		m, data := shared(test.kind)
		set(data, 8, test.printed...)
		printed := mustRead(t, m)
		set(data, 8, test.then...)
		if err := m.Clear(printed); err != nil {
			t.Fatal(err)
		}
		next := mustRead(t, m)
		if (next.Len() == 1) != (test.left != nil) || next.Len() == 1 && string(next.rawValue(0)) != string(row(test.left...)) {
			t.Errorf("%s: %d rows, % x", test.name, next.Len(), next.Values)
		}
	}
}

func TestZeroOfASharedAggregation(t *testing.T) {
	m, data := shared(builtin.Count)
	set(data, 8, 5)
	if err := m.Zero(nil); err != nil {
		t.Fatal(err)
	}
	if next := mustRead(t, m); next.Len() != 1 || next.Value(0).Word(0) != 0 {
		t.Errorf("%d rows after zero()", next.Len())
	}
	if err := m.Clear(nil); err != nil {
		t.Fatal(err)
	}
	if next := mustRead(t, m); next.Len() != 0 {
		t.Error("the map is still there after clear()")
	}
}

// However many threads count while reports are printed and cleared, each event is in one
// of them.
func TestReportsLoseNothingFromASharedCount(t *testing.T) {
	n := testkit.Choose(1000, 10_000, 40_000)
	m := &object.MapSpec{Value: types.NewAggregation(builtin.Count, false), Storage: object.Slot, Offset: 8}
	o := &object.Object{Maps: []*object.MapSpec{m}, Kernel: map[string]*ebpf.MapSpec{object.DataMap: array(16)}}
	kernel, store := load(t, o)
	count := program(t, asm.Instructions{
		asm.LoadMapValue(asm.R1, kernel[object.DataMap].FD(), 8),
		asm.Mov.Imm(asm.R2, 1),
		asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	})
	total, reports := report(t, store.Map(m), hammer(t, count, threads, n))
	if total != uint64(threads*n) {
		t.Errorf("%d reports hold %d events, want %d", reports, total, threads*n)
	}
}

func TestMergeOfPlainValues(t *testing.T) {
	pair := types.NewTuple(types.Int64, types.Int64)
	for _, test := range []struct {
		t    *types.Type
		rows [][]byte
		want []byte
	}{
		{types.Int64, [][]byte{row(5), row(-7)}, row(-2)},
		{types.NewInt(1, false), [][]byte{{200}, {100}}, []byte{44}},
		{types.NewString(8), [][]byte{make([]byte, 8), []byte("first\x00\x00\x00"), []byte("second\x00\x00")}, []byte("first\x00\x00\x00")},
		{pair, [][]byte{row(0, 0), row(0, 1), row(2, 2)}, row(0, 1)},
	} {
		merged := make([]byte, test.t.Size)
		for _, other := range test.rows {
			Merge(test.t, merged, other)
		}
		if string(merged) != string(test.want) {
			t.Errorf("%s: % x, want % x", test.t, merged, test.want)
		}
	}
}

func TestMergeOfSeries(t *testing.T) {
	last := builtin.NewTimeSeries(types.Int64, 1e9, 3)
	sum := builtin.NewTimeSeries(types.NewAggregation(builtin.Sum, true), 1e9, 2)
	for _, test := range []struct {
		t                *types.Type
		row, other, want []byte
	}{
		{last, row(4, 1, 100, 0, 0, 0, 6, 3, 300), row(1, 9, 9, 5, 2, 200, 6, 4, 301), row(4, 1, 100, 5, 2, 200, 6, 4, 301)},
		{last, row(4, 1, 100, 0, 0, 0, 0, 0, 0), row(4, 2, 99, 0, 0, 0, 0, 0, 0), row(4, 1, 100, 0, 0, 0, 0, 0, 0)},
		{sum, row(3, 10, 1, 0, 0, 0), row(3, 5, 1, 2, 7, 1), row(3, 15, 1, 2, 7, 1)},
	} {
		merged := append([]byte(nil), test.row...)
		Merge(test.t, merged, test.other)
		if string(merged) != string(test.want) {
			t.Errorf("%s: % x, want % x", test.t, merged, test.want)
		}
	}
	empty := Value{last, make([]byte, last.Size)}
	if !empty.Empty() {
		t.Error("a series without an event is not empty")
	}
}

// clear() of a series leaves of it what was not printed.
func TestClearOfASeries(t *testing.T) {
	series := builtin.NewTimeSeries(types.Int64, 1e9, 2)
	o, m := hashObject(object.Hash, series, 16)
	kernel, store := load(t, o)
	put(t, kernel["h"], uint64(1), row(2, 5, 1, 3, 6, 2))
	printed := mustRead(t, store.Map(m))
	put(t, kernel["h"], uint64(1), row(4, 7, 3, 3, 6, 2))
	if err := store.Map(m).Clear(printed); err != nil {
		t.Fatal(err)
	}
	if next := mustRead(t, store.Map(m)); next.Len() != 1 || string(next.rawValue(0)) != string(row(4, 7, 3, 0, 0, 0)) {
		t.Errorf("%d rows, % x", next.Len(), next.Values)
	}
}

func TestPerCPUValues(t *testing.T) {
	o, m := hashObject(object.CPUHash, types.Int64, 16)
	kernel, store := load(t, o)
	rows := make([]uint64, cpus(t))
	for cpu := range rows {
		rows[cpu] = uint64(cpu + 1)
	}
	put(t, kernel["h"], uint64(1), rows)
	want := int64(len(rows) * (len(rows) + 1) / 2)
	if table := mustRead(t, store.Map(m)); table.Len() != 1 || table.Value(0).Int() != want {
		t.Errorf("%d rows, value %d, want %d", table.Len(), table.Value(0).Int(), want)
	}
}

// What the kernel evicts takes nothing along: a key that comes back after a clear counts
// from 1.
func TestEvictedKeys(t *testing.T) {
	o, m := countsOf(ebpf.LRUCPUHash)
	m.WriteOnly = true
	kernel, store := load(t, o)
	live := store.Map(m)
	live.grace = func() { select {} }
	count := make([]uint64, cpus(t))
	count[0] = 5
	put(t, kernel["h"], uint64(1), count)
	if err := live.Clear(mustRead(t, live)); err != nil {
		t.Fatal(err)
	}
	_ = kernel["h"].Delete(uint64(1))
	count[0] = 1
	put(t, kernel["h"], uint64(1), count)
	if table := mustRead(t, live); table.Len() != 1 || table.Value(0).Word(0) != 1 {
		t.Errorf("%d rows, % x", table.Len(), table.Values)
	}
}

// Keys that are removed are gone, and count from 1 when they come back; the others stay,
// for programs that read the map, too.
func TestKeep(t *testing.T) {
	for _, writeOnly := range []bool{false, true} {
		o, m := hashObject(object.CPUHash, types.NewAggregation(builtin.Count, false), 64)
		m.WriteOnly = writeOnly
		kernel, store := load(t, o)
		live, count := store.Map(m), make([]uint64, cpus(t))
		for key := range uint64(3) {
			count[0] = key + 1
			put(t, kernel["h"], key, count)
		}
		table := mustRead(t, live)
		table.Sort()
		kept, dropped := table.Split(1)
		if kept.Len() != 1 || kept.Value(0).Word(0) != 3 || dropped.Len() != 2 {
			t.Errorf("the largest of three: %d rows kept, %d dropped", kept.Len(), dropped.Len())
		}
		if err := live.Keep(kept, table); err != nil {
			t.Fatal(err)
		}
		if n := kernelKeys(t, kernel["i"]); store.Load(inUse) != 1 || !writeOnly && n != 1 {
			t.Errorf("write only %v: programs use map %d and find %d keys", writeOnly, store.Load(inUse), n)
		}
		for range 2 {
			if next := mustRead(t, live); next.Len() != 1 || next.Value(0).Word(0) != 3 {
				t.Errorf("write only %v: %d rows, % x", writeOnly, next.Len(), next.Values)
			}
			drained(t, live)
		}
	}
}

func TestSplit(t *testing.T) {
	key := types.NewLayout(0, types.Uint64)
	table := NewTable(&object.MapSpec{Key: &key, Value: types.NewAggregation(builtin.Count, false)})
	for _, n := range []int64{2, 3, 1} {
		table.Append(row(n), row(n))
	}
	table.Sort()
	for top, want := range map[int64]string{2: string(row(2, 3)), -1: string(row(1)), 0: "", 9: string(row(1, 2, 3)), -9: string(row(1, 2, 3))} {
		kept, dropped := table.Split(top)
		if string(kept.Values) != want || kept.Len()+dropped.Len() != 3 {
			t.Errorf("split at %d keeps % x, want % x", top, kept.Values, want)
		}
	}
}

func TestAlign(t *testing.T) {
	key := types.NewLayout(0, types.Uint64)
	first := NewTable(&object.MapSpec{Key: &key, Value: types.NewAggregation(builtin.Count, false)})
	second := NewTable(&object.MapSpec{Key: &key, Value: types.NewAggregation(builtin.Avg, true)})
	first.Append(row(1), row(5))
	first.Append(row(2), row(6))
	second.Append(row(3), row(7, 1))
	second.Append(row(1), row(8, 2))
	aligned := Align([]*Table{first, second})
	if string(aligned[0].Keys) != string(row(1, 2, 3)) || string(aligned[1].Keys) != string(row(1, 2, 3)) {
		t.Errorf("keys % x and % x", aligned[0].Keys, aligned[1].Keys)
	}
	if string(aligned[0].Values) != string(row(5, 6, 0)) || string(aligned[1].Values) != string(row(8, 2, 0, 0, 7, 1)) {
		t.Errorf("values % x and % x", aligned[0].Values, aligned[1].Values)
	}
}
