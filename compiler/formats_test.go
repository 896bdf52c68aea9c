package compiler_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// unreadable are the reasons why a field of a tracepoint cannot be read.
var unreadable = []string{
	"has no size in the tracepoint's format",
	"is in the record, but the kernel does not hand it to programs",
}

// TestFormats: every format of the frozen kernels is understood, every field of it can be
// printed, or the message says why not, and all that can be read are in args.
func TestFormats(t *testing.T) {
	testkit.Long(t)
	for _, kernel := range frozen.Names() {
		t.Run(kernel, func(t *testing.T) {
			t.Parallel()
			checkFormats(t, frozen.Target(kernel))
		})
	}
}

func checkFormats(t *testing.T, machine *target.Target) {
	names, err := machine.MatchTracepoints("*", "*")
	if err != nil || len(names) < 50 {
		t.Fatalf("%d tracepoints, %v", len(names), err)
	}
	fields, refused := 0, 0
	for _, name := range names {
		category, event, _ := strings.Cut(name, ":")
		point, err := machine.Tracepoint(category, event)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		script := "tracepoint:" + name + " { print(args) }"
		if _, err := compileText(script, machine, compiler.Options{}); err != nil && len(point.Fields()) > 0 {
			t.Errorf("%s: %v", script, err)
		}
		for _, field := range point.Fields() {
			fields++
			if !readable(t, machine, "tracepoint:"+name+" { print(args."+field.Name+") }") {
				refused++
			}
		}
	}
	t.Logf("%d tracepoints, %d fields, %d of them cannot be read", len(names), fields, refused)
	if fields < 200 || refused > fields/10 {
		t.Errorf("%d of %d fields cannot be read", refused, fields)
	}
}

// readable reports whether a script compiles, and fails where it is refused for another
// reason than its field.
func readable(t *testing.T, machine *target.Target, script string) bool {
	_, err := compileText(script, machine, compiler.Options{})
	if err == nil {
		return true
	}
	if !slices.ContainsFunc(unreadable, func(why string) bool { return strings.Contains(err.Error(), why) }) {
		t.Errorf("%s: %v", script, err)
	}
	return false
}
