package format_test

import (
	"fmt"
	"testing"

	"github.com/ponytrace/ponytrace/internal/sizes"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/lang/format"
)

// BenchmarkSizes formats scripts of many shapes: the time of an element must
// not depend on how many there are.
func BenchmarkSizes(b *testing.B) {
	for _, shape := range sizes.Shapes {
		for _, n := range sizes.Sizes {
			source := diag.NewSource("script", shape.Text(n))
			b.Run(fmt.Sprintf("format/%s/%d", shape.Name, n), func(b *testing.B) {
				for b.Loop() {
					format.Format(source)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/element")
			})
		}
	}
}
