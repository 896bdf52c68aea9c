package format

import (
	"strconv"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/runtime/report"
)

func init() { Register(builtin.DrawQuantiles, Drawing{Draw: (*Formatter).appendQuantiles}) }

// appendQuantiles appends pairs of a name and a number: count 100, p50 12, p99.9 20345.
func (f *Formatter) appendQuantiles(b []byte, v report.Value) []byte {
	count, quantiles := v.Quantiles()
	b = strconv.AppendUint(append(b, "count "...), count, 10)
	for i, n := range quantiles {
		b = append(append(b, ", p"...), builtin.PercentileText(v.Type.Shape[i])...)
		b = AppendNumber(append(b, ' '), n, v.Type.Signed)
	}
	return b
}
