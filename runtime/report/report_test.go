package report

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
)

func words(list ...uint64) []byte {
	var raw []byte
	for _, word := range list {
		raw = binary.NativeEndian.AppendUint64(raw, word)
	}
	return raw
}

func counts(name string, rows map[uint64]uint64) *events.Table {
	key := types.NewLayout(0, types.Uint64)
	t := events.NewTable(&object.MapSpec{
		Name: name, Key: &key, Value: types.NewAggregation(builtin.Count, false),
	})
	for key, count := range rows {
		t.Append(words(key), words(count))
	}
	return t
}

// rows writes a table as key:value value, in order.
func rows(t *Table) (list []string) {
	for row := range t.Rows() {
		text := fmt.Sprint(row.KeyPart(0).Number(), ":")
		for column := range t.Columns {
			text += fmt.Sprint(row.Value(column).Number(), " ")
		}
		list = append(list, text[:len(text)-1])
	}
	return list
}

func TestOrderAndScale(t *testing.T) {
	for _, test := range []struct {
		sortBy           string
		top, divisor, by int64
		want             []string
	}{
		{"", 0, 0, 0, []string{"1:10", "3:20", "4:20", "2:35"}},
		{"key", 0, 0, 0, []string{"1:10", "2:35", "3:20", "4:20"}},
		{"largest", 0, 0, 0, []string{"2:35", "3:20", "4:20", "1:10"}},
		{"value", 2, 10, 0, []string{"4:2", "2:3"}},
		{"largest", 2, 10, 3, []string{"2:1", "3:0"}},
		{"key", 2, 0, 5, []string{"3:4", "4:4"}},
		{"", 9, 1 << 62, 1 << 62, []string{"1:0", "3:0", "4:0", "2:0"}},
	} {
		table := counts("", map[uint64]uint64{1: 10, 2: 35, 3: 20, 4: 20})
		table.Divisor = test.by
		got := rows(NewTable(&object.Settings{SortBy: test.sortBy}, table, test.top, test.divisor))
		if !slices.Equal(got, test.want) {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

func TestSideBySide(t *testing.T) {
	first := counts("a", map[uint64]uint64{1: 10, 2: 30})
	second := counts("b", map[uint64]uint64{2: 8, 4: 6})
	second.Divisor = 2
	got := rows(SideBySide(&object.Settings{}, []*events.Table{first, second}))
	if want := []string{"4:0 3", "1:10 0", "2:30 4"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A map without key has a row of zeroes before anything is recorded.
func TestTableWithoutKey(t *testing.T) {
	empty := events.NewTable(&object.MapSpec{Name: "n", Value: types.Int64})
	table := NewTable(&object.Settings{}, empty, 0, 0)
	if table.Keyed() || !table.Empty() {
		t.Error("it has a key, or a row")
	}
	n := 0
	for row := range table.Rows() {
		n++
		if row.KeyParts() != 0 || row.Value(0).Number() != 0 {
			t.Error(row)
		}
	}
	if n != 1 {
		t.Errorf("%d rows", n)
	}
}

// An address may have several frames, and one that nobody knows has only the address.
func TestFrames(t *testing.T) {
	names := &Names{
		Kernel: func(frames []Frame, address uint64) []Frame {
			if address != 16 {
				return frames
			}
			return append(frames,
				Frame{Address: 16, Function: "inner", File: "a.c", Line: 3, Inlined: true},
				Frame{Address: 16, Function: "outer", Offset: 4})
		},
		User: func(frames []Frame, process int, address uint64, role Role) []Frame {
			return append(frames, Frame{Address: address, Function: fmt.Sprint(process, role)})
		},
	}
	for _, test := range []struct {
		value events.Value
		want  string
	}{
		{events.Decode(types.NewKernelStack("", 3), words(16, 32, 0)), "inner outer+4 32"},
		{events.Decode(types.NewKernelStack("", 2), words(32, 16)), "32 inner outer+4"},
		{events.Decode(types.Symbol, words(16)), "inner outer+4"},
		{events.Decode(types.NewUserStack("", 2), words(7, 16, 32)), "7 1 7 2"},
		{events.Decode(types.UserAddress, words(16, 9)), "9 0"},
	} {
		text := ""
		for _, f := range names.Frames(nil, test.value) {
			switch {
			case f.Function == "":
				text += fmt.Sprintf(" %d", f.Address)
			case f.Offset > 0:
				text += fmt.Sprintf(" %s+%d", f.Function, f.Offset)
			default:
				text += " " + f.Function
			}
		}
		if text[1:] != test.want {
			t.Errorf("%q, want %q", text[1:], test.want)
		}
	}
}

func TestRegister(t *testing.T) {
	before := formats
	defer func() { formats = before }()
	formats = nil
	Register(Format{Name: "first"})
	Register(Format{Name: "second", Records: true})
	if f, known := Find(""); !known || f.Name != "first" {
		t.Errorf("the default is %q", f.Name)
	}
	if f, known := Find("second"); !known || !f.Records {
		t.Error("the second is lost")
	}
	if _, known := Find("third"); known || !slices.Equal(Formats(), []string{"first", "second"}) {
		t.Error(Formats())
	}
	defer func() {
		if recover() == nil {
			t.Error("a name was registered twice")
		}
	}()
	Register(Format{Name: "first"})
}
