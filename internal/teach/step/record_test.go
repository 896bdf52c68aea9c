package step

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/teach/event"
	"github.com/ponytrace/ponytrace/internal/teach/explain"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/rogpeppe/go-internal/txtar"
)

func record(t testing.TB, script event.Script, lines string, limits Limits) *Run {
	t.Helper()
	events, problems := event.Parse(diag.NewSource("events", lines), script)
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	run, err := Record(script, events, limits)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func explanationOf(script event.Script) *explain.Explanation {
	return explain.New(script.Object, script.Stages, script.Target)
}

// withoutReasons is for goldens, which are not about the words of package explain.
func withoutReasons(script event.Script) *explain.Explanation {
	of := explanationOf(script)
	for _, program := range of.Programs {
		for i := range program.Rows {
			program.Rows[i].Reason = ""
		}
	}
	return of
}

// TestText compares whole runs as they are printed. A golden has a `script`, `events` and
// the `steps`.
func TestText(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no goldens", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { text(t, path) })
	}
}

func text(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil || len(archive.Files) < 2 {
		t.Fatal(err)
	}
	script := compileFor(t, string(archive.Files[0].Data), "6.12")
	run := record(t, script, string(archive.Files[1].Data), Limits{})
	var out bytes.Buffer
	if err := run.Print(&out, withoutReasons(script), Look{}); err != nil {
		t.Fatal(err)
	}
	want := txtar.Format(archive)
	archive.Files = append(archive.Files[:2], txtar.File{Name: "steps", Data: out.Bytes()})
	got := txtar.Format(archive)
	if *testkit.Update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s\nrun go test ./internal/teach/step -run Text -update", got, want)
	}
}

// TestReasons: an instruction of which nothing else is to be told has its reason.
func TestReasons(t *testing.T) {
	script := compileFor(t, counting, "6.12")
	of := explanationOf(script)
	of.Programs[0].Rows[2].Reason = "the reason of the third"
	var out bytes.Buffer
	if err := record(t, script, "x1", Limits{}).Print(&out, of, Look{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "r1 = r10                       the reason of the third\n") {
		t.Errorf("got\n%s", out.String())
	}
}

const counting = `kprobe:blk_mq_start_request { @[comm] = hist(arg0->__data_len) }`

// TestAt: the state is that of the changes up to a step, backwards as well as forwards.
func TestAt(t *testing.T) {
	run := record(t, compileFor(t, counting, "6.12"), `arg0.__data_len=4096 comm="dd"`, Limits{})
	e := &run.Events[0]
	tests := []struct {
		steps       int
		place, text string // text is empty where the place has nothing
		changed     bool
	}{
		{0, "r1", "context", false}, {0, "r0", "", false}, {0, "struct request.__data_len", "4096", false},
		{1, "r0", "struct request", true}, {2, "r0", "struct request", false}, {2, "r6", "4096", true},
		{6, "stack -16", `"dd"`, true}, {6, "r1", "", false}, {5, "r1", "stack -16", false},
		{len(e.Steps), "@[dd] on CPU 0", "bucket [4096, 8192) 1", false},
		{0, "@[dd] on CPU 0", "", false},
	}
	for _, test := range tests {
		text, changed := "", false
		for _, fact := range e.At(test.steps) {
			if fact.Place == test.place {
				text, changed = fact.Text, fact.Changed
			}
		}
		if text != test.text || changed != test.changed {
			t.Errorf("after %d steps %s is %q, changed %t, want %q, %t", test.steps, test.place, text, changed, test.text, test.changed)
		}
	}
}

// TestLimits: what is beyond them runs all the same.
func TestLimits(t *testing.T) {
	script := compileFor(t, counting, "6.12")
	run := record(t, script, `arg0.__data_len=4096 comm="dd" x10000`, Limits{Events: 3, Steps: 60})
	if len(run.Events) != 2 || run.Left != 9998 || run.Events[1].Cut == 0 {
		t.Errorf("%d events, %d left, %d steps cut", len(run.Events), run.Left, run.Events[1].Cut)
	}
	if want := "10000 |@@@"; !strings.Contains(run.Output, want) {
		t.Errorf("got\n%s", run.Output)
	}
	var out bytes.Buffer
	if err := run.Print(&out, explanationOf(script), Look{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"more steps are not shown\n", "9998 more runs of programs are not shown\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the text lacks %q", want)
		}
	}
}

