package compiler_test

import (
	"slices"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/eval"
	"github.com/ponytrace/ponytrace/internal/oracle"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// TestIntegers applies every operator to values at the edges of every pair of types, each
// type on the left named in three ways, and in a soak in every way, and holds the
// emulator and the evaluator against a machine of unlimited numbers.
func TestIntegers(t *testing.T) {
	step := testkit.Choose(len(oracle.IntegerTypes), 5, 1)
	for i, naming := range oracle.Namings {
		t.Run(naming.Name, func(t *testing.T) {
			t.Parallel()
			for j, x := range oracle.IntegerTypes {
				if (i+j)%step != 0 {
					continue
				}
				script, lines := oracle.IntegerScript(x, naming)
				prints(t, naming.Name+" of "+x.Name, script, lines)
				if naming.Name != "result" {
					script, lines = oracle.UnaryScript(x, naming)
					prints(t, "unary "+naming.Name+" of "+x.Name, script, lines)
				}
			}
		})
	}
	for j, x := range oracle.IntegerTypes {
		if testing.Short() && j%4 != 0 {
			continue
		}
		script, lines := oracle.UpdateScript(x)
		prints(t, "update of "+x.Name, script, lines)
	}
}

// prints compares what a script prints with the lines. The evaluator has no addresses of
// variables.
func prints(t *testing.T, name, script string, lines []string) {
	t.Helper()
	want := make([]string, len(lines))
	for i, line := range lines {
		want[i] = "print " + line
	}
	o, err := compileFor(script, frozen.Target("6.12"), compiler.Options{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	got, err := observeEmulated(o)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	sameLines(t, "emulator: "+name, got.Events, want)
	parsed, _ := lang.Parse(diag.NewSource("script", script))
	evaluated, err := eval.Run(parsed, emulated)
	switch {
	case err == nil:
		sameLines(t, "evaluator: "+name, evaluated.Events, want)
	case t.Name() != "TestIntegers/pointer":
		t.Errorf("%s: %v", name, err)
	}
}

func sameLines(t *testing.T, name string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("%s, line %d:\ngot  %s\nwant %s", name, i, got[i], want[i])
			return
		}
	}
	t.Errorf("%s: %d lines, want %d", name, len(got), len(want))
}
