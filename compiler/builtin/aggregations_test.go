package builtin

import (
	"testing"

	"github.com/ponytrace/ponytrace/compiler/types"
)

func TestAggregationRecords(t *testing.T) {
	for _, a := range Aggregations() {
		r := a.Record
		switch {
		case r == nil || r.Name != a.Name:
			t.Errorf("%s() has the record %v", a.Name, r)
		case (r.Stored == nil) != (r.Summarize == nil):
			t.Errorf("%s() has summaries of nothing, or rows without", a.Name)
		case r.Stored != nil && a.Split == nil:
			t.Errorf("%s() cannot store rows in parts", a.Name)
		case r.Words == nil || r.Stored == nil && (r.Merge == nil || r.Subtract == nil):
			t.Errorf("%s() lacks what every record has", a.Name)
		case a.Check == nil || a.Update == nil:
			t.Errorf("%s() cannot be compiled", a.Name)
		case r.Composite && a.Read != nil:
			t.Errorf("%s() is a number, and is none", a.Name)
		}
	}
}

// TestMergeSubtract holds what every record promises: an empty row changes no other, and
// a row less itself is empty.
func TestMergeSubtract(t *testing.T) {
	for _, kind := range []*types.Type{
		types.NewAggregation(Count, false), types.NewAggregation(Sum, true),
		types.NewAggregation(Avg, true), types.NewAggregation(Stats, false),
		types.NewAggregation(Min, true), types.NewAggregation(Max, false),
		NewHist(true, 2), NewLinearHist(0, 100, 10), NewTimeSeries(types.Int64, 1e9, 4),
	} {
		row, empty := make(types.Row, kind.Size), make(types.Row, kind.Size)
		for i := range row.Len() {
			row.SetWord(i, uint64(i+1))
		}
		before := string(row)
		kind.Record.Merge(kind, row, empty)
		if string(row) != before {
			t.Errorf("%s: an empty row changed another", kind)
		}
		kind.Record.Merge(kind, empty, row)
		if string(empty) == string(make(types.Row, kind.Size)) {
			t.Errorf("%s: a row is lost in an empty one", kind)
		}
		kind.Record.Subtract(kind, row, types.Row(before))
		if !row.Zero() {
			t.Errorf("%s: a row less itself is % x", kind, row)
		}
	}
}
