package events

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
)

func row(words ...int64) []byte {
	raw := make([]byte, 0, len(words)*8)
	for _, word := range words {
		raw = binary.NativeEndian.AppendUint64(raw, uint64(word))
	}
	return raw
}

func TestScalars(t *testing.T) {
	for _, test := range []struct {
		t    *types.Type
		raw  []byte
		want int64
	}{
		{types.NewInt(1, true), []byte{0xff}, -1},
		{types.NewInt(1, false), []byte{0xff}, 255},
		{types.NewInt(2, true), binary.NativeEndian.AppendUint16(nil, 0x8000), math.MinInt16},
		{types.Int32, binary.NativeEndian.AppendUint32(nil, 0xfffffffe), -2},
		{types.Uint32, binary.NativeEndian.AppendUint32(nil, 0xfffffffe), math.MaxUint32 - 1},
		{types.Int64, row(math.MinInt64), math.MinInt64},
		{types.Boolean, []byte{1, 9, 9}, 1},
	} {
		if got := Decode(test.t, test.raw).Int(); got != test.want {
			t.Errorf("%s of %x: %d, want %d", test.t, test.raw, got, test.want)
		}
	}
}

func TestText(t *testing.T) {
	whole := Decode(types.NewString(8), []byte("pony\x00old"))
	if text, truncated := whole.Text(); string(text) != "pony" || truncated {
		t.Errorf("%q %v", text, truncated)
	}
	full := Decode(types.NewString(4), []byte("pony"))
	if text, truncated := full.Text(); string(text) != "pony" || !truncated {
		t.Errorf("%q %v", text, truncated)
	}
	lying := Decode(&types.Type{Kind: types.Buffer, Size: 8}, []byte{255, 255, 255, 255, 1, 2, 3, 4})
	if got := lying.Buffer(); len(got) != 4 {
		t.Errorf("a length beyond the buffer gave %d bytes", len(got))
	}
}

func TestParts(t *testing.T) {
	tuple := types.NewTuple(types.NewInt(1, true), types.Int64, types.NewString(4))
	v := Decode(tuple, append(append(row(0), row(-7)...), "abc\x00\x00\x00\x00\x00"...))
	if v.Len() != 3 || v.Part(1).Int() != -7 {
		t.Errorf("%d parts, the second %d", v.Len(), v.Part(1).Int())
	}
	array := Decode(&types.Type{Kind: types.Array, Size: 16, Count: 2, Elem: types.Int64}, row(3, 4))
	if array.Len() != 2 || array.Part(1).Int() != 4 {
		t.Errorf("%d elements, the second %d", array.Len(), array.Part(1).Int())
	}
}

func TestMerge(t *testing.T) {
	for _, test := range []struct {
		kind   *types.Aggregation
		signed bool
		rows   [][]byte
		want   []byte
	}{
		{builtin.Count, false, [][]byte{row(1), row(2), row(4)}, row(7)},
		{builtin.Sum, true, [][]byte{row(-5, 1), row(0, 0), row(2, 1)}, row(-3, 1)},
		{builtin.Avg, true, [][]byte{row(10, 2), row(20, 3)}, row(30, 5)},
		{builtin.Stats, false, [][]byte{row(10, 2), row(20, 3)}, row(30, 5)},
		{builtin.Min, true, [][]byte{row(0, 0), row(-5, 1), row(3, 1)}, row(-5, 1)},
		{builtin.Min, false, [][]byte{row(7, 1), row(-5, 1), row(0, 0)}, row(7, 1)},
		{builtin.Max, true, [][]byte{row(-9, 1), row(0, 0), row(-3, 1)}, row(-3, 1)},
		{builtin.Max, false, [][]byte{row(7, 1), row(-5, 1)}, row(-5, 1)},
	} {
		aggregation := types.NewAggregation(test.kind, test.signed)
		merged := make([]byte, aggregation.Size)
		for _, other := range test.rows {
			Merge(aggregation, merged, other)
		}
		if string(merged) != string(test.want) {
			t.Errorf("%s: % x, want % x", aggregation, merged, test.want)
		}
	}
}

func TestAverage(t *testing.T) {
	signed := types.NewAggregation(builtin.Avg, true)
	if got := int64(Decode(signed, row(-7, 2)).Number()); got != -3 {
		t.Errorf("average of -7 over 2: %d, want -3", got)
	}
	if got := Decode(signed, row(0, 0)).Number(); got != 0 {
		t.Errorf("average of nothing: %d", got)
	}
}

