package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"github.com/ponytrace/ponytrace/runtime/detect"
)

// manyPrograms is an object of more programs than one thread loads; each prints its
// number when the session begins.
func manyPrograms() (o *object.Object, want string) {
	o = lineObject(16)
	for i := range 10 * fewPrograms {
		o.Programs = append(o.Programs, clause(fmt.Sprintf("p%d", i), code(emit(0, int64(i))), at(object.AtBegin)))
		want += fmt.Sprintf("event %d\n", i)
	}
	o.Programs = append(o.Programs, clause("stop", code(emit(1, 0)), at(object.AtBegin)))
	return o, want
}

func TestManyPrograms(t *testing.T) {
	o, want := manyPrograms()
	var out, notices bytes.Buffer
	exit, err := open(t, o, Options{Stdout: &out, Stderr: &notices}).Run()
	if err != nil || exit != 0 {
		t.Errorf("exit code %d, %v", exit, err)
	}
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// TestManyProgramsRefused wants the error to name the program that is wrong, and no file
// to stay open.
func TestManyProgramsRefused(t *testing.T) {
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	machine, err := detect.Detect()
	if err != nil {
		t.Fatal(err)
	}
	o, _ := manyPrograms()
	wrong := o.Programs[33]
	wrong.Instructions = asm.Instructions{asm.Mov.Reg(asm.R0, asm.R7).WithSymbol("wrong"), asm.Return()}
	load := func() {
		s, err := Load(o, machine, Options{})
		if err == nil {
			s.Close()
		}
		var refused *attach.RefusedError
		if !errors.As(err, &refused) || refused.Program != wrong.Name {
			t.Fatalf("%v, want a refusal of %s", err, wrong.Name)
		}
	}
	load() // opens what stays open
	before := openFiles(t)
	load()
	if after := openFiles(t); after > before {
		t.Errorf("%d files are open, %d before", after, before)
	}
}

func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
