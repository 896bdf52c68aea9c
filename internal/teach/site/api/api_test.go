package api_test

import (
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/teach/lesson"
	"github.com/ponytrace/ponytrace/internal/teach/site/api"
)

func run(script, events string) *api.Answer {
	return api.Ask(&api.Question{Ask: "run", Kernel: "6.12", Script: script, Events: events})
}

func TestRun(t *testing.T) {
	a := run("kprobe:vfs_read { @ = count() }", "x3")
	if len(a.Problems)+len(a.EventProblems) > 0 || a.Made || strings.TrimSpace(a.Output) != "@: 3" {
		t.Errorf("%+v", a)
	}
	if len(a.Run.Events) != 3 || len(a.Explanation.Programs) != 1 {
		t.Errorf("%d events, %d programs", len(a.Run.Events), len(a.Explanation.Programs))
	}
	if a = run("kprobe:vfs_read { @ = count() }", "\n"); !a.Made || strings.TrimSpace(a.Output) != "@: 1" {
		t.Errorf("without events: %+v", a)
	}
}

// TestProblems: every kind of mistake has its place and its words.
func TestProblems(t *testing.T) {
	a := run("// é\nkprobe:vfs_read { @ = hist(agr2) }", "")
	if len(a.Problems) != 1 || a.Explanation != nil {
		t.Fatalf("%+v", a)
	}
	p := a.Problems[0]
	if text := "// é\nkprobe:vfs_read { @ = hist(agr2) }"[p.Start:p.End]; text != "agr2" ||
		p.Hint != "did you mean arg2?" || !strings.Contains(p.Text, "~~~~") {
		t.Errorf("%q: %+v", text, p)
	}
	a = run("kprobe:vfs_read { @ = count() }", `cmom="x"`)
	if len(a.EventProblems) != 1 || a.Explanation == nil {
		t.Errorf("%+v", a.EventProblems)
	}
	for _, q := range []api.Question{{Ask: "run", Kernel: "2.4"}, {Ask: "frobnicate"}, {Ask: "lesson", Lesson: "99"}} {
		if a := api.Ask(&q); len(a.Problems) != 1 {
			t.Errorf("%+v: %+v", q, a)
		}
	}
}

// TestBounds: what a script can make much of ends.
func TestBounds(t *testing.T) {
	a := run(`kprobe:vfs_read { printf("%s\n", "0123456789012345678901234567890123456789") }`, "x20000")
	if n := len(a.Output); n > 300<<10 || !strings.Contains(a.Output, "not shown") {
		t.Errorf("%d bytes of output", n)
	}
	if n := len(a.Run.Events); n > 60 {
		t.Errorf("%d events are recorded", n)
	}
}

// TestLessons: a lesson comes with its parts, its solution passes and another script does not.
func TestLessons(t *testing.T) {
	contents := api.Ask(&api.Question{Ask: "contents"})
	all, err := lesson.All()
	if err != nil || len(contents.Lessons) != len(all) || len(contents.Kernels) == 0 {
		t.Fatalf("%d lessons, %v", len(contents.Lessons), err)
	}
	for _, l := range []*lesson.Lesson{all[0], all[len(all)/2]} {
		q := &api.Question{Ask: "lesson", Lesson: strings.TrimLeft(l.Folder[:2], "0")}
		shown := api.Ask(q).Lesson
		if shown == nil || shown.Number != l.Number || len(shown.Blocks) == 0 {
			t.Fatalf("%s: %+v", l.Folder, shown)
		}
		q.Ask, q.Script = "check", shown.Solution
		if v := api.Ask(q).Verdict; v == nil || !v.Passed {
			t.Errorf("%s: the solution gets %+v", l.Folder, v)
		}
		q.Script = "BEGIN { @ = 1 }"
		if v := api.Ask(q).Verdict; v == nil || v.Passed || v.Sentence == "" {
			t.Errorf("%s: a wrong script gets %+v", l.Folder, v)
		}
	}
}
