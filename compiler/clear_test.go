package compiler_test

import (
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/object"
)

// A map has a second kernel map where it is emptied while other clauses run, and only
// there.
func TestEmptiedMaps(t *testing.T) {
	const count = "tracepoint:raw_syscalls:sys_enter { @[pid] = count() } "
	for script, want := range map[string]bool{
		count:                                                     false,
		count + "END { clear(@) }":                                false,
		count + "interval:s:1 { print(@) }":                       false,
		count + "interval:s:1 { clear(@) }":                       true,
		count + "BEGIN { zero(@) }":                               true,
		count + "interval:s:1 { trunc(@, 5) }":                    true,
		count + "macro m(@a) { clear(@a) } interval:s:1 { m(@) }": true,
	} {
		o := mustCompile(t, script, compiler.Options{})
		if second := o.Maps[0].Other != ""; second != want || second != (o.Kernel["@'"] != nil) {
			t.Errorf("%s: a second map is %v, want %v", script, second, want)
		}
	}
}

// A clear removes what was printed, however long ago, where a print of the same clause
// always goes before.
func TestPrintedBeforeClear(t *testing.T) {
	for clause, want := range map[string]bool{
		"print(@); clear(@)":                                    true,
		"print(@); if (pid > 5) { clear(@) }":                   true,
		"print(@, 5); time(); zero(@)":                          true,
		`printa("%d %@d %@d\n", @, @b); trunc(@b, 3); clear(@)`: true,
		"clear(@)":                           false,
		"clear(@); print(@)":                 false,
		"print(@b); clear(@)":                false,
		"if (pid > 5) { print(@) } clear(@)": false,
	} {
		o := mustCompile(t, "tracepoint:raw_syscalls:sys_enter { @[pid] = count(); @b[pid] = count() } interval:s:1 { "+clause+" }", compiler.Options{})
		for _, event := range o.Events {
			switch event.Action {
			case object.Clear, object.Zero, object.Trunc:
				if event.Printed != want {
					t.Errorf("%s: %v, want %v", clause, event.Printed, want)
				}
			}
		}
	}
}
