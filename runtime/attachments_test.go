package runtime

import (
	"errors"
	"slices"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/attach"
)

// A pattern goes on without what nobody can trace, and without nothing else.
func TestLeftOut(t *testing.T) {
	untraceable := &attach.RefusedError{Message: "cannot attach to kprobe:f: notrace", Untraceable: true}
	for _, test := range []struct {
		point object.Point
		err   error
		want  bool
	}{
		{object.Point{Optional: true}, untraceable, true},
		{object.Point{}, untraceable, false},
		{object.Point{Optional: true}, &attach.RefusedError{}, false},
		{object.Point{Optional: true}, errors.New("another"), false},
		{object.Point{Optional: true, At: object.FunctionPoint{Functions: []string{"f", "g"}}}, untraceable, false},
	} {
		a := &attachments{object: &object.Object{}}
		if got := a.leavesOut(&test.point, test.err); got != test.want {
			t.Errorf("%+v, %v: %v", test.point, test.err, got)
		}
	}
}

func TestWithout(t *testing.T) {
	a := &attachments{object: &object.Object{}}
	for _, want := range []string{
		"", "left out: cannot attach to f", "left out: cannot attach to f, and 1 more functions",
	} {
		if got := a.without(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		a.leftOut = append(a.leftOut, &attach.RefusedError{Message: "cannot attach to f"})
	}
	if _, err := a.attach(func() bool { return false }); !errors.Is(err, a.leftOut[0]) {
		t.Errorf("nothing is attached, and the error is %v", err)
	}
}

// The error of a program that others are called by names the probes of all of them.
func TestProbesOfADispatcher(t *testing.T) {
	called := func(name, probe string) *object.ProgramSpec {
		return &object.ProgramSpec{Name: name, Points: []object.Point{{Probe: probe}}, Clauses: 1}
	}
	dispatcher := &object.Dispatcher{
		ProgramSpec: object.ProgramSpec{Name: "all", Points: []object.Point{{}}}, Programs: map[int]string{1: "one", 2: "two"},
	}
	a := &attachments{object: &object.Object{
		Programs:    []*object.ProgramSpec{called("one", "a"), called("two", "b"), called("three", "c")},
		Dispatchers: []*object.Dispatcher{dispatcher},
	}}
	err := a.withProbes(&attach.RefusedError{Probes: []string{"b"}}, &dispatcher.ProgramSpec)
	if refused := err.(*attach.RefusedError); !slices.Equal(refused.Probes, []string{"b", "a"}) {
		t.Errorf("%q", refused.Probes)
	}
	if n := a.served(&dispatcher.ProgramSpec, 0); n != 2 || a.probes() != 3 {
		t.Errorf("%d of %d probes", n, a.probes())
	}
}

// An end that was asked for keeps what follows from being attached.
func TestAttachingIsInterrupted(t *testing.T) {
	a := &attachments{object: &object.Object{Programs: []*object.ProgramSpec{{Points: []object.Point{{}}}}}}
	if n, err := a.attach(func() bool { return true }); n != 0 || !errors.Is(err, errInterrupted) {
		t.Error(n, err)
	}
}
