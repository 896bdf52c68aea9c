package builtin

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// TestBucketError holds the stated bound for every bucket, at both of its ends, which are
// the values that its middle is farthest from. Together the buckets have all values of 64
// bits.
func TestBucketError(t *testing.T) {
	next := uint64(0)
	for bucket := range quantileBuckets {
		low := types.HistLow(bucket+1, quantileBits)
		high := types.HistLow(bucket+2, quantileBits) - 1
		if low != next || high < low {
			t.Fatalf("bucket %d is from %d to %d, want from %d", bucket, low, high, next)
		}
		next = high + 1
		for _, value := range []uint64{low, high} {
			if off := distance(middle(bucket), value); off > value/128 {
				t.Errorf("%d prints as %d, which is off by %d", value, middle(bucket), off)
			}
		}
		if low < 128 && (low != high || middle(bucket) != low) {
			t.Errorf("%d to %d print as %d", low, high, middle(bucket))
		}
	}
	if next != 0 {
		t.Errorf("the last bucket ends before %d", next)
	}
}

func distance(a, b uint64) uint64 { return max(a, b) - min(a, b) }

// TestQuantiles compares with the values themselves, sorted, for values of all magnitudes
// and signs.
func TestQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	percentiles := []int64{
		0, 1, 25 * OnePercent, 50 * OnePercent, 99 * OnePercent, 99_999_999, 100 * OnePercent,
	}
	kind := NewQuantiles(true, percentiles)
	for range 300 {
		values := make([]int64, 1+random.IntN(2000))
		stored := make(types.Row, storedQuantiles(kind).Row.Size)
		for i := range values {
			values[i] = int64(random.Uint64()) >> random.IntN(64)
			bucket := bucketOf(values[i])
			stored.SetWord(bucket, stored.Word(bucket)+1)
		}
		slices.Sort(values)
		summary := make(types.Row, kind.Size)
		summarizeQuantiles(kind, summary, stored)
		if summary.Word(0) != uint64(len(values)) {
			t.Fatalf("%d values of %d", summary.Word(0), len(values))
		}
		for i, p := range percentiles {
			rank := max(1, int(math.Ceil(float64(p)*float64(len(values))/(100*OnePercent))))
			want, got := values[rank-1], int64(summary.Word(1+i))
			if off := distance(uint64(got), uint64(want)); got != want && min(off, -off) > size(want)/128 {
				t.Fatalf("p%s of %d values is %d, want %d", PercentileText(p), len(values), got, want)
			}
		}
	}
}

func size(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// bucketOf finds the bucket as no program does: by the seven highest bits.
func bucketOf(n int64) int {
	shift := max(bits.Len64(size(n))-7, 0)
	bucket := shift<<quantileBits + int(size(n)>>shift)
	if n < 0 {
		return bucket + quantileBuckets
	}
	return bucket
}

func TestRanks(t *testing.T) {
	for _, test := range []struct {
		p       int64
		n, want uint64
	}{
		{0, 10, 1}, {50 * OnePercent, 10, 5}, {50 * OnePercent, 11, 6}, {99_900_000, 1000, 999},
		{99_900_000, 1001, 1000}, {100 * OnePercent, 7, 7}, {99 * OnePercent, 0, 1},
		{100 * OnePercent, math.MaxUint64, math.MaxUint64},
		{1, math.MaxUint64, math.MaxUint64/100_000_000 + 1},
	} {
		if got := rankOf(test.p, test.n); got != test.want {
			t.Errorf("%s percent of %d: %d, want %d", PercentileText(test.p), test.n, got, test.want)
		}
	}
}

func TestPercentiles(t *testing.T) {
	for text, want := range map[string]int64{
		"99.9": 99_900_000, "0.000001": 1, "100.0": 100 * OnePercent, "50.500000000": 50_500_000,
	} {
		got, known := Percentile(&lang.Decimal{Text: text}, nil)
		if !known || got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
	if _, known := Percentile(&lang.Decimal{Text: "99.1234567"}, nil); known {
		t.Error("more than 6 decimals are taken")
	}
	for p, want := range map[int64]string{
		99_900_000: "99.9", 50 * OnePercent: "50", 1: "0.000001", 0: "0",
	} {
		if got := PercentileText(p); got != want {
			t.Errorf("%d: %s, want %s", p, got, want)
		}
	}
}
