package timezone

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestZones holds the zones against those of the C library: testdata/zones.txt says with
// which commands it was made.
func TestZones(t *testing.T) {
	table, err := os.ReadFile("testdata/zones.txt")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(table)), "\n")[1:]
	if len(rows) < 300 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	for _, row := range rows {
		column := strings.Split(row, "\t")
		zone, err := find(absolute(t, column[0]), []string{"testdata"})
		if err != nil {
			t.Errorf("%q: %v", column[0], err)
			continue
		}
		seconds, err := strconv.ParseInt(column[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Unix(seconds, 0).In(zone).Format("2006-01-02 15:04:05 -0700 MST"); got != column[2] {
			t.Errorf("TZ=%s at %d: %s, want %s", column[0], seconds, got, column[2])
		}
	}
}

// absolute makes the path of a file of the table, behind a colon or not, absolute.
func absolute(t *testing.T, value string) string {
	before, name, is := strings.Cut(value, "testdata/")
	if !is {
		return value
	}
	path, err := filepath.Abs("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return before + path
}

// TestMalformed: what is neither a file nor a rule is UTC, with one message that says
// why.
func TestMalformed(t *testing.T) {
	folder := t.TempDir()
	write := func(name string, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pipe := filepath.Join(folder, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	neither := func(quoted string) string {
		return "TZ is " + quoted + ", which is neither a time zone in " + folder + " nor a rule such as CET-1CEST,M3.5.0,M10.5.0/3: times are printed in UTC"
	}
	file := func(path, why string) string {
		return "TZ is " + strconv.Quote(path) + ", and this is no file of a time zone (" + why + "): times are printed in UTC"
	}
	text, large, empty := write("text", "no zone"), write("large", "TZif2"+strings.Repeat("\x00", maxFileSize)), write("empty", "")
	cut := write("cut", string(ruleFile("JST-9")[:60]))
	for value, want := range map[string]string{
		"Foo/Bar":                      neither(`"Foo/Bar"`),
		"JST":                          neither(`"JST"`),
		"JS-9":                         neither(`"JS-9"`),
		"JST-25":                       neither(`"JST-25"`),
		"JST-9:60":                     neither(`"JST-9:60"`),
		"<+9>-9":                       neither(`"<+9>-9"`),
		"<+09-9":                       neither(`"<+09-9"`),
		"CET-1CEST,M3.5.0":             neither(`"CET-1CEST,M3.5.0"`),
		"CET-1CEST,M13.5.0,M10.5.0":    neither(`"CET-1CEST,M13.5.0,M10.5.0"`),
		"CET-1CEST,M3.6.0,M10.5.0":     neither(`"CET-1CEST,M3.6.0,M10.5.0"`),
		"CET-1CEST,M3.5.7,M10.5.0":     neither(`"CET-1CEST,M3.5.7,M10.5.0"`),
		"CET-1CEST,J0,J300":            neither(`"CET-1CEST,J0,J300"`),
		"CET-1CEST,366,1":              neither(`"CET-1CEST,366,1"`),
		"CET-1CEST,1,300/168:00:00,":   neither(`"CET-1CEST,1,300/168:00:00,"`),
		"CET-1CEST,1,300/169":          neither(`"CET-1CEST,1,300/169"`),
		"CET-1\nUTC0":                  neither(`"CET-1\nUTC0"`),
		"\x1b[31m5":                    neither(`"\x1b[31m5"`),
		"../text":                      neither(`"../text"`),
		"text":                         neither(`"text"`),
		"./text":                       neither(`"./text"`),
		"pipe":                         neither(`"pipe"`),
		strings.Repeat("A", 300) + "5": neither(strconv.Quote(strings.Repeat("A", maxShown)) + "..."),
		text:                           file(text, "it holds something else"),
		large:                          file(large, "it holds something else"),
		empty:                          file(empty, "it holds something else"),
		cut:                            file(cut, "it holds something else"),
		pipe:                           file(pipe, "it is not a regular file"),
		folder:                         file(folder, "it is not a regular file"),
		"/dev/zero":                    file("/dev/zero", "it is not a regular file"),
		"/proc/self/environ":           file("/proc/self/environ", "it holds something else"),
		folder + "/none":               file(folder+"/none", "there is none"),
	} {
		zone, err := find(value, []string{folder})
		if zone != time.UTC {
			t.Errorf("TZ=%q is %v, want UTC", value, zone)
		}
		if err == nil || err.Error() != want {
			t.Errorf("TZ=%q: %v\nwant %s", value, err, want)
		}
	}
}

// TestPlain: names that need no file.
func TestPlain(t *testing.T) {
	for value, want := range map[string]string{"": "UTC +0000", ":": "UTC +0000", "UTC": "UTC +0000", "GMT": "GMT +0000"} {
		zone, err := find(value, nil)
		if err != nil {
			t.Errorf("TZ=%q: %v", value, err)
		}
		if got := time.Unix(0, 0).In(zone).Format("MST -0700"); got != want {
			t.Errorf("TZ=%q is %s, want %s", value, got, want)
		}
	}
}

func TestLocal(t *testing.T) {
	t.Setenv("TZDIR", "testdata")
	t.Setenv("TZ", "Europe/Berlin")
	zone, err := Local()
	if err != nil || time.Unix(0, 0).In(zone).Format("MST") != "CET" {
		t.Errorf("the zone is %v (%v)", zone, err)
	}
}

// FuzzFile: no content of a file and no rule panics or hangs.
func FuzzFile(f *testing.F) {
	berlin, err := os.ReadFile("testdata/Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(berlin, "CET-1CEST,M3.5.0,M10.5.0/3")
	f.Add(ruleFile("JST-9"), "<+0330>-3:30")
	f.Fuzz(func(_ *testing.T, data []byte, rule string) {
		if zone, err := time.LoadLocationFromTZData("file", data); err == nil {
			for _, seconds := range []int64{0, 1 << 31, 1 << 34} {
				_ = time.Unix(seconds, 0).In(zone).String()
			}
		}
		parseRule(rule)
	})
}
