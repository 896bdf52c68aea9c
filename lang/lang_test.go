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

// TestTree compares the tree of each script with its golden.
func TestTree(t *testing.T) {
	for _, path := range testkit.Glob(t, "testdata/ast/*.txtar") {
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
	golden := []txtar.File{
		archive.Files[0],
		{Name: "ast", Data: []byte(Dump(script))},
	}
	testkit.Golden(t, path, txtar.Format(&txtar.Archive{Files: golden}))
}

var errorComment = regexp.MustCompile("ERROR [\"`](.*)[\"`]")

// TestErrors compares the messages with the ERROR "regexp" on their lines, and their
// rendering with the golden.
func TestErrors(t *testing.T) {
	for _, path := range testkit.Glob(t, "testdata/errors/*.pt") {
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
	testkit.Golden(t, strings.TrimSuffix(path, ".pt")+".golden", []byte(diagnostics.Error()+"\n"))
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

// TestLiterals reads numbers and texts outside of scripts.
func TestLiterals(t *testing.T) {
	if n, wrong, _ := ParseInteger("2ms"); n != 2e6 || wrong != "" {
		t.Errorf("2ms is %d, %s", n, wrong)
	}
	if _, wrong, hint := ParseInteger("2q"); wrong != "'q' is not a unit" || hint == "" {
		t.Errorf("2q: %s, %s", wrong, hint)
	}
	if text, _, wrong, _ := ParseString(`"a\x41\n"`); text != "aA\n" || wrong != "" {
		t.Errorf("%q, %s", text, wrong)
	}
	for text, start := range map[string]int{`"ab\q"`: 3, `"\"`: 1, `"a\x"`: 2} {
		if _, at, wrong, _ := ParseString(text); at != start || wrong == "" {
			t.Errorf("%s: %d, %q", text, at, wrong)
		}
	}
}
