package render

import (
	"testing"
	"time"
)

func TestTime(t *testing.T) {
	zone := time.FixedZone("CEST", 2*60*60)
	moment := time.Date(2015, 5, 4, 23, 3, 7, 12345678, zone)
	for format, want := range map[string]string{
		"%a %A %b %B %h":       "Mon Monday May May May",
		"%c":                   "Mon May  4 23:03:07 2015",
		"%d|%e|%H|%I|%k|%l|%j": "04| 4|23|11|23|11|124",
		"%F %T %D %R %r":       "2015-05-04 23:03:07 05/04/15 23:03 11:03:07 PM",
		"%m %M %S %p %y %Y %C": "05 03 07 PM 15 2015 20",
		"%s %f %L %u %w":       "1430773387 012345 012 1 1",
		"%z %Z %x %X":          "+0200 CEST 05/04/15 23:03:07",
		"%n%t%%":               "\n\t%",
		"%Q %":                 "%Q %",
		"no conversion\n":      "no conversion\n",
	} {
		check(t, string(appendTime(nil, format, moment)), want)
	}
	midnight := time.Date(2024, 12, 29, 0, 5, 0, 0, time.UTC)
	check(t, string(appendTime(nil, "%I %l %p %u %w %j", midnight)), "12 12 AM 7 0 364")
}
