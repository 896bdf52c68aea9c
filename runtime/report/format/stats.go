package format

import (
	"strconv"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/report"
)

func init() { Register(types.DrawStats, Drawing{Draw: (*Formatter).appendStats}) }

func (f *Formatter) appendStats(b []byte, v report.Value) []byte {
	stats := v.Stats()
	b = strconv.AppendUint(append(b, "{ .count = "...), stats.Count, 10)
	b = AppendNumber(append(b, ", .average = "...), stats.Average, v.Type.Signed)
	b = AppendNumber(append(b, ", .total = "...), stats.Total, v.Type.Signed)
	return append(b, " }"...)
}