// TestFailureBeyond: a run that fails is told even where it is not recorded.
func TestFailureBeyond(t *testing.T) {
	testkit.Long(t)
	script := compileFor(t, `kprobe:vfs_read { while (arg2 > 5000) { @x++ } }`, "6.12")
	run := record(t, script, "arg2=1 x3\narg2=6000\narg2=1", Limits{Events: 1})
	if len(run.Events) != 1 || run.Events[0].Error != "" || run.Left != 3 || run.Error == "" {
		t.Errorf("%d events, %d left, %q, %q", len(run.Events), run.Left, run.Events[0].Error, run.Error)
	}
	var out bytes.Buffer
	if err := run.Print(&out, explanationOf(script), Look{}); err != nil {
		t.Fatal(err)
	}
	if want := "3 more runs of programs are not shown, and the last of them fails: "; !strings.Contains(out.String(), want) {
		t.Errorf("the text lacks %q:\n%s", want, out.String())
	}
}

// TestWidths: no line of the steps is longer than the terminal is wide.
func TestWidths(t *testing.T) {
	script := compileFor(t, counting, "6.12")
	run := record(t, script, `arg0.__data_len=4096 comm="dd"`, Limits{})
	for _, width := range []int{40, 60, 80, 120} {
		var out bytes.Buffer
		if err := run.Print(&out, explanationOf(script), Look{Width: width}); err != nil {
			t.Fatal(err)
		}
		steps, _, _ := strings.Cut(out.String(), "@ is now")
		for line := range strings.Lines(steps) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > width {
				t.Errorf("width %d: %d columns: %s", width, n, line)
			}
		}
	}
}

// TestJSON: a run comes back as it was.
func TestJSON(t *testing.T) {
	run := record(t, compileFor(t, counting, "6.12"), `arg0.__data_len=4096 comm="dd" x2`, Limits{})
	raw, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	var back Run
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&back, run) {
		t.Error("something is lost in JSON")
	}
}

// TestHostile: names and texts of events do not reach the terminal as anything but text.
func TestHostile(t *testing.T) {
	script := compileFor(t, `kprobe:vfs_read { @[comm, str(arg1)] = count(); printf("%s", comm) }`, "6.12")
	run := record(t, script, `comm="\x1b[2J" arg1="a\x1b]0;x\x07b" kstack=a`, Limits{})
	var out bytes.Buffer
	if err := run.Print(&out, explanationOf(script), Look{}); err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsAny(out.Bytes(), "\x1b\x07") {
		t.Errorf("%q", out.String())
	}
}

// TestMeanwhile: what happens on another CPU is told where it happens, and shows in the
// values.
func TestMeanwhile(t *testing.T) {
	script := compileFor(t, `kprobe:vfs_read { @ = @ + 1 }`, "6.12")
	run := record(t, script, "kprobe:vfs_read x1\nkprobe:vfs_read meanwhile cpu=1", Limits{})
	var told []string
	for _, s := range run.Events[0].Steps {
		if strings.Contains(s.What, "now kprobe:vfs_read runs on CPU 1, before this one") {
			told = append(told, s.What)
		}
	}
	if len(run.Events) != 1 || len(told) != 1 || !strings.HasPrefix(told[0], "reads 8 bytes of @;") {
		t.Errorf("%d events, told %q", len(run.Events), told)
	}
	if want := "@: 1\n"; !strings.Contains(run.Output, want) { // one of two counts is lost
		t.Errorf("got %q", run.Output)
	}
}
