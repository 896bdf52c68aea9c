package lang

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// TestTree compares the tree and the formatted text of each script with its golden.
func TestTree(t *testing.T) {
	for _, path := range glob(t, "testdata/ast/*.txtar") {
		t.Run(filepath.Base(path), func(t *testing.T) { testTree(t, path) })
	}
}

func testTree(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	source := diag.NewSource("script", string(archive.Files[0].Data))
	script, diagnostics := Parse(source)
	if diagnostics != nil {
		t.Fatal(diagnostics)
	}
	checkFormat(t, source.Text)
	formatted, _ := Format(source)
	golden := []txtar.File{
		archive.Files[0],
		{Name: "ast", Data: []byte(Dump(script))},
		{Name: "format", Data: []byte(formatted)},
	}
	compare(t, path, txtar.Format(&txtar.Archive{Files: golden}))
}

// checkFormat demands that the formatted text means the same, keeps all comments and is final.
func checkFormat(t *testing.T, text string) {
	t.Helper()
	script, diagnostics := Parse(diag.NewSource("script", text))
	if diagnostics.HasErrors() {
		return
	}
	once, _ := Format(diag.NewSource("script", text))
	again, diagnostics := Parse(diag.NewSource("formatted", once))
	if diagnostics != nil {
		t.Fatalf("the formatted script does not parse: %v\n%s", diagnostics, once)
	}
	if want, got := Dump(script), Dump(again); want != got {
		t.Fatalf("the formatted script differs:\n%s\nis\n%s\nwants\n%s", once, got, want)
	}
	if want, got := commentTexts(script), commentTexts(again); want != got {
		t.Fatalf("comments differ: %q, want %q", got, want)
	}
	if twice, _ := Format(diag.NewSource("formatted", once)); twice != once {
		t.Fatalf("formatting again changes\n%s\ninto\n%s", once, twice)
	}
}

func commentTexts(script *Script) string {
	var b strings.Builder
	for _, comment := range script.Comments {
		b.WriteString(comment.Text + "\n")
	}
	for _, directive := range script.Directives {
		b.WriteString(directiveText(directive) + "\n" + directive.Skipped.Text() + "\n")
	}
	return b.String()
}

var errorComment = regexp.MustCompile("ERROR [\"`](.*)[\"`]")

// TestErrors compares the messages with the ERROR "regexp" on their lines, and their rendering with the golden.
func TestErrors(t *testing.T) {
	for _, path := range glob(t, "testdata/errors/*.pt") {
		t.Run(filepath.Base(path), func(t *testing.T) { testErrors(t, path) })
	}
}

func testErrors(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, diagnostics := Parse(diag.NewSource(filepath.Base(path), string(text)))
	found := map[int]string{}
	for _, d := range diagnostics {
		line, _ := d.Span.Source.Position(d.Span.Start)
		if found[line] != "" {
			t.Errorf("line %d has a second message: %s", line, d)
		}
		found[line] = d.String()
	}
	for i, line := range strings.Split(string(text), "\n") {
		checkLine(t, line, found[i+1])
	}
	compare(t, strings.TrimSuffix(path, ".pt")+".golden", []byte(diagnostics.Error()+"\n"))
}

func checkLine(t *testing.T, line, message string) {
	t.Helper()
	want := errorComment.FindStringSubmatch(line)
	switch {
	case want == nil && message != "":
		t.Errorf("%s\n\tunwanted: %s", line, message)
	case want != nil && !regexp.MustCompile(want[1]).MatchString(message):
		t.Errorf("%s\n\tis: %s", line, message)
	}
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files match %s: %v", pattern, err)
	}
	return paths
}

func compare(t *testing.T, path string, got []byte) {
	t.Helper()
	if *testkit.Update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Errorf("%s differs (go test -update rewrites it); got\n%s", path, got)
	}
}
