package sinks

import (
	"testing"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
)

func TestQuantiles(t *testing.T) {
	kind := builtin.NewQuantiles(true, []int64{50_000_000, 99_900_000})
	one := newTable("q", kind)
	check(t, mapText(one, 0, 0), "@q: count 0, p50 0, p99.9 0\n")
	below := uint64(0)
	add(one, []uint64{7, below - 12, 20345})
	check(t, mapText(one, 0, 0), "@q: count 7, p50 -12, p99.9 20345\n")
	check(t, mapText(one, 0, 10), "@q: count 7, p50 -1, p99.9 2034\n")
	check(t, jsonOf(func(r *printer) { r.table(one, 0, 0) }),
		`{"type": "quantiles", "data": {"@q": {"count": 7, "p50": -12, "p99.9": 20345}}}`+"\n")

	// The last percentile decides the order.
	keyed := newTable("", kind, types.NewString(16))
	add(keyed, []uint64{1000, 1, 300}, "slow")
	add(keyed, []uint64{2, 5, 200}, "fast")
	add(keyed, []uint64{3, 900, below - 1}, "odd")
	check(t, mapText(keyed, 0, 0),
		"@[odd]: count 3, p50 900, p99.9 -1\n@[fast]: count 2, p50 5, p99.9 200\n@[slow]: count 1000, p50 1, p99.9 300\n")
	check(t, mapText(keyed, 1, 100), "@[slow]: count 1000, p50 0, p99.9 3\n")
	check(t, textOf(object.Settings{SortBy: "key"}, func(r *printer) { r.table(keyed, 1, 0) }),
		"@[slow]: count 1000, p50 1, p99.9 300\n")
}
