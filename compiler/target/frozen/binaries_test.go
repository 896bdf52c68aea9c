package frozen_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
)

// A Target answers what the file does, as far as that was recorded.
func TestBinary(t *testing.T) {
	machine := frozen.Target("6.12")
	demo, err := machine.Binary("/bin/demo")
	if err != nil {
		t.Fatal(err)
	}
	functions, err := demo.Functions("compute")
	if err != nil || len(functions) != 1 || functions[0].Offset != 0x190 {
		t.Fatalf("%+v, %v", functions, err)
	}
	signature, err := demo.Signature(functions[0])
	if err != nil || len(signature.Params) != 10 || signature.Params[3].Name != "ratio" {
		t.Errorf("%+v, %v", signature, err)
	}
	frames, err := demo.Frames(0x233)
	twice := target.Frame{Function: "twice", File: "/src/demo.c", Line: 7, Inlined: true}
	if err != nil || len(frames) != 3 || frames[0] != twice {
		t.Errorf("%+v, %v, want %+v", frames, err, twice)
	}
	if none, err := demo.Functions("absent"); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
	if _, err := demo.Functions("compote"); err == nil || !strings.Contains(err.Error(), "record") {
		t.Errorf("what was not recorded: %v", err)
	}
}

func TestNoBinary(t *testing.T) {
	if b, err := frozen.Target("6.12").Binary("/bin/absent"); b != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, %v", b, err)
	}
	if b, err := frozen.Target("6.12-arm64").Binary("/bin/demo"); b != nil || err == nil {
		t.Errorf("%v, %v", b, err)
	}
}
