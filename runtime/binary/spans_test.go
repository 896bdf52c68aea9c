package binary

import (
	"reflect"
	"testing"

	"github.com/ponytrace/ponytrace/internal/vmtest/programs"
)

func TestSpans(t *testing.T) {
	var s spans
	for _, one := range []span{{10, 100, 1}, {40, 50, 2}, {100, 200, 3}, {0, 1000, 4}, {60, 60, 5}, {70, 20, 6}} {
		s.add(one.low, one.high, one.at)
	}
	s.order()
	for address, want := range map[uint64][]span{
		5: nil, 45: {{40, 50, 2}, {10, 100, 1}}, 60: {{10, 100, 1}}, 100: {{100, 200, 3}}, 200: nil,
	} {
		if got := s.with(address); !reflect.DeepEqual(got, want) {
			t.Errorf("%d: %v, want %v", address, got, want)
		}
	}
}

// However many units a file has, what is kept of them is bounded.
func TestSpansAreBounded(t *testing.T) {
	d := &debugInfo{}
	for key := range uint64(100) {
		var s spans
		for low := uint64(1); s.add(low, low+1, 0) && low < maxSpans/10; low++ {
		}
		d.keep(&d.index.functions, key, &s)
		if d.index.kept > maxSpans || d.index.functions[key] == nil {
			t.Fatalf("%d spans are kept", d.index.kept)
		}
	}
	var s spans
	for s.add(1, 2, 0) {
	}
	if !s.cut || len(s.list) != maxSpans {
		t.Errorf("a list has %d", len(s.list))
	}
}

// Where the lists were cut, the frames are those of a search.
func TestFramesWithoutIndex(t *testing.T) {
	indexed, headers := opened(t, programs.Build(t, "c-O0"))
	searched, _ := opened(t, programs.Build(t, "c-O0"))
	info, err := searched.debugInfo()
	if err != nil {
		t.Fatal(err)
	}
	info.index = index{units: &spans{cut: true}, functions: map[uint64]*spans{}, sequences: map[uint64]*spans{}}
	for at := uint64(0); at < info.info.size; {
		u, err := info.unitAt(at)
		if err != nil {
			t.Fatal(err)
		}
		info.index.functions[at], info.index.sequences[at] = &spans{cut: true}, &spans{cut: true}
		at = u.end
	}
	compared := 0
	for _, s := range symbolsOf(headers) {
		offset, _ := indexed.Offset(s.Value + s.Size/2)
		want, err := indexed.Frames(offset)
		if err != nil {
			t.Fatal(err)
		}
		got, err := searched.Frames(offset)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", s.Name, got, err, want)
		}
		if len(want) > 0 && want[0].Line > 0 {
			compared++
		}
	}
	if compared < 5 {
		t.Errorf("only %d frames were compared", compared)
	}
}
