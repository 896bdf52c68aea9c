package lang

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/lang/diag"
)

// merge parses main.pt of the files and merges what it imports.
func merge(t *testing.T, files map[string]string) (*Script, diag.Diagnostics) {
	t.Helper()
	script, diagnostics := Parse(diag.NewSource("dir/main.pt", files["dir/main.pt"]))
	if diagnostics != nil {
		t.Fatal(diagnostics)
	}
	return script, Merge(script, func(path string) (Imported, error) {
		text, found := files[path]
		switch {
		case text == "pipe":
			return Imported{}, errors.New("it is not a regular file")
		case found:
			return Imported{Text: text}, nil
		}
		folder := Imported{Folder: true}
		for name := range files {
			if inside, below := strings.CutPrefix(name, path+"/"); below {
				inside, _, _ = strings.Cut(inside, "/")
				folder.Names = append(folder.Names, inside)
			}
		}
		if len(folder.Names) == 0 {
			return Imported{}, fs.ErrNotExist
		}
		return folder, nil
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

// The scripts and headers of a folder are imported by name, what lies deeper is not, and
// none twice.
func TestMergeFolder(t *testing.T) {
	script, diagnostics := merge(t, map[string]string{
		"dir/main.pt":         "import \"lib/b.pt\" import \"lib\"\nEND { }",
		"dir/lib/b.pt":        "import \"a.pt\" kprobe:b { }",
		"dir/lib/c.bt":        "kprobe:c { }",
		"dir/lib/a.pt":        "kprobe:a { }",
		"dir/lib/types.h":     "#ifndef TYPES\n#define TYPES\n#include <linux/types.h>\nstruct s { int x; };\n#endif",
		"dir/lib/README":      "kprobe:wrong { }",
		"dir/lib/.hidden.pt":  "kprobe:wrong { }",
		"dir/lib/deep.pt/a.h": "wrong",
	})
	if diagnostics != nil {
		t.Fatal(diagnostics)
	}
	var names []string
	for _, clause := range script.Clauses {
		names = append(names, clause.Probes[0].Span.Text())
	}
	if got := strings.Join(names, " "); got != "kprobe:a kprobe:b kprobe:c END" || len(script.Types) != 1 {
		t.Errorf("%s, and %d types", got, len(script.Types))
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
		{map[string]string{"dir/main.pt": `import "lib"`, "dir/lib/README": ""}, "dir/main.pt:1:8-13: ERROR: 'dir/lib' is a folder without scripts"},
		{map[string]string{"dir/main.pt": `import "lib"`, "dir/lib/a.pt": "pipe"}, "'dir/lib/a.pt' cannot be imported: it is not a regular file"},
		{map[string]string{"dir/main.pt": `import "lib"`, "dir/lib/a.bt": "config = { a = 1 }"}, "dir/lib/a.bt:1:1-19: ERROR: an imported script has no config"},
		{map[string]string{"dir/main.pt": `import "lib"`, "dir/lib/a.pt": `import "../lib"`}, "it goes dir/lib/a.pt -> dir/lib/a.pt"},
		{map[string]string{"dir/main.pt": `import "../dir"`}, "it goes dir/main.pt -> dir/main.pt"},
		{map[string]string{"dir/main.pt": `import "a.h"`, "dir/a.h": "struct s { int x; };\nBEGIN { }"}, "dir/a.h:2:1-6: ERROR: an imported header holds definitions of types only"},
		{map[string]string{"dir/main.pt": `import "a.bpf.c"`, "dir/a.bpf.c": "int f() { return 1; }"}, "'dir/a.bpf.c' is a program in C"},
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
