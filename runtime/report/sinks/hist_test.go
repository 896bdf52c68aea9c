package sinks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
)

const fullBar = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@"

func TestHist(t *testing.T) {
	table := newTable("", hist())
	check(t, mapText(table, 0, 0), "")
	add(table, buckets(hist(), map[int]uint64{0: 1, 3: 2, 4: 1, 6: 1}))
	check(t, mapText(table, 0, 0), `@:
(..., 0)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
[0]                    0 |                                                    |
[1]                    0 |                                                    |
[2, 4)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[4, 8)                 1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
[8, 16)                0 |                                                    |
[16, 32)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |

`)
}

func TestKeyedHist(t *testing.T) {
	table := newTable("h", hist(), types.NewString(16))
	add(table, buckets(hist(), map[int]uint64{12: 8}), "b")
	add(table, buckets(hist(), map[int]uint64{23: 4}), "a")
	add(table, buckets(hist(), map[int]uint64{65: 9}), "c")
	check(t, mapText(table, 0, 4), `@h[a]:
[2M, 4M)               1 |`+fullBar+`|

@h[b]:
[1K, 2K)               2 |`+fullBar+`|

@h[c]:
[8E, 16E)              2 |`+fullBar+`|

`)
}

func linear(low, high, step int64, counts map[int]uint64) *events.Table {
	kind := builtin.NewLinearHist(low, high, step)
	table := newTable("", kind)
	add(table, buckets(kind, counts))
	return table
}

func TestLinearHist(t *testing.T) {
	check(t, mapText(linear(0, 10, 2, map[int]uint64{0: 1, 2: 2, 4: 1, 6: 1}), 0, 0), `@:
(..., 0)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
[0, 2)                 0 |                                                    |
[2, 4)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[4, 6)                 0 |                                                    |
[6, 8)                 1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
[8, 10)                0 |                                                    |
[10, ...)              1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |

`)
	for _, test := range []struct {
		table *events.Table
		label string
	}{
		{linear(0, 5120, 1024, map[int]uint64{1: 1}), "[0, 1K)         "},
		{linear(0, 4<<20, 1<<20, map[int]uint64{2: 1}), "[1M, 2M)        "},
		{linear(610000, 670000, 10000, map[int]uint64{4: 1}), "[640000, 650000)"},
		{linear(-3, 3, 1, map[int]uint64{2: 1}), "[-2]            "},
		{linear(10, 110, 10, map[int]uint64{0: 1}), "(..., 10)       "},
		{linear(0, 100, 10, map[int]uint64{11: 1}), "[100, ...)      "},
	} {
		check(t, mapText(test.table, 0, 0), "@:\n"+test.label+"       1 |"+fullBar+"|\n\n")
	}
}

// The tables of "eBPF: One Small Step" (2015), to the byte.
func TestBitehist(t *testing.T) {
	table := newTable("", hist())
	add(table, buckets(hist(), map[int]uint64{1: 1, 2: 2, 4: 3395, 5: 1, 6: 2, 7: 738, 8: 3, 9: 1}))
	check(t, printaIn("bcc", "\n%@d", table), `
     kbytes          : count     distribution
       0 -> 1        : 3        |                                      |
       2 -> 3        : 0        |                                      |
       4 -> 7        : 3395     |************************************* |
       8 -> 15       : 1        |                                      |
      16 -> 31       : 2        |                                      |
      32 -> 63       : 738      |*******                               |
      64 -> 127      : 3        |                                      |
     128 -> 255      : 1        |                                      |
`)
}

func TestBitesize(t *testing.T) {
	table := newTable("", hist(), types.Int32, types.Int32, types.NewString(16))
	add(table, buckets(hist(), map[int]uint64{4: 37, 5: 7, 6: 5, 7: 3, 8: 1, 9: 2152}), 583, 0, "cksum")
	add(table, buckets(hist(), map[int]uint64{4: 70, 6: 1, 7: 737}), 582, 0, "dd")
	check(t, printaIn("bcc-trimmed", "\n  PID: %d UID: %d CMD: %s\n%@d", table), `
  PID: 582 UID: 0 CMD: dd
     kbytes          : count     distribution
       4 -> 7        : 70       |**                                    |
       8 -> 15       : 0        |                                      |
      16 -> 31       : 1        |                                      |
      32 -> 63       : 737      |************************************* |

  PID: 583 UID: 0 CMD: cksum
     kbytes          : count     distribution
       4 -> 7        : 37       |                                      |
       8 -> 15       : 7        |                                      |
      16 -> 31       : 5        |                                      |
      32 -> 63       : 3        |                                      |
      64 -> 127      : 1        |                                      |
     128 -> 255      : 2152     |************************************* |
`)
}

