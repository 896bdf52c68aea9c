package explain_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/internal/teach/explain"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestGolden prints the scripts of testdata. A file has a script, a kernel and options,
// and what is printed for the widths that the names of its other sections tell. "color"
// is the width 100 with colours, of which \x1b is written as ESC.
func TestGolden(t *testing.T) {
	for _, path := range testkit.Glob(t, "testdata/*.txtar") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			made := remade(t, archive)
			testkit.Golden(t, path, txtar.Format(made))
		})
	}
}

func remade(t *testing.T, archive *txtar.Archive) *txtar.Archive {
	made, kernel, options := &txtar.Archive{Comment: archive.Comment}, "6.12", compiler.Options{}
	var e *explain.Explanation
	for _, f := range archive.Files {
		text := string(f.Data)
		switch f.Name {
		case "kernel":
			kernel = strings.TrimSpace(text)
		case "attach":
			options.Attach = strings.TrimSpace(text)
		case "script":
			e, _ = explained(t, text, kernel, options)
		case "known":
			e.Add([]explain.Kernel{known(t, f.Data)})
		default:
			text = printed(t, e, f.Name)
		}
		made.Files = append(made.Files, txtar.File{Name: f.Name, Data: []byte(text)})
	}
	return made
}

func known(t *testing.T, text []byte) (k explain.Kernel) {
	if err := json.Unmarshal(text, &k); err != nil {
		t.Fatal(err)
	}
	return k
}

func printed(t *testing.T, e *explain.Explanation, name string) string {
	var b bytes.Buffer
	look := explain.Look{Width: 100, Color: name == "color"}
	switch {
	case name == "json":
		if err := e.JSON(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	case name != "color":
		width, columns, _ := strings.Cut(name, " ")
		look.Width, _ = strconv.Atoi(width)
		if columns != "" {
			look.Columns = strings.Split(columns, ",")
		}
	}
	if err := e.Print(&b, look); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(b.String(), "\x1b", "ESC")
}

// TestFits: no line is wider than the terminal, of any script.
func TestFits(t *testing.T) {
	every := testkit.Choose(8, 1, 1)
	for i, s := range samples(t) {
		if i%every != 0 {
			continue
		}
		e, _ := explained(t, s.text, s.kernel, s.options)
		e.Add([]explain.Kernel{madeUp(&e.Programs[0])})
		for _, width := range []int{40, 60, 80, 100, 132, 200} {
			var b bytes.Buffer
			if err := e.Print(&b, explain.Look{Width: width}); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				if n := diag.Columns(strings.TrimSuffix(line, "\n")); n > width {
					t.Fatalf("%s: %d columns for %d:\n%s", s.name, n, width, line)
				}
			}
		}
	}
}

// madeUp has something for each row of a program.
func madeUp(p *explain.Program) explain.Kernel {
	k := explain.Kernel{Program: p.Name, Known: map[int][]explain.Fact{}, Machine: map[int][]explain.Machine{}}
	for _, row := range p.Rows {
		k.Known[row.Number] = []explain.Fact{{Place: "r0", Text: "value of map @, or null"}, {Place: "stack -8", Text: "number 0..63"}}
		k.Machine[row.Number] = []explain.Machine{{Text: "mov rax, qword ptr " +
			"[rdi+0x1234]"}, {Text: "mov eax, eax"}}
	}
	return k
}

// TestJSON: what is written is what is read.
func TestJSON(t *testing.T) {
	text, err := os.ReadFile(root + "/examples/bitehist.pt")
	if err != nil {
		t.Fatal(err)
	}
	e, _ := explained(t, string(text), "6.12", compiler.Options{})
	e.Add([]explain.Kernel{madeUp(&e.Programs[0])})
	var b bytes.Buffer
	if err := e.JSON(&b); err != nil {
		t.Fatal(err)
	}
	var back explain.Explanation
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || !reflect.DeepEqual(&back, e) {
		t.Errorf("%v: the explanation differs after a round trip", err)
	}
}

// TestHostileText: control characters of a script never reach the terminal.
func TestHostileText(t *testing.T) {
	e, _ := explained(t, "kprobe:vfs_read { printf(\"\x1b[2J\u202e %d\\n\", arg2) } // "+
		"\x1b]0;title\a", "6.12", compiler.Options{})
	for _, width := range []int{0, 40, 120} {
		var b bytes.Buffer
		if err := e.Print(&b, explain.Look{Width: width}); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\a\u202e") {
			t.Errorf("%q", b.String())
		}
	}
}
