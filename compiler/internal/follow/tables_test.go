package follow

import (
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Clauses that keep tables are added where a script walks by tables, before those of its
// own and those of --children.
func TestKeepTables(t *testing.T) {
	for text, want := range map[string]int{
		"profile:hz:99 { @[ustack(dwarf)] = count() }":                             len(tables),
		"fn f() { print(ustack((dwarf), 3)) } profile:hz:99 { f() }":               len(tables),
		"profile:hz:99 { @[ustack(perf)] = count(); $dwarf = 1; print(($dwarf)) }": 0,
	} {
		script, _ := lang.Parse(diag.NewSource("script", text))
		written := len(script.Clauses)
		added := Add(script, Processes{IDs: []int{7}, Children: true})
		followed := len(added.Hidden)
		added.KeepTables(frozen.Target("6.12"))
		clauses := added.Script.Clauses
		got, last := len(added.Hidden)-followed, clauses[len(clauses)-1]
		if got != want || len(clauses) != written+followed+want || added.Hidden[last] {
			t.Errorf("%s: %d clauses added to %d", text, got, written+followed)
		}
	}
}
