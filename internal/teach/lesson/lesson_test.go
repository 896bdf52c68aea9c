package lesson

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/teach/markdown"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/simulate"
)

// each runs a test of every lesson.
func each(t *testing.T, test func(t *testing.T, l *Lesson)) {
	t.Helper()
	list, err := All()
	if err != nil || len(list) == 0 {
		t.Fatalf("%d lessons, %v", len(list), err)
	}
	for _, l := range list {
		t.Run(l.Folder, func(t *testing.T) {
			if text, err := os.ReadFile(filepath.Join(folder, l.Folder, "README.md")); err != nil || string(text) != l.Text {
				t.Log("its text has changed: go generate ./examples/lessons makes it part of the lessons")
			}
			test(t, l)
		})
	}
}

func TestNumbers(t *testing.T) {
	list, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range list {
		if l.Number != i+1 || !strings.HasPrefix(l.Folder, fmt.Sprintf("%02d-", i+1)) {
			t.Errorf("the lesson %d is %d, %s", i+1, l.Number, l.Folder)
		}
	}
}

// Every text has its parts: the script as in script.pt, what that prints, an exercise, a
// hint, and a last line that leads on.
func TestTexts(t *testing.T) {
	each(t, func(t *testing.T, l *Lesson) {
		var script string
		var headings []string
		blocks := l.Blocks()
		for i := range blocks {
			switch b := &blocks[i]; {
			case b.Kind == markdown.Fence && b.Language == "ponytrace" && script == "":
				script = b.Text()
			case b.Kind == markdown.Heading && b.Level == 2:
				headings = append(headings, b.Spans[0].Text)
			}
		}
		if script != l.Script {
			t.Errorf("the first fence is not script.pt: %q, %q", script, l.Script)
		}
		if got := strings.Join(headings, ", "); !strings.HasSuffix(got, "Exercise, Hint") {
			t.Errorf("the headings are %s", got)
		}
		last := blocks[len(blocks)-1].Spans
		next := l.Next()
		if next == nil {
			return
		}
		want := markdown.Span{Style: markdown.Link, Text: fmt.Sprintf("%d. %s", next.Number, next.Title), Address: "../" + next.Folder + "/README.md"}
		if link := last[len(last)-1]; link != want {
			t.Errorf("the last line leads to %+v, want %+v", link, want)
		}
	})
}

// Texts keep to the Markdown that the terminal can draw: no tables, quotes, code by indent,
// or lists within lists.
func TestMarkdown(t *testing.T) {
	unknown := regexp.MustCompile(`^(    |\||>|\s+[-*] |\s+\d+\. |!\[|<[a-z])`)
	each(t, func(t *testing.T, l *Lesson) {
		fenced := false
		for i, line := range strings.Split(l.Text, "\n") {
			if strings.HasPrefix(line, "```") {
				fenced = !fenced
			} else if !fenced && unknown.MatchString(line) {
				t.Errorf("line %d: %s", i+1, line)
			}
		}
	})
}

// Every other script in a text compiles, too.
func TestFurtherScripts(t *testing.T) {
	each(t, func(t *testing.T, l *Lesson) {
		for _, block := range l.Blocks() {
			if block.Kind != markdown.Fence || block.Language != "ponytrace" {
				continue
			}
			if _, err := prepare(diag.NewSource("README.md", block.Text()), Machine()); err != nil {
				t.Error(err)
			}
		}
	})
}

const folder = "../../../examples/lessons"

// What the text shows is what the script prints in the emulator; -update writes it anew.
func TestOutputs(t *testing.T) {
	each(t, func(t *testing.T, l *Lesson) {
		var out strings.Builder
		_, err := Play(diag.NewSource("script.pt", l.Script), diag.NewSource("events", l.Events), Machine(), simulate.Options{Stdout: &out})
		if err != nil {
			t.Fatal(err)
		}
		got := trimmed(out.String())
		if *testkit.Update {
			text := strings.Replace(l.Text, "```text\n"+l.Prints(), "```text\n"+got+"\n", 1)
			testkit.Golden(t, filepath.Join(folder, l.Folder, "README.md"), []byte(text))
		} else if want := trimmed(l.Prints()); got != want {
			t.Errorf("it prints\n%s\nand the text shows\n%s", got, want)
		}
	})
}

