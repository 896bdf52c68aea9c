package binary

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/internal/vmtest/programs"
)

// goOffsets writes the places of a function of Go, from its start.
func goOffsets(t *testing.T, code string, decode decoder) (entry int64, returns []int64, leaves bool) {
	t.Helper()
	bytes, steps := unhex(t, code), maxSteps
	b := &body{
		extent: extent{0x1000, 0x1000 + uint64(len(bytes))}, decode: decode, code: bytes,
		file: &File{pages: &pages{steps: &steps}},
	}
	g, err := b.goFunction(0x400)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range g.Returns {
		returns = append(returns, int64(at)-0x400)
	}
	return int64(g.Entry) - 0x400, returns, g.Leaves
}

func TestGoFunction(t *testing.T) {
	for _, test := range []struct {
		name, code string
		decode     decoder
		entry      int64
		returns    []int64
		leaves     bool
	}{
		{"frame", "493b6610 7604 55 5d c3 90 e800000000 ebef", decodeX86, 6, []int64{8}, false},
		{"large frame", "4c8da42400ffffff 4d3b6610 7604 55 5d c3 90 e800000000 ebe7", decodeX86, 14,
			[]int64{16}, false},
		{"huge frame", "4989e4 4981ec00000100 720b 4d3b6610 7605 55 5d c3 9090 e800000000 ebe2", decodeX86,
			18, []int64{20}, false},
		{"leaf", "488d0418 c3", decodeX86, 0, []int64{4}, false},
		{"loop to the start without a call", "4839d8 7602 c3 90 90 ebf6", decodeX86, 0, []int64{5}, false},
		{"two returns", "4885c0 7401 c3 31c0 c3", decodeX86, 0, []int64{5, 8}, false},
		{"wrapper", "4883c008 e900010000", decodeX86, 0, nil, true},
		{"arm64", "900b40f9 ff6310eb 89000054 fe0f1ef8 fe0741f8 c0035fd6 e3031eaa 00000094 f8ffff17",
			decodeARM, 12, []int64{20}, false},
		// nop; adrp x27; ldrb w2, [x27, #749]; ret, and the same without the nop
		{"arm64 with a scratch register", "1f2003d5 db0800b0 62b74b39 c0035fd6", decodeARM, 0, []int64{12}, false},
		{"arm64 with a scratch register first", "db0800b0 62b74b39 c0035fd6", decodeARM, 4, []int64{8}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			entry, returns, leaves := goOffsets(t, test.code, test.decode)
			if entry != test.entry || !slices.Equal(returns, test.returns) || leaves != test.leaves {
				t.Errorf("%d, %d, %v; want %d, %d, %v",
					entry, returns, leaves, test.entry, test.returns, test.leaves)
			}
		})
	}
}

// Each function of a Go program that checks its stack is entered behind that; that one
// does is seen by its calling what lets it grow.
func goFunctions(t *testing.T, path string) {
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	checked, all, unknown := 0, 0, 0
	err = f.Match("main.*", func(function target.BinaryFunction) bool {
		g, made, err := f.GoFunction(function.Offset)
		if err != nil || !made {
			t.Errorf("%s: %s: %v, %v", path, function.Name, made, err)
		}
		p, err := f.Placement(g.Entry)
		if err != nil || p.Class == target.Within || p.Unchecked {
			t.Errorf("%s: %s: %+v, %v", path, function.Name, p, err)
		}
		all++
		if g.Entry > function.Offset {
			checked++
		}
		for _, at := range g.Returns {
			if p, err := f.Placement(at); err != nil || p.Class == target.Within {
				t.Errorf("%s: %s: %+v, %v", path, function.Name, p, err)
			}
		}
		if len(g.Returns) == 0 && !g.Leaves {
			unknown++
		}
		return true
	})
	if err != nil || checked < 3 {
		t.Errorf("%s: %d of %d functions check the stack, %v", path, checked, all, err)
	}
	t.Logf("%s: %d functions, %d check the stack, %d never return", filepath.Base(path), all, checked, unknown)
}

// Programs of Go versions that happen to be there, and of the installed one.
func TestGoVersions(t *testing.T) {
	testkit.Long(t)
	for _, path := range strings.Fields(os.Getenv("GO_PROGRAMS")) {
		goFunctions(t, path)
	}
	for _, name := range []string{"go", "go-stripped", "go-pie", "go-cgo"} {
		goFunctions(t, programs.Build(t, name))
	}
	program := filepath.Join(t.TempDir(), "program")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", program, ".")
	build.Dir = "../../internal/vmtest/programs/golang"
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=arm64")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	goFunctions(t, program)
}

// Functions in assembly have arguments on the stack, but for those of the runtime.
func TestAssemblyOfGo(t *testing.T) {
	for _, test := range []struct {
		variant, name string
		words         int
		stack         bool
	}{
		{"go", "internal/cpu.cpuid.abi0", 3, true},
		{"go-stripped", "internal/cpu.cpuid", 3, true},
		{"go", "runtime.memmove", 9, false},
		{"go-stripped", "runtime.memmove", 9, false},
	} {
		f, err := Open(programs.Build(t, test.variant))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		list, err := f.Functions(test.name)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %s: %v, %v", test.variant, test.name, list, err)
		}
		got, err := f.Signature(list[0])
		if err != nil || len(got.Params) != test.words {
			t.Errorf("%s: %s: %+v, %v; want %d words", test.variant, test.name, got, err, test.words)
			continue
		}
		if first := got.Params[0].Pieces[0]; first.InMemory != test.stack {
			t.Errorf("%s: %s: the first argument is at %+v", test.variant, test.name, first)
		}
	}
}
