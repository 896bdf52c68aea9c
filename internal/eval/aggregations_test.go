package eval

import (
	"testing"

	"github.com/ponytrace/ponytrace/compiler/builtin"
)

// TestAggregationsAgree: each aggregation is evaluated, but for the one that depends on
// the time.
func TestAggregationsAgree(t *testing.T) {
	for _, a := range builtin.Aggregations() {
		if _, known := aggregations[a.Name]; known == (a.Record == builtin.TimeSeries) {
			t.Errorf("%s(): there is a rule for it: %t", a.Name, known)
		}
	}
	if want := len(builtin.Aggregations()) - 1; len(aggregations) != want {
		t.Errorf("%d rules, want %d", len(aggregations), want)
	}
}
