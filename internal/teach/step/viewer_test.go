package step

import (
	"strings"
	"testing"
	"unicode/utf8"
)

const lines = `kprobe:vfs_read
{
	@[comm] = count();
	@bytes = sum(arg2);
}`

func view(t *testing.T, text, events string) *Viewer {
	t.Helper()
	script := compileFor(t, text, "6.12")
	return NewViewer(record(t, script, events, Limits{}), explanationOf(script))
}

// TestKeys: where keys lead, as event and step.
func TestKeys(t *testing.T) {
	counted := view(t, counting, `arg0.__data_len=4096 comm="dd" x2`)
	first, second := len(counted.run.Events[0].Steps), len(counted.run.Events[1].Steps)
	tests := []struct {
		keys      string
		event, at int
	}{
		{"", 0, 0}, {"n", 0, 1}, {"nn", 0, 2}, {"nnp", 0, 1}, {"p", 0, 0}, {"l", 0, 1}, {"ll", 0, 2}, {"llL", 0, 1},
		{"e", 1, 0}, {"ep", 0, first}, {"epn", 1, 0}, {"G", 1, second}, {"Gn", 1, second}, {"Gg", 0, 0},
		{"ee", 1, second}, {"eE", 0, 0}, {"nE", 0, 0}, {"b", 0, 10}, {"bb", 0, 22}, {"bbB", 0, 10}, {"?n", 0, 1}, {"m", 0, 0},
	}
	for _, test := range tests {
		v := NewViewer(counted.run, counted.of)
		for _, key := range strings.Split(test.keys, "") {
			v.Press(key)
		}
		if v.event != test.event || v.at != test.at {
			t.Errorf("%q leads to event %d, step %d; want %d, %d", test.keys, v.event, v.at, test.event, test.at)
		}
	}
}

// TestLines: l goes from line to line where there are several.
func TestLines(t *testing.T) {
	v := view(t, lines, `comm="dd"`)
	var seen []int
	for range 4 {
		seen = append(seen, v.row().Span.Line)
		v.Press("l")
	}
	if seen[0] == seen[1] || seen[1] == seen[2] {
		t.Errorf("lines %v", seen)
	}
}

// TestBranch: b stops before a jump, and the next step says why it went where.
func TestBranch(t *testing.T) {
	v := view(t, counting, `arg0.__data_len=4096 comm="dd"`)
	v.Press("b")
	if screen := strings.Join(v.Draw(80, 24, false), "\n"); !strings.Contains(screen, ">   11  if r0 == 0 goto") {
		t.Errorf("got\n%s", screen)
	}
	v.Press("n")
	if screen := strings.Join(v.Draw(80, 24, false), "\n"); !strings.Contains(screen, " 11: r0 is null: r0 == 0 holds, so it jumps to") {
		t.Errorf("got\n%s", screen)
	}
}

// TestWideCharacters: the mark stands under its part of the script.
func TestWideCharacters(t *testing.T) {
	v := view(t, `kprobe:vfs_read { @["日本語"] = sum(arg2) }`, "arg2=3")
	for _, width := range []int{80, 30} {
		for range 40 {
			screen := v.Draw(width, 24, false)
			mark := strings.Index(screen[2], "~")
			if cell := columnsFrom(screen[1], mark); !strings.HasPrefix(cell, v.part()[:1]) {
				t.Errorf("width %d: the mark is under %q:\n%s\n%s", width, cell, screen[1], screen[2])
			}
			if v.Press("n"); v.at == len(v.current().Steps) {
				break
			}
		}
	}
}

// columnsFrom is what stands at a column and behind it.
func columnsFrom(line string, column int) string { return line[breakAt(line, column):] }

// part is the text of the script at hand.
func (v *Viewer) part() string {
	span := v.row().Span
	return v.of.Sources[span.Source].Text[span.Start:span.End]
}

const drawn = `
 run 1 of 1  kprobe:blk_mq_start_request  comm="dd" pid=1000 uid=1000 cpu=0  ...
   1  kprobe:blk_mq_start_request { @[comm] = hist(arg0->__data_len) }
                                    ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
     4  r2 = 16                        | *r0   0
.    5  call bpf_get_current_comm#16   |  r6   4096
>    6  r1 = map[@]                    |  r10  end of the stack
     8  r2 = r10                       | *stack -16: "dd"
     9  r2 += -16                      |  struct request.__data_len: 4096
    10  call bpf_map_lookup_elem#1     |  context +0 (arg0, rq): struct request
    11  if r0 == 0 goto +24            |
    12  r5 = 1                         |
 5: bpf_get_current_comm(stack -16, 16) returns 0

 n next  p back  l line  b branch  e event  m maps  ? help  q quit         6/42
`

// TestDraw is a whole screen.
func TestDraw(t *testing.T) {
	v := view(t, counting, `arg0.__data_len=4096 comm="dd"`)
	for range 6 {
		v.Press("n")
	}
	if got := "\n" + strings.Join(v.Draw(80, 14, false), "\n") + "\n"; got != drawn {
		t.Errorf("got\n%s\nwant\n%s", got, drawn)
	}
}

// TestMaps: m shows them as they are at the moment, and how they were before.
func TestMaps(t *testing.T) {
	v := view(t, counting, `arg0.__data_len=4096 comm="dd" x2`)
	for keys, want := range map[string]string{"m": "all are empty", "em": "[4K, 8K)               1 |@@@", "Gm": "[4K, 8K)               2 |@@@"} {
		v := NewViewer(v.run, v.of)
		for _, key := range strings.Split(keys, "") {
			v.Press(key)
		}
		if screen := strings.Join(v.Draw(80, 24, false), "\n"); !strings.Contains(screen, want) {
			t.Errorf("%s: got\n%s", keys, screen)
		}
	}
}

// TestSizes: a screen of any size has as many lines as there are, none of them too long,
// and help says where the emulator differs.
func TestSizes(t *testing.T) {
	v := view(t, counting, `arg0.__data_len=4096 comm="dd" x2`)
	for _, key := range []string{"n", "b", "?", "down", "?", "m", "m", "e", "G"} {
		v.Press(key)
		for _, size := range [][2]int{{80, 24}, {20, 8}, {40, 10}, {63, 30}, {200, 60}, {64, 12}} {
			lines := v.Draw(size[0], size[1], false)
			if len(lines) != size[1] {
				t.Errorf("%s, %v: %d lines", key, size, len(lines))
			}
			for _, line := range lines {
				if utf8.RuneCountInString(line) > size[0] {
					t.Errorf("%s, %v: %q", key, size, line)
				}
			}
		}
	}
	v = NewViewer(v.run, v.of)
	v.Press("?")
	if screen := strings.Join(v.Draw(120, 40, false), "\n"); !strings.Contains(screen, "There is no verifier") {
		t.Errorf("got\n%s", screen)
	}
	if !v.Press("q") {
		t.Error("q does not end it")
	}
}

// TestEmpty: nothing to step through is no crash.
func TestEmpty(t *testing.T) {
	v := NewViewer(&Run{}, explanationOf(compileFor(t, counting, "6.12")))
	for _, key := range []string{"n", "p", "l", "L", "b", "e", "E", "g", "G", "m", "?", "x"} {
		v.Press(key)
		if got := v.Draw(80, 24, true); len(got) != 24 || !strings.Contains(got[0], "nothing ran") {
			t.Errorf("%s: got %q", key, got)
		}
	}
}
