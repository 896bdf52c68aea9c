package target_test

import (
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
	if last := f.Params[9]; len(last.Pieces) != 0 || last.Absent == "" {
		t.Errorf("the tenth argument: %+v", last)
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
