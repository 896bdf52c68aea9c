package json

import (
	"testing"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// TestDrawings: what a record asks for is there, and nothing that none asks for.
func TestDrawings(t *testing.T) {
	asked := map[types.Drawing]bool{types.DrawNumber: true, types.DrawAverage: true}
	for _, a := range builtin.Aggregations() {
		draws := a.Record.Draws
		if drawings[draws].draw == nil && !asked[draws] {
			t.Errorf("%s() prints as its number, and asks for %q", a.Name, draws)
		}
		asked[draws] = true
	}
	for draws := range drawings {
		if !asked[draws] {
			t.Errorf("no aggregation is drawn as %q", draws)
		}
	}
}
