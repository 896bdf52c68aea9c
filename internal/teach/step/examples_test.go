package step

import (
	"io"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	_ "github.com/ponytrace/ponytrace/compiler/target/frozen/arm64"
	"github.com/ponytrace/ponytrace/internal/teach/event"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// TestExamples: the example of every entry of the language runs to its end, on kernels of
// other contexts, with values made from the types.
func TestExamples(t *testing.T) {
	for _, kernel := range []string{"6.12", "5.10", "6.12-arm64"} {
		machine, ran := frozen.Target(kernel), 0
		for _, section := range builtin.Sections() {
			for _, entry := range section.Entries {
				if script, compiles := example(t, entry, machine); compiles {
					ran++
					runs(t, entry.Name+" on "+kernel, script)
				}
			}
		}
		if ran < 120 {
			t.Errorf("%d examples ran on %s", ran, kernel)
		}
	}
}

// example compiles one; some need what a kernel does not have, or parameters.
func example(t *testing.T, entry *builtin.Info, machine *target.Target) (script event.Script, compiles bool) {
	t.Helper()
	parsed, problems := lang.Parse(diag.NewSource(entry.Name, entry.Example))
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	options := compiler.Options{Unsafe: true, Stages: &stage.Stages{}}
	built, err := compiler.Compile(parsed, machine, options)
	return event.Script{Object: built, Stages: options.Stages, Target: machine}, err == nil
}

func runs(t *testing.T, name string, script event.Script) {
	t.Helper()
	run, err := Record(script, event.Default(script), Limits{})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	for _, e := range run.Events {
		if e.Error != "" || len(e.Steps) == 0 {
			t.Errorf("%s: %d steps, %s", name, len(e.Steps), e.Error)
		}
	}
	if err := run.Print(io.Discard, explanationOf(script), Look{}); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}
