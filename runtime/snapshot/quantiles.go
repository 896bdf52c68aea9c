package snapshot

import (
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/runtime/report"
)

func init() { drawings[builtin.DrawQuantiles] = quantiles }

// Quantiles is what quantiles() tells, in the order of its percentiles.
type Quantiles struct {
	Count  uint64
	Values []Quantile
}

// Quantile is the value that so many percent of all do not exceed.
type Quantile struct {
	Percentile float64
	Value      any // int64, or uint64
}

func quantiles(_ converter, v report.Value) any {
	count, values := v.Quantiles()
	q := Quantiles{Count: count}
	for i, n := range values {
		percentile := float64(v.Type.Shape[i]) / builtin.OnePercent
		q.Values = append(q.Values, Quantile{percentile, integer(n, v.Type.Signed)})
	}
	return q
}
