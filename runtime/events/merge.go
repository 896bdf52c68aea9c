package events

import "github.com/ponytrace/ponytrace/compiler/types"

// additive reports whether rows of the type merge by adding their words.
func additive(t *types.Type) bool {
	return t.Aggregation() && t.Kind != types.Min && t.Kind != types.Max
}

// Merge folds a row of an aggregation, that of another CPU, into row.
func Merge(t *types.Type, row, other []byte) {
	into, from := Value{t, row}, Value{t, other}
	switch t.Kind {
	case types.Min, types.Max:
		mergeExtreme(into, from)
	case types.Sum:
		into.setWord(0, into.Word(0)+from.Word(0))
		into.setWord(1, into.Word(1)|from.Word(1))
	default:
		for i := range into.Words() {
			into.setWord(i, into.Word(i)+from.Word(i))
		}
	}
}

func mergeExtreme(into, from Value) {
	if from.Word(1) == 0 {
		return
	}
	if into.Word(1) == 0 || beats(into.Type, from.Word(0), into.Word(0)) {
		copy(into.Raw, from.Raw)
	}
}

// beats reports whether a replaces b as the minimum or maximum.
func beats(t *types.Type, a, b uint64) bool {
	less := a < b
	if t.Signed {
		less = int64(a) < int64(b)
	}
	return less == (t.Kind == types.Min) && a != b
}

// subtract takes the words of other from row: the row of the time since other was read.
func subtract(t *types.Type, row, other []byte) {
	from, printed := Value{t, row}, Value{t, other}
	for i := range from.Words() {
		from.setWord(i, from.Word(i)-printed.Word(i))
	}
	if t.Kind == types.Sum {
		from.setWord(1, boolWord(from.Word(0) != 0))
	}
}

func boolWord(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