func TestOrder(t *testing.T) {
	key := types.NewLayout(0, types.NewString(16), types.Int32)
	m := &object.MapSpec{Key: &key, Value: types.NewAggregation(builtin.Count, false)}
	table := NewTable(m)
	add := func(name string, number int32, count int64) {
		raw := make([]byte, key.Size)
		copy(raw, name)
		binary.NativeEndian.PutUint32(raw[16:], uint32(number))
		table.Append(raw, row(count))
	}
	add("longer-than-eight-b", 1, 3)
	add("longer-than-eight-a", 2, 3)
	add("b", -1, 3)
	add("b", -2, 3)
	add("z", 0, 1)
	add("", 0, math.MaxInt64)
	table.Sort()
	got := ""
	for i := range table.Len() {
		text, _ := table.KeyPart(table.Row(i), 0).Text()
		got += string(text) + " "
	}
	if want := "z b b longer-than-eigh longer-than-eigh  "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if first := table.KeyPart(table.Row(1), 1).Int(); first != -2 {
		t.Errorf("equal names are ordered by number: first %d", first)
	}
}

// extreme is a min without key over memory of ours, with two CPUs.
func extreme() (*Map, memory) {
	m := &object.MapSpec{Value: types.NewAggregation(builtin.Min, true), Storage: object.CPUSlot}
	rows := memory(make([]byte, 32))
	return newMap(m, &cpuSlot{object: m, rows: rows, stride: 16}), rows
}

func set(m memory, offset int, words ...int64) { copy(m[offset:], row(words...)) }

func TestClearOfAMinKeepsWhatWasNotPrinted(t *testing.T) {
	m, rows := extreme()
	set(rows, 0, 5, 1)
	set(rows, 16, 9, 1)
	printed := mustRead(t, m)
	set(rows, 16, 2, 1) // an event between print and clear
	if err := m.Clear(printed); err != nil {
		t.Fatal(err)
	}
	if next := mustRead(t, m); next.Len() != 1 || next.Value(0).Word(0) != 2 {
		t.Errorf("%d rows after the clear, want the 2", next.Len())
	}
	if err := m.Clear(mustRead(t, m)); err != nil {
		t.Fatal(err)
	}
	if next := mustRead(t, m); next.Len() != 0 {
		t.Error("clear left the minimum")
	}
}

func TestZeroKeepsTheMap(t *testing.T) {
	m, rows := extreme()
	set(rows, 0, 5, 1)
	if err := m.Zero(nil); err != nil {
		t.Fatal(err)
	}
	if next := mustRead(t, m); next.Len() != 1 || next.Value(0).Word(0) != 0 {
		t.Errorf("%d rows after zero()", next.Len())
	}
}

// plain is a value without key over memory of ours.
func plain(additive bool) (*Map, memory) {
	m := &object.MapSpec{Value: types.Int64, Storage: object.Slot, Offset: 8, Present: 0, Additive: additive}
	data := memory(make([]byte, 16))
	return newMap(m, &slot{object: m, data: data}), data
}

func TestClearOfAValue(t *testing.T) {
	for _, test := range []struct {
		name     string
		additive bool
		change   int64 // the value at the time of clear; 5 was printed
		left     int64
		present  bool
	}{
		{"unchanged", false, 5, 0, false},
		{"assigned since", false, 7, 0, false},
		{"counted, unchanged", true, 5, 0, false},
		{"counted since", true, 7, 2, true},
	} {
		m, data := plain(test.additive)
		set(data, 0, 1, 5)
		printed := mustRead(t, m)
		set(data, 8, test.change)
		if err := m.Clear(printed); err != nil {
			t.Fatal(err)
		}
		next := mustRead(t, m)
		if (next.Len() == 1) != test.present || test.present && next.Value(0).Int() != test.left {
			t.Errorf("%s: %d rows", test.name, next.Len())
		}
	}
}

func TestClearWithoutPrint(t *testing.T) {
	m, data := plain(false)
	set(data, 0, 1, 5)
	if err := m.Clear(nil); err != nil {
		t.Fatal(err)
	}
	if mustRead(t, m).Len() != 0 {
		t.Error("the value is still there")
	}
}

// TestReserve has a map with room for many more rows than it has: of 2 KB each, as with
// stacks.
func TestReserve(t *testing.T) {
	key := types.NewLayout(0, types.NewString(2048))
	table := NewTable(&object.MapSpec{Key: &key, Value: types.NewAggregation(builtin.Count, false)})
	first := make([]byte, key.Size)
	copy(first, "first")
	table.Append(first, row(7))
	table.reserve(1 << 20)
	table.Append(make([]byte, key.Size), row(8))
	if room := cap(table.Keys); room < reserveLimit || room > 2*reserveLimit {
		t.Errorf("%d bytes are reserved for keys", room)
	}
	name, _ := table.KeyPart(table.Row(0), 0).Text()
	if count := table.Value(table.Row(0)).Int(); string(name) != "first" || count != 7 || table.Len() != 2 {
		t.Errorf("of %d rows the first is %q %d", table.Len(), name, count)
	}
}
