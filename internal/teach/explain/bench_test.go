package explain_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/teach/explain"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// BenchmarkExplain explains and prints a script of 1,000 statements, without its
// compilation.
func BenchmarkExplain(b *testing.B) {
	var text strings.Builder
	text.WriteString("kprobe:vfs_read {\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "\t@m%d[comm] = sum(arg2 + %d);\n", i%40, i)
	}
	text.WriteString("}\n")
	parsed, _ := lang.Parse(diag.NewSource("script", text.String()))
	machine, stages := frozen.Target("6.12"), &stage.Stages{}
	built, err := compiler.Compile(parsed, machine, compiler.Options{Stages: stages})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := explain.New(built, stages, machine).Print(io.Discard, explain.Look{Width: 100, Color: true}); err != nil {
			b.Fatal(err)
		}
	}
}
