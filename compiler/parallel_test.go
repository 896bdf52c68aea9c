package compiler_test

import (
	"reflect"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/lang"
)

// TestClausesAtOnce compares a script whose clauses are compiled at the same time with the same one clause after the
// other, as it is where the stages are shown.
func TestClausesAtOnce(t *testing.T) {
	text := manyClauses(300)
	atOnce := compileText(t, text, compiler.Options{Separate: true})
	inOrder := compileText(t, text, compiler.Options{Separate: true, Stage: func(stage, name, text string) {}})
	for i, program := range atOnce.Programs {
		if !reflect.DeepEqual(program.Instructions, inOrder.Programs[i].Instructions) {
			t.Errorf("program %d: got\n%v, want\n%v", i, program.Instructions, inOrder.Programs[i].Instructions)
		}
	}
	if len(atOnce.Programs) != 60 || !reflect.DeepEqual(atOnce.Kernel, inOrder.Kernel) {
		t.Errorf("got %d programs and the maps %v, want 60 and %v", len(atOnce.Programs), atOnce.Kernel, inOrder.Kernel)
	}
}

func compileText(t *testing.T, text string, options compiler.Options) *object.Object {
	t.Helper()
	script, diagnostics := lang.Parse(lang.NewSource("script.pt", text))
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	result, err := compiler.Compile(script, frozen.Target("6.12"), options)
	if err != nil {
		t.Fatal(err)
	}
	return result
}
