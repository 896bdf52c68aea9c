package json

import (
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/runtime/report"
)

func init() { drawings[builtin.DrawQuantiles] = drawing{"quantiles", (*sink).appendQuantiles} }

// appendQuantiles appends the members that text has: {"count": 100, "p50": 12, "p99.9":
// 20345}.
func (s *sink) appendQuantiles(b []byte, v report.Value) []byte {
	count, quantiles := v.Quantiles()
	b = appendNumber(append(b, `{"count": `...), count, false)
	for i, n := range quantiles {
		b = append(append(b, `, "p`...), builtin.PercentileText(v.Type.Shape[i])...)
		b = appendNumber(append(b, `": `...), n, v.Type.Signed)
	}
	return append(b, '}')
}
