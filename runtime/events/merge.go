package events

import (
	"encoding/binary"

	"github.com/ponytrace/ponytrace/compiler/types"
)

// additive reports whether rows of the type merge by adding their words.
func additive(t *types.Type) bool {
	return t.Aggregation() && t.Kind != types.Min && t.Kind != types.Max && t.Kind != types.TimeSeries
}

// Merge folds the row of another CPU into row. Of values that are no aggregation, integers add up, and of others the first
// that is not all zeroes stands.
func Merge(t *types.Type, row, other []byte) {
	into, from := Value{t, row}, Value{t, other}
	switch t.Kind {
	case types.Int:
		copy(row, integer(into.Uint()+from.Uint(), t.Size))
	case types.TimeSeries:
		mergeSeries(into, from)
	case types.Min, types.Max:
		mergeExtreme(into, from)
	case types.Sum:
		into.setWord(0, into.Word(0)+from.Word(0))
		into.setWord(1, into.Word(1)|from.Word(1))
	default:
		mergeOther(into, from)
	}
}

func mergeOther(into, from Value) {
	if !into.Type.Aggregation() {
		if isZero(into.Raw) {
			copy(into.Raw, from.Raw)
		}
		return
	}
	for i := range into.Words() {
		into.setWord(i, into.Word(i)+from.Word(i))
	}
}

// mergeSeries takes the later interval of each place; what belongs to the same one is merged.
func mergeSeries(into, from Value) {
	for i := range into.Type.Count {
		row, other := into.interval(i), from.interval(i)
		number, otherNumber := binary.NativeEndian.Uint64(row), binary.NativeEndian.Uint64(other)
		switch {
		case otherNumber > number:
			copy(row, other)
		case otherNumber < number || number == 0:
		case into.Type.Elem.Kind == types.Int:
			mergeLast(row, other)
		default:
			Merge(into.Type.Elem, row[8:], other[8:])
		}
	}
}

// dropSeen empties the intervals of a series that are as they were printed.
func dropSeen(v, printed Value) {
	for i := range v.Type.Count {
		if row := v.interval(i); string(row) == string(printed.interval(i)) {
			clear(row)
		}
	}
}

// mergeLast takes the later one of two values, each with its time behind it.
func mergeLast(row, other []byte) {
	if binary.NativeEndian.Uint64(other[16:]) > binary.NativeEndian.Uint64(row[16:]) {
		copy(row, other)
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