func examined(t *testing.T, l *Lesson, text string) string {
	t.Helper()
	verdict, err := l.Examine(diag.NewSource("mine.pt", text), Machine())
	if err != nil {
		return err.Error()
	}
	return l.Report(verdict, markdown.Terminal{Width: 1000})
}

// The solution passes, and what the learner begins with does not.
func TestSolutions(t *testing.T) {
	each(t, func(t *testing.T, l *Lesson) {
		if got := examined(t, l, l.Solution); !strings.HasPrefix(got, "Right:") {
			t.Errorf("the solution: %s", got)
		}
		if got := examined(t, l, l.Script); strings.HasPrefix(got, "Right:") {
			t.Errorf("the script of the lesson passes its exercise")
		}
	})
}

// The check catches the mistakes of beginners, with the words that explain them.
func TestMistakes(t *testing.T) {
	each(t, func(t *testing.T, l *Lesson) {
		_, mistakes := sections(l.Mistakes)
		for _, m := range mistakes {
			name, words, found := strings.Cut(m.title, ": ")
			if got := examined(t, l, m.text); !found || strings.HasPrefix(got, "Right:") || !strings.Contains(got, words) {
				t.Errorf("%s: it says\n%s\nwant %q", name, got, words)
			}
		}
	})
}

// The folder has a list of the lessons, which -update writes.
func TestList(t *testing.T) {
	list, err := All()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Lessons\n\nThey are made to be read one after the other. `ponytrace learn 1` shows the " +
		"first one in the terminal,\n`ponytrace learn 1 --run` runs its script, and " +
		"`ponytrace learn 1 --check FILE` checks its exercise.\nNeither needs root: without " +
		"it, scripts run in an emulator.\n")
	group := ""
	for _, l := range list {
		if l.Group != group {
			group = l.Group
			fmt.Fprintf(&b, "\n## %s\n\n", group)
		}
		fmt.Fprintf(&b, "%d. [%s](%s/README.md)\n", l.Number, l.Title, l.Folder)
	}
	testkit.Golden(t, filepath.Join(folder, "README.md"), []byte(b.String()))
}

// Links lead to what is there.
func TestLinks(t *testing.T) {
	list, _ := All()
	each(t, func(t *testing.T, l *Lesson) {
		for _, match := range regexp.MustCompile(`\]\(([^)]*)\)`).FindAllStringSubmatch(l.Text, -1) {
			known := strings.HasPrefix(match[1], "https://")
			for _, other := range list {
				known = known || match[1] == "../"+other.Folder+"/README.md"
			}
			if !known {
				t.Errorf("a link to %s", match[1])
			}
		}
	})
}

// A report fits the terminal: what is too wide to stand side by side stands one below the
// other, without blanks at ends of lines.
func TestReportFits(t *testing.T) {
	bar := strings.Repeat("@", 70)
	v := &Verdict{Cases: 1, Failure: &Failure{Case: 1, Want: "", Got: "@a:\n" + bar + "\n\n@b: 1"}}
	got := (&Lesson{}).Report(v, markdown.Terminal{Width: 80})
	want := "It has to print\n\n    (nothing)\n\nand your script prints\n\n    @a:\n    " + bar + "\n\n    @b: 1\n"
	if !strings.HasSuffix(got, want) {
		t.Errorf("%s", got)
	}
	v.Failure.Got = "@: 1"
	if got := (&Lesson{}).Report(v, markdown.Terminal{Width: 80}); !strings.HasSuffix(got, "  > (nothing)         @: 1\n") {
		t.Errorf("%s", got)
	}
}

// A script without a probe is told so.
func TestNoProbe(t *testing.T) {
	first, err := Find("1")
	if err != nil {
		t.Fatal(err)
	}
	if got := examined(t, first, "// nothing"); !strings.Contains(got, "Your script has no probe") {
		t.Error(got)
	}
}
