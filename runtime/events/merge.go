package events

import "github.com/ponytrace/ponytrace/compiler/types"

// additive reports whether rows of the type merge by adding their words.
func additive(t *types.Type) bool { return t.Aggregation() && t.Record.Adds }

// Merge folds the row of another CPU into row. Of values that are no aggregation,
// integers add up, and of others the first that is not all zeroes stands.
func Merge(t *types.Type, row, other []byte) {
	into, from := Value{t, row}, Value{t, other}
	switch {
	case t.Aggregation():
		t.Record.Merge(t, row, other)
	case t.Kind == types.Int:
		copy(row, integer(into.Uint()+from.Uint(), t.Size))
	case isZero(row):
		copy(row, other)
	}
}
