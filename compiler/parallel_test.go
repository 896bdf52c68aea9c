package compiler_test

import (
	"reflect"
	"runtime"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
)

// TestClausesAtOnce compares a script whose clauses are compiled at the same time with
// the same one clause after the other, as it is on one processor.
func TestClausesAtOnce(t *testing.T) {
	text := manyClauses(300)
	atOnce := mustCompile(t, text, compiler.Options{Separate: true})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	inOrder := mustCompile(t, text, compiler.Options{Separate: true})
	for i, program := range atOnce.Programs {
		if !reflect.DeepEqual(program.Instructions, inOrder.Programs[i].Instructions) {
			t.Errorf("program %d: got\n%v, want\n%v", i, program.Instructions, inOrder.Programs[i].Instructions)
		}
	}
	if len(atOnce.Programs) != 60 || !reflect.DeepEqual(atOnce.Kernel, inOrder.Kernel) {
		t.Errorf("got %d programs and the maps %v, want 60 and %v", len(atOnce.Programs), atOnce.Kernel, inOrder.Kernel)
	}
}
