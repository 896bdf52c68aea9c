package lang

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// merge parses main.pt of the files and merges what it imports.
func merge(t *testing.T, files map[string]string) (*Script, Diagnostics) {
	t.Helper()
	script, diagnostics := Parse(NewSource("dir/main.pt", files["dir/main.pt"]))
	if diagnostics != nil {
		t.Fatal(diagnostics)
	}
	return script, Merge(script, func(path string) (string, error) {
		if text, found := files[path]; found {
			return text, nil
		}
		if strings.HasSuffix(path, "/") {
			return "", errors.New("it is a folder")
		}
		return "", fs.ErrNotExist
	})
}

func TestMerge(t *testing.T) {
	script, diagnostics := merge(t, map[string]string{
		"dir/main.pt":  "import \"a.pt\"\nimport \"common/b.pt\"; import \"/abs.pt\";\nstruct s { int x; };\nEND { }",
		"dir/a.pt":     "import \"common/b.pt\";\n#define A 1\nkprobe:a { }",
		"common/b.pt":  "import \"c.pt\"\nkprobe:b { }",
		"common/c.pt":  "struct c { int y; };\nkprobe:c { }",
		"dir/c.pt":     "kprobe:wrong { }",
		"/abs.pt":      "import \"dir/../dir/a.pt\" kprobe:abs { }",
		"/dir/main.pt": "kprobe:wrong { }",
	})
	if diagnostics != nil {
		t.Fatal(diagnostics)
	}
	var names []string
	for _, clause := range script.Clauses {
		names = append(names, clause.Span.Source.Name+" "+clause.Probes[0].Span.Text())
	}
	const want = "common/c.pt kprobe:c, common/b.pt kprobe:b, dir/a.pt kprobe:a, /abs.pt kprobe:abs, dir/main.pt END"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(script.Types) != 2 || script.Types[0].Name != "c" || len(script.Directives) != 1 {
		t.Errorf("types %v, directives %v", script.Types, script.Directives)
	}
}

func TestMergeErrors(t *testing.T) {
	deep, many := map[string]string{}, map[string]string{}
	for i := range 200 {
		deep[fmt.Sprintf("dir/%d.pt", i)] = fmt.Sprintf("import \"%d.pt\"", i+1)
		many[fmt.Sprintf("dir/%d.pt", i)] = ""
		many["dir/main.pt"] += fmt.Sprintf("import \"%d.pt\"\n", i)
	}
	deep["dir/main.pt"] = `import "0.pt"`
	large := "//" + strings.Repeat("x", maxSize-2)
	tests := []struct {
		files map[string]string
		want  string
	}{
		{map[string]string{"dir/main.pt": `import "no.pt"`}, "dir/main.pt:1:8-15: ERROR: there is no file dir/no.pt, and no no.pt"},
		{map[string]string{"dir/main.pt": `import "/no.pt"`}, "dir/main.pt:1:8-16: ERROR: there is no file /no.pt"},
		{map[string]string{"dir/main.pt": `import "main.pt"`}, "it goes dir/main.pt -> dir/main.pt"},
		{map[string]string{"dir/main.pt": `import "a.pt"`, "dir/a.pt": `import "b.pt"`, "dir/b.pt": `import "../dir/a.pt"`},
			"dir/b.pt:1:8-21: ERROR: this import never ends"},
		{map[string]string{"dir/main.pt": `import "a.pt"`, "dir/a.pt": "\nBEGIN { @ = }"}, "dir/a.pt:2:12-13: ERROR: expected a value after ="},
		{map[string]string{"dir/main.pt": `import "a.pt"`, "dir/a.pt": "config = { a = 1 }"}, "dir/a.pt:1:1-19: ERROR: an imported script has no config"},
		{map[string]string{"dir/main.pt": `import "a.pt"`, "dir/a.pt": large + "x"}, "ERROR: the script dir/a.pt is larger than 4194304 bytes"},
		{map[string]string{"dir/main.pt": `import "a.pt" import "b.pt" import "c.pt" import "d.pt" import "e.pt"`,
			"dir/a.pt": large, "dir/b.pt": large, "dir/c.pt": large, "dir/d.pt": large, "dir/e.pt": "//"}, "more than 16777216 bytes together"},
		{deep, "imports are nested more than 20 levels deep"},
		{many, "more than 100 files are imported"},
	}
	for _, test := range tests {
		script, diagnostics := merge(t, test.files)
		if !strings.Contains(diagnostics.Error(), test.want) {
			t.Errorf("%s\ngot %v\nwant %s", test.files["dir/main.pt"], diagnostics, test.want)
		}
		if len(script.Clauses) != 0 {
			t.Error("a script with errors was changed")
		}
	}
}
