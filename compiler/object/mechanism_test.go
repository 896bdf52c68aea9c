package object_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// The list of what is preempted in docs/exactness.md has the mechanisms that their records
// say are, and no others.
func TestPreemptedAreListed(t *testing.T) {
	text, err := os.ReadFile("../../docs/exactness.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "## Programs that are preempted\n")
	table, _, _ := strings.Cut(strings.TrimSpace(section), "\n\n")
	if !found || !strings.HasPrefix(table, "|") {
		t.Fatal("docs/exactness.md has no table of what is preempted")
	}
	listed := map[string]bool{}
	for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(table, -1) {
		listed[name[1]] = true
	}
	everywhere := &target.Features{Preemptible: true, PreemptedTracepoint: true}
	for _, m := range object.Mechanisms() {
		if m.Preempted(everywhere) != listed[m.String()] {
			t.Errorf("%s: preempted %t, listed %t", m, m.Preempted(everywhere), listed[m.String()])
		}
		delete(listed, m.String())
	}
	for name := range listed {
		t.Errorf("%s is no mechanism", name)
	}
}
