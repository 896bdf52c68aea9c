package compiler_test

import (
	"fmt"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/sizes"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// TestSizes holds that the shapes are what they say: scripts without errors, or with
// some.
func TestSizes(t *testing.T) {
	for _, shape := range sizes.Shapes {
		_, err := compileText(shape.Text(500), frozen.Target("6.12"), compiler.Options{})
		if (err != nil) != shape.Wrong {
			t.Errorf("%s: %.200v", shape.Name, err)
		}
	}
}

// BenchmarkSizes checks and compiles scripts of many shapes: the time of an element must
// not depend on how many there are.
func BenchmarkSizes(b *testing.B) {
	machine := frozen.Target("6.12")
	for _, shape := range sizes.Shapes {
		for _, n := range sizes.Sizes {
			script, diagnostics := lang.Parse(diag.NewSource("script", shape.Text(n)))
			if diagnostics.HasErrors() {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d", shape.Name, n), func(b *testing.B) {
				for b.Loop() {
					_, err := compiler.Compile(script, machine, compiler.Options{})
					if err != nil && !shape.Wrong {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/element")
			})
		}
	}
}
