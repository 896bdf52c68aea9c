package target_test

import (
	"slices"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// Without debug information the words are the registers in Go's order.
func TestUntypedGo(t *testing.T) {
	for arch, want := range map[string]int{"x86_64": 9, "arm64": 16} {
		f := target.UntypedGo("main.f", arch)
		if len(f.Params) != want || len(f.ReturnPieces) != 1 || f.Return == nil {
			t.Fatalf("%s: %+v", arch, f)
		}
		if first := f.Params[0].Pieces[0]; first != f.ReturnPieces[0] {
			t.Errorf("%s: the first argument is at %+v, the result at %+v", arch, first, f.ReturnPieces[0])
		}
	}
	// ax bx cx di si r8 r9 r10 r11 in struct pt_regs
	f := target.UntypedGo("main.f", "x86_64")
	for i, want := range []int{80, 40, 88, 112, 104, 72, 64, 56, 48} {
		if got := f.Params[i].Pieces[0].Register; got != want {
			t.Errorf("argument %d is at %d, want %d", i, got, want)
		}
	}
}

// Results begin with the first register again; what has no more room is on the stack.
func TestGoResult(t *testing.T) {
	word := &types.Type{Kind: types.Int, Size: 8}
	many := make([]target.Declared, 10)
	for i := range many {
		many[i] = target.Declared{Name: "a", Type: word}
	}
	f := target.Prototype{Name: "main.f", Arch: "x86_64", Go: true, Params: many, Result: many[0]}.Place()
	if len(f.ReturnPieces) != 1 || f.ReturnPieces[0].Register != 80 {
		t.Errorf("the result is at %+v", f.ReturnPieces)
	}
	checkPlaces(t, "the tenth argument", f.Params[9], onStack(8, 8))
}

func checkPlaces(t *testing.T, what string, p target.Param, want ...target.Piece) {
	t.Helper()
	if !slices.Equal(p.Pieces, want) || p.Absent != "" {
		t.Errorf("%s: %+v, %q; want %+v", what, p.Pieces, p.Absent, want)
	}
}

// onStack is where a value is above the stack pointer of x86_64.
func onStack(offset, size int) target.Piece {
	return target.Piece{Size: size, Register: 152, InMemory: true, Offset: offset}
}

// A value on the stack lies at a multiple of its alignment behind the one before, whatever
// debug information has; one in a register does not move it.
func TestGoStack(t *testing.T) {
	word := &types.Type{Kind: types.Int, Size: 8}
	pair := types.NewArray(&types.Type{Kind: types.Int, Size: 4}, 2)
	small := &types.Type{Kind: types.Int, Size: 1}
	double := &types.Type{Kind: types.Struct, Size: 8, Origin: target.InVectorRegister}
	list := []*types.Type{small, types.NewArray(small, 3), word, pair, types.NewArray(word, 1), word}
	params := make([]target.Declared, len(list))
	for i, of := range list {
		params[i] = target.Declared{Type: of}
	}
	params[3].Pieces = []target.Piece{onStack(99, 8)}
	function := target.Prototype{Name: "main.f", Arch: "x86_64", Go: true, Params: params}
	f := function.Place()
	checkPlaces(t, "a byte", f.Params[0], target.Piece{Size: 1, Register: 80})
	checkPlaces(t, "three bytes", f.Params[1], onStack(8, 3))
	checkPlaces(t, "a word", f.Params[2], target.Piece{Size: 8, Register: 40})
	checkPlaces(t, "an array behind the bytes", f.Params[3], onStack(12, 8))
	checkPlaces(t, "an array of one word", f.Params[4], target.Piece{Size: 8, Register: 88})
	function.GoStack = true
	old := function.Place()
	checkPlaces(t, "a byte of Go 1.16", old.Params[0], onStack(8, 1))
	checkPlaces(t, "its word", old.Params[2], onStack(16, 8))
	function.GoStack, function.Params = false, []target.Declared{
		{Type: types.NewArray(double, 2)}, {Type: pair},
		{Type: pair, Pieces: []target.Piece{onStack(24, 8)}},
	}
	f = function.Place()
	for i := range 2 {
		if p := f.Params[i]; len(p.Pieces) != 0 || p.Absent == "" {
			t.Errorf("argument %d, a complex number or what is behind it: %+v", i, p)
		}
	}
	checkPlaces(t, "what debug information has behind it", f.Params[2], onStack(24, 8))
	huge := types.NewArray(small, 1<<25)
	function.Params = []target.Declared{{Type: huge}, {Type: word}}
	for i, p := range function.Place().Params {
		if len(p.Pieces) != 0 || p.Absent == "" {
			t.Errorf("argument %d, which is larger than a stack or follows: %+v", i, p)
		}
	}
	words := target.StackGo("main.f", "x86_64", 3)
	checkPlaces(t, "the third word", words.Params[2], onStack(24, 8))
	if len(words.Params) != 3 || words.ReturnAbsent == "" {
		t.Errorf("three words: %+v", words)
	}
}

// Where goroutines have their numbers, as debug information of programs has it that these
// versions made.
func TestGoroutineID(t *testing.T) {
	for version, want := range map[string]int{
		"go1.16.15": 152, "go1.17.13": 152, "go1.18.10": 152, "go1.20.14": 152, "go1.21.13": 152,
		"go1.23.4": 160, "go1.24.9": 160, "go1.25.5": 152, "go1.26.8 X:nocoverageredesign": 152,
	} {
		if at, err := target.GoroutineID(version); at != want || err != nil {
			t.Errorf("%s: %d, %v; want %d", version, at, err, want)
		}
	}
	for _, version := range []string{"go", "go1.15.1", "go1.27.0", "devel go1.27-abcdef", "go2.20", ""} {
		if at, err := target.GoroutineID(version); err == nil {
			t.Errorf("%q: %d", version, at)
		}
	}
}

// What debug information has no type for is nowhere, even where it has a place.
func TestGoWithoutType(t *testing.T) {
	f := target.Prototype{Arch: "x86_64", Go: true, Params: []target.Declared{{Name: "a", Pieces: []target.Piece{{Size: 8}}}}}.Place()
	if p := f.Params[0]; len(p.Pieces) != 0 || p.Absent == "" {
		t.Errorf("%+v", p)
	}
}
