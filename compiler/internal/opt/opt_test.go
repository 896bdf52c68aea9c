package opt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/ir/irtest"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

var passNames = map[string]func(*ir.Func){
	"straighten": straighten, "promote": promote, "thread": thread, "fold": fold, "number": number, "dead": dead, "sink": sink, "early": early, "unsign": unsign,
	"all": func(f *ir.Func) { must(Run(f, nil)) },
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// TestGolden runs the pass that a golden is named after.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	must(err)
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		t.Run(name, func(t *testing.T) { golden(t, path, passNames[name]) })
	}
	if len(paths) != len(passNames) {
		t.Errorf("%d goldens for %d passes", len(paths), len(passNames))
	}
}

func golden(t *testing.T, path string, pass func(*ir.Func)) {
	text, err := os.ReadFile(path)
	must(err)
	comment, rest, _ := strings.Cut(string(text), "-- before --\n")
	before, want, _ := strings.Cut(rest, "-- after --\n")
	f, err := irtest.Parse(before)
	must(err)
	must(ir.Check(f))
	before = f.String()
	pass(f)
	if err := ir.Check(f); err != nil {
		t.Fatalf("%v\n%v", err, f)
	}
	got := f.String()
	if *testkit.Update {
		must(os.WriteFile(path, []byte(comment+"-- before --\n"+before+"-- after --\n"+got), 0o644))
		return
	}
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestParse wants the printed form to be read back.
func TestParse(t *testing.T) {
	for seed := range uint64(50) {
		text := irtest.RandomCallbacks(seed).String()
		f, err := irtest.Parse(text)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		must(ir.Check(f))
		if len(f.Callbacks) != strings.Count(text, "\nfunc random_") {
			t.Errorf("seed %d: %d callbacks of\n%s", seed, len(f.Callbacks), text)
		}
	}
}
