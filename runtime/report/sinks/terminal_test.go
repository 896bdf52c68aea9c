package sinks

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/report/format"
)

// watched is what a person sees on a terminal.
func watched(terminal report.Terminal, style string, print func(*printer)) string {
	f, _ := report.Find("text")
	var out bytes.Buffer
	settings := object.Settings{StringTrailer: "..", HistStyle: style, HistUnit: "kbytes"}
	p := &printer{f.New(report.Config{Out: &out, Settings: settings, Names: &testNames, Terminal: terminal}), settings}
	print(p)
	p.Flush()
	return out.String()
}

func wide(columns int) report.Terminal {
	return report.Terminal{Width: func() int { return columns }}
}

const long = "/usr/lib/x86_64-linux-gnu/a-very-long-name-of-a-library-that-fills-more-than-a-line.so.6"

// tables prints maps of all shapes: plain numbers, long keys of several parts, stacks,
// histograms and charts.
func tables(p *printer) {
	keyed := newTable("name", count(), types.NewString(16), types.NewString(128), types.Int64)
	add(keyed, 1, "bash", long, 5)
	add(keyed, 2, "bash", "short", 5)
	stacks := newTable("", count(), types.NewUserStack("perf", 2), types.NewString(128))
	add(stacks, 22, words(7, 16, 4096), long)
	hists := newTable("h", hist(), types.NewString(128))
	add(hists, buckets(hist(), map[int]uint64{0: 1, 1: 2, 24: 5}), long)
	series := newTable("", newSeries(20))
	add(series, seriesRow(newSeries(20), 1, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 1000))
	for _, t := range []*events.Table{
		keyed, stacks, hists, linear(0, 10, 2, map[int]uint64{0: 1, 2: 2}), series,
	} {
		p.table(t, 0, 0)
	}
}

// extremes prints histograms with the largest labels and counts.
func extremes(p *printer) {
	hists := newTable("h", hist(), types.Int64)
	add(hists, buckets(hist(), map[int]uint64{0: 1, 65: 3}), 1)
	add(hists, buckets(hist(), map[int]uint64{30: 1 << 50, 31: 1}), 2)
	p.table(hists, 0, 0)
	p.table(linear(-1<<40, 1<<40, 1<<38+1, map[int]uint64{1: 7, 2: 1 << 40}), 0, 0)
}

func widest(text string) int {
	most := 0
	for line := range strings.Lines(text) {
		most = max(most, format.Columns([]byte(strings.TrimSuffix(line, "\n"))))
	}
	return most
}

func TestLinesFitTheTerminal(t *testing.T) {
	for _, style := range []string{"bpftrace", "dtrace", "bcc", "bcc-trimmed"} {
		for columns, want := range map[int]int{
			1: 40, 40: 40, 41: 41, 60: 60, 79: 79, 80: 80, 133: 133, 200: 200, 1000: 200,
		} {
			if n := widest(watched(wide(columns), style, tables)); n != want {
				t.Errorf("%s on %d columns: the widest line has %d", style, columns, n)
			}
			if n := widest(watched(wide(columns), style, extremes)); columns > 60 && n != want {
				t.Errorf("%s on %d columns: the widest line of the extremes has %d", style, columns, n)
			}
		}
	}
}

func TestNarrowTerminal(t *testing.T) {
	check(t, watched(wide(40), "bpftrace", func(p *printer) {
		keyed := newTable("name", count(), types.NewString(16), types.NewString(128), types.Int64)
		add(keyed, 1, "bash", long, 5)
		add(keyed, 2, "bash", strings.Repeat("中文", 6), 5)
		p.table(keyed, 0, 0)
		stacks := newTable("", count(), types.NewUserStack("perf", 2), types.NewString(128))
		add(stacks, 22, words(7, 16, 4096), long)
		p.table(stacks, 0, 0)
		p.table(linear(0, 10, 2, map[int]uint64{0: 1, 2: 2}), 0, 0)
		p.printa("%@d", []*events.Table{linear(0, 10, 5, map[int]uint64{1: 3})})
	}), `@name[bash, /usr/lib…-a-line.so.6, 5]: 1
@name[bash, 中文中文…中文中文中文, 5]: 2
@[
	10 a\x0ab+16 (/bin/app)
	1000 0x1000 ([unknown])
, /usr/lib/x86_64…-than-a-line.so.6]: 22
@:
(..., 0)               1 |@@@@@@       |
[0, 2)                 0 |             |
[2, 4)                 2 |@@@@@@@@@@@@@|

[0, 5)                 3 |@@@@@@@@@@@@@|
`)
}

// Where the width is not known, or nobody watches, nothing is fitted.
func TestNoTerminal(t *testing.T) {
	settings := object.Settings{HistStyle: "bpftrace", HistUnit: "kbytes"}
	plain := textOf(settings, tables)
	for _, terminal := range []report.Terminal{{}, wide(0), {Hints: true}} {
		check(t, watched(terminal, "bpftrace", tables), plain)
	}
	if n := widest(plain); n < len(long) {
		t.Errorf("the widest line has %d columns", n)
	}
}

var color = regexp.MustCompile("\x1b\\[[0-9]*m")

// Colours are all that steers the terminal, whatever the traced system sends; text is the
// same without them. They change nothing in the columns.
func TestColor(t *testing.T) {
	hostile := func(p *printer) {
		tables(p)
		table := newTable("x", count(), types.NewString(64))
		add(table, 5, "\x1b[31m\x1b]0;title\x07\u009b2J")
		p.table(table, 0, 0)
		p.value(value(types.NewString(64), "\x1b[2J"))
	}
	for _, style := range []string{"bpftrace", "dtrace", "bcc"} {
		plain := watched(wide(70), style, hostile)
		terminal := wide(70)
		terminal.Color = true
		colored := watched(terminal, style, hostile)
		check(t, color.ReplaceAllString(colored, ""), plain)
		if strings.Contains(plain, "\x1b") || !strings.Contains(plain, `\x1b[31m`) {
			t.Errorf("%s: an escape reaches the terminal, or is lost: %q", style, plain)
		}
	}
	one := watched(report.Terminal{Color: true}, "bpftrace", func(p *printer) {
		p.table(linear(0, 10, 5, map[int]uint64{1: 3, 2: 0, 3: 1}), 0, 0)
	})
	check(t, one, "\x1b[1m@\x1b[0m:\n"+
		"[0, 5)                 3 |\x1b[36m"+fullBar+"\x1b[0m|\n"+
		"[5, 10)                0 |"+strings.Repeat(" ", 52)+"|\n"+
		"[10, ...)              1 |\x1b[36m"+fullBar[:17]+"\x1b[0m"+strings.Repeat(" ", 35)+"|\n\n")
}

// JSON is for programs, whoever watches.
func TestJSONOnATerminal(t *testing.T) {
	f, _ := report.Find("json")
	var out bytes.Buffer
	terminal := wide(40)
	terminal.Color = true
	p := &printer{f.New(report.Config{Out: &out, Settings: testSettings, Names: &testNames, Terminal: terminal}), testSettings}
	tables(p)
	p.Flush()
	check(t, out.String(), jsonOf(tables))
}
