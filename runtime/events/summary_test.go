package events

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// quantilesObject has a map of quantiles with keys, which the kernel keeps in parts.
func quantilesObject() (*object.Object, *object.MapSpec) {
	value := builtin.NewQuantiles(true, []int64{50_000_000, 100_000_000})
	stored := value.Record.Stored(value)
	o, m := hashObject(object.CPUHash, stored.Part, 4096)
	m.Value, m.Stored, m.Parts, m.WriteOnly = value, stored.Part, stored.Parts, true
	for _, name := range []string{m.Kernel, m.Other} {
		o.Kernel[name].KeySize += 8
	}
	return o, m
}

// observe adds n values of a bucket to a key, on the first CPU.
func observe(t *testing.T, kernel *ebpf.Map, key uint64, bucket, n int) {
	t.Helper()
	rows := make([][64]uint64, cpus(t))
	place := [2]uint64{key, uint64(bucket / 64)}
	_ = kernel.Lookup(place, &rows)
	rows[0][bucket%64] += uint64(n)
	put(t, kernel, place, rows)
}

// summaries are the count and the values by key.
func summaries(table *Table) map[uint64][3]uint64 {
	all := map[uint64][3]uint64{}
	for row := range table.Len() {
		v := table.Value(row)
		all[table.KeyPart(row, 0).Uint()] = [3]uint64{v.Word(0), v.Word(1), v.Word(2)}
	}
	return all
}

func expect(t *testing.T, what string, live *Map, want map[uint64][3]uint64) *Table {
	t.Helper()
	table := mustRead(t, live)
	got := summaries(table)
	if len(got) != len(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
	for key := range want {
		if got[key] != want[key] {
			t.Errorf("%s: %d has %v, want %v", what, key, got[key], want[key])
		}
	}
	return table
}

func TestSummaries(t *testing.T) {
	o, m := quantilesObject()
	kernel, store := load(t, o)
	live := store.Map(m)
	observe(t, kernel["h"], 1, 5, 10)     // 5
	observe(t, kernel["h"], 1, 70, 20)    // 70
	observe(t, kernel["h"], 2, 3776+9, 3) // -9
	observe(t, kernel["h"], 2, 3776+90, 1)
	minus := func(n uint64) uint64 { return -n }
	table := expect(t, "read", live, map[uint64][3]uint64{1: {30, 70, 70}, 2: {4, minus(9), minus(9)}})
	if v, ok, err := live.Lookup([]byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil || !ok || v.Word(0) != 30 {
		t.Errorf("one key: %v %v", ok, err)
	}
	if _, ok, _ := live.Lookup([]byte{3, 0, 0, 0, 0, 0, 0, 0}); ok {
		t.Error("a key that is not there is found")
	}
	observe(t, kernel["h"], 1, 70, 2) // after the print
	if err := live.Clear(table); err != nil {
		t.Fatal(err)
	}
	observe(t, kernel["i"], 1, 5, 1) // programs are in the other map
	table = expect(t, "clear", live, map[uint64][3]uint64{1: {3, 70, 70}})
	if err := live.Zero(table); err != nil {
		t.Fatal(err)
	}
	expect(t, "zero", live, map[uint64][3]uint64{1: {0, 0, 0}})
}

func TestKeepSummaries(t *testing.T) {
	o, m := quantilesObject()
	kernel, store := load(t, o)
	live := store.Map(m)
	for key := range 5 {
		observe(t, kernel["h"], uint64(key), 10*key, 2)
		observe(t, kernel["h"], uint64(key), 10*key+64, 1)
	}
	table := mustRead(t, live)
	table.Sort()
	kept, dropped := table.Split(2)
	if kept.Len() != 2 || dropped.Len() != 3 {
		t.Fatalf("%d kept, %d dropped", kept.Len(), dropped.Len())
	}
	if err := live.Keep(kept, table); err != nil {
		t.Fatal(err)
	}
	expect(t, "keep", live, map[uint64][3]uint64{3: {3, 30, 94}, 4: {3, 40, 104}})
}

// TestForeignParts: a number of a part that is none does no harm.
func TestForeignParts(t *testing.T) {
	_, m := quantilesObject()
	stored := NewTable(m.InKernel())
	row := make(types.Row, 512)
	row.SetWord(3, 1)
	stored.Append(make([]byte, 16), row)
	stored.Append([]byte{0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255}, row)
	if got := Summarize(m, stored); got.Len() != 1 || got.Value(0).Word(0) != 2 {
		t.Errorf("%v", summaries(got))
	}
}
