package builtin_test

import (
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// TestExamples compiles the example of each entry for one kernel. Package compiler does
// so for all frozen ones.
func TestExamples(t *testing.T) {
	machine := frozen.Target("6.12")
	for _, section := range builtin.Sections() {
		for _, entry := range section.Entries {
			t.Run(section.Title+"/"+entry.Name, func(t *testing.T) {
				script, diagnostics := lang.Parse(diag.NewSource("example", entry.Example))
				if diagnostics.HasErrors() {
					t.Fatal(diagnostics)
				}
				built, err := compiler.Compile(script, machine, compiler.Options{Unsafe: true})
				if err != nil || len(built.Programs) == 0 {
					t.Errorf("%s\n%v", entry.Example, err)
				}
			})
		}
	}
}
