//go:build guest

package guest

import (
	"embed"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Each file of testdata/reports is what somebody ran, or a neighbour of it, with what it
// has to do. Its comment says what was wrong. The files in it, each of them optional but
// args:
//
//	args      arguments of ponytrace, one a line
//	env       NAME=value, one a line
//	since     the first kernel that can do it: 6.1
//	stdout    all lines that it prints; one that begins with ~ is a regular expression for the line
//	stderr    the same, of the notices
//	code      the exit code, 0 without it
//	NAME.pt   a script in the folder where it runs
//
//go:embed testdata/reports/*.txtar
var reports embed.FS

func TestReports(t *testing.T) {
	entries, err := reports.ReadDir("testdata/reports")
	if err != nil || len(entries) == 0 {
		t.Fatal("no reports", err)
	}
	for _, entry := range entries {
		text, err := reports.ReadFile("testdata/reports/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(entry.Name(), ".txtar"), func(t *testing.T) { runReport(t, txtar.Parse(text)) })
	}
}

func runReport(t *testing.T, archive *txtar.Archive) {
	file := map[string]string{}
	folder := t.TempDir()
	for _, f := range archive.Files {
		file[f.Name] = string(f.Data)
		if strings.HasSuffix(f.Name, ".pt") {
			if err := os.WriteFile(filepath.Join(folder, f.Name), f.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if since := file["since"]; since != "" && !atLeast(t, since) {
		return
	}
	for _, variable := range lines(file["env"]) {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	t.Chdir(folder)
	out := Run(t, "ponytrace", lines(file["args"])...)
	code, _ := strconv.Atoi(strings.TrimSpace(file["code"]))
	if out.Code != code {
		t.Errorf("exit code %d, want %d\n%s%s", out.Code, code, out.Stdout, out.Stderr)
	}
	for name, got := range map[string]string{"stdout": out.Stdout, "stderr": out.Stderr} {
		if want, given := file[name]; given {
			matches(t, name, got, want)
		}
	}
}

func atLeast(t *testing.T, version string) bool {
	t.Helper()
	major, minor, _ := strings.Cut(strings.TrimSpace(version), ".")
	a, err := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	if err != nil || err2 != nil {
		t.Fatalf("since %q is no version", version)
	}
	return AtLeast(t, a, b)
}

// lines are those of a file, without the blank ones around them.
func lines(text string) []string {
	text = strings.Trim(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func matches(t *testing.T, name, got, want string) {
	t.Helper()
	gotLines, wantLines := lines(got), lines(want)
	ok := len(gotLines) == len(wantLines)
	for i := 0; ok && i < len(wantLines); i++ {
		pattern, is := strings.CutPrefix(wantLines[i], "~")
		if !is {
			pattern = regexp.QuoteMeta(wantLines[i])
		}
		ok = regexp.MustCompile("^(?:" + pattern + ")$").MatchString(gotLines[i])
	}
	if !ok {
		t.Errorf("%s\n%s\nwant\n%s", name, got, want)
	}
}
