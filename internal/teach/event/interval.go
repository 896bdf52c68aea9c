package event

import (
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/object"
)

// everyOf is the period of the interval that a line is about, in nanoseconds, and 0 where
// it is about another probe. One that the script does not have is known by its name.
func everyOf(l line, firings []firing) uint64 {
	if len(firings) > 0 {
		return periodOf(firings[0].point)
	}
	return namedPeriod(l.probe.text)
}

func periodOf(point *object.Point) uint64 {
	at, runs := point.At.(object.RunPoint)
	if !runs || at.When != object.AtInterval {
		return 0
	}
	return uint64(at.Period)
}

// namedPeriod is the period of an interval by its name: one period has several, such as
// interval:s:1, i:s:1 and interval:1s.
func namedPeriod(name string) uint64 {
	kind, period, _ := strings.Cut(name, ":")
	if kind != "interval" && kindName(kind) != "interval" {
		return 0
	}
	unit, number, found := strings.Cut(period, ":")
	if !found {
		number = strings.TrimRight(period, "hmnsuz")
		unit = period[len(number):]
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil || n == 0 {
		return 0
	}
	switch unit {
	case "s":
		return n * 1e9
	case "ms":
		return n * 1e6
	case "us":
		return n * 1e3
	case "hz":
		return 1e9 / n
	}
	return 0
}
