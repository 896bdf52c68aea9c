package attach

import (
	"errors"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
)

// A kernel without kprobes is told to offer others, before anything is asked of it.
func TestRefused(t *testing.T) {
	machine := *frozen.Target("6.12")
	machine.Features.Kprobe, machine.Features.Fentry = false, false
	point := &object.Point{Probe: "kprobe:vfs_read", Mechanism: object.Kprobe, At: object.FunctionPoint{Functions: []string{"vfs_read"}}}
	links, err := Attach(&machine, nil, point)
	var refused *RefusedError
	if !errors.As(err, &refused) || links != nil {
		t.Fatalf("%v, %v", links, err)
	}
	const why = "this kernel is built without kprobes and does not allow fentry; it offers tracepoint, profile and interval probes"
	if refused.Kernel != why || refused.Instead != Nothing || refused.Mechanism != object.Kprobe {
		t.Errorf("%#v", refused)
	}
	if want := "cannot attach to kprobe:vfs_read: " + why; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

func TestInstead(t *testing.T) {
	if Nothing.String() != "nothing" || Plainer.String() != "a plainer mechanism" || Separate.String() != "a program for each clause" {
		t.Error(Nothing, Plainer, Separate)
	}
}
