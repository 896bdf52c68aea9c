package format

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
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
		check(t, string(AppendTime(nil, format, moment)), want)
	}
	midnight := time.Date(2024, 12, 29, 0, 5, 0, 0, time.UTC)
	check(t, string(AppendTime(nil, "%I %l %p %u %w %j", midnight)), "12 12 AM 7 0 364")
}

// table reads a table of testdata, which was made by date(1) as its first line says.
func table(t *testing.T, name string, rows int) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	table := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")[1:]
	if len(table) != rows {
		t.Fatalf("%s has %d rows, want %d", name, len(table), rows)
	}
	return table
}

func seconds(t *testing.T, text string) time.Time {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Unix(n, 0)
}

// TestTimeDays is about the ends of years and of Februaries, when weeks belong to another
// year than their days.
func TestTimeDays(t *testing.T) {
	for _, want := range table(t, "strftime-days.txt", 431) {
		first, _, _ := strings.Cut(want, " ")
		moment := seconds(t, first).UTC()
		check(t, string(AppendTime(nil, "%s %a %b %d %H:%M:%S %j %U %V %W %G %g %u %w %C %y", moment)), want)
	}
}

// TestTimeAllDays: the sum is that of `date -u -f FILE '+%F %U %V %W %G %g %j %u %w %C' |
// sha256sum`, where the file has a line @SECONDS for the first second of each day from
// 1970 to 2261.
func TestTimeAllDays(t *testing.T) {
	sum, days := sha256.New(), 0
	end := time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
	for day := time.Unix(0, 0).UTC(); day.Before(end); day = day.AddDate(0, 0, 1) {
		sum.Write(AppendTime(nil, "%F %U %V %W %G %g %j %u %w %C\n", day))
		days++
	}
	check(t, strconv.Itoa(days)+" "+hex.EncodeToString(sum.Sum(nil)), "106651 cc8790e2ddc0772bff1b41defd98565310678d96f8f519e6ef71ac2f00b71cf7")
}

// TestTimeFlags holds every flag, width and modifier against those of date(1).
func TestTimeFlags(t *testing.T) {
	zones := map[string]*time.Location{
		"UTC0": time.UTC, "CET-1": time.FixedZone("CET", 3600), "<-0330>3:30": time.FixedZone("-0330", -12600),
	}
	for _, row := range table(t, "strftime-flags.txt", 396) {
		column := strings.Split(row, "\t")
		moment := seconds(t, column[1]).In(zones[column[0]])
		check(t, column[2]+string(AppendTime(nil, "["+column[2]+"]", moment)), column[2]+column[3])
	}
}

// TestTimeOwn: conversions that only ponytrace and bpftrace have, and what must not harm
// anybody.
func TestTimeOwn(t *testing.T) {
	moment := time.Date(2015, 5, 4, 23, 3, 7, 12345678, time.FixedZone("\x1b[31m", 0))
	for format, want := range map[string]string{
		"%f|%L|%-f|%_8f|%8L": "012345|012|12345|   12345|00000012",
		"%5n|%3t":            "    \n|  \t",
		"%Z":                 `\x1b[31m`,
		"%":                  "%",
		"%^":                 "%^",
		"%\xff%E\xff":        "%\xff%E\xff",
	} {
		check(t, string(AppendTime(nil, format, moment)), want)
	}
	if n := len(AppendTime(nil, "%999999999d", moment)); n != maxTimeWidth {
		t.Errorf("%d bytes, want %d", n, maxTimeWidth)
	}
}

func check(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