func printaIn(style, format string, table *events.Table) string {
	return textOf(object.Settings{HistStyle: style, HistUnit: "kbytes"}, func(r *printer) { r.printa(format, []*events.Table{table}) })
}

func TestBCCEdges(t *testing.T) {
	table := newTable("h", hist())
	check(t, printaIn("bcc", "%@d", table), "     kbytes          : count     distribution\n")
	check(t, printaIn("bpftrace", "%@d", table), "")
	add(table, buckets(hist(), map[int]uint64{0: 1, 65: 2}))
	check(t, printaIn("bcc-trimmed", "%@d", table), `     kbytes          : count     distribution
     ... -> -1       : 1        |******************                    |
9223372036854775808 -> 18446744073709551615 : 2        |************************************* |
`)
}

func TestQuantize(t *testing.T) {
	table := newTable("h", hist())
	add(table, buckets(hist(), map[int]uint64{3: 3, 4: 1}))
	check(t, printaIn("dtrace", "%@d", table),
		"           value  ------------- Distribution ------------- count    \n"+
			"               1 |                                         0        \n"+
			"               2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@           3        \n"+
			"               4 |@@@@@@@@@@                               1        \n"+
			"               8 |                                         0        \n")
	check(t, printaIn("dtrace", "%@d", linear(0, 10, 5, map[int]uint64{1: 1, 2: 1})),
		"           value  ------------- Distribution ------------- count    \n"+
			"             < 0 |                                         0        \n"+
			"               0 |@@@@@@@@@@@@@@@@@@@@                     1        \n"+
			"               5 |@@@@@@@@@@@@@@@@@@@@                     1        \n"+
			"           >= 10 |                                         0        \n")
}

// The labels of hist(v, bits) as bpftrace writes them: the suffix is that of the bucket's
// width, not of its bounds.
func TestSplitHist(t *testing.T) {
	labels := func(bits int, values ...uint64) (list []string) {
		kind := builtin.NewHist(false, bits)
		for _, v := range values {
			row := newTable("", kind)
			add(row, buckets(kind, map[int]uint64{bucketOf(v, bits): 1}))
			list = append(list, strings.TrimSpace(strings.Split(mapText(row, 0, 0), "\n")[1][:16]))
		}
		return list
	}
	check(t, fmt.Sprint(labels(0, 0, 1, 2, 1024, 1<<63)), "[[0] [1] [2, 4) [1K, 2K) [8E, 16E)]")
	check(t, fmt.Sprint(labels(2, 3, 7, 8, 10, 1023, 1<<12, ^uint64(0))), "[[3] [7] [8, 10) [10, 12) [896, 1024) [4K, 5K) [14E, 16E)]")
	check(t, fmt.Sprint(labels(5, 63, 64, 1023, 32<<10, 33<<10)), "[[63] [64, 66) [1008, 1024) [32K, 33K) [33K, 34K)]")
	kind := builtin.NewHist(false, 5)
	table := newTable("", kind)
	add(table, buckets(kind, map[int]uint64{bucketOf(64, 5): 8, bucketOf(^uint64(0), 5): 1}))
	line := jsonMap(t, table)
	if !strings.HasPrefix(line, `{"type": "hist", "data": {"@": [{"min": 64, "max": 65, "count": 8},{"min": 66, "max": 67, "count": 0},`) ||
		!strings.HasSuffix(line, `{"min": 18158513697557839872, "max": "18446744073709551615", "count": 1}]}}`) {
		t.Error(line)
	}
}

// bucketOf looks for the bucket of a value.
func bucketOf(v uint64, bits int) int {
	i := types.HistBucketsOf(bits) - 1
	for types.HistLow(i, bits) > v {
		i--
	}
	return i
}
