package lang

import (
	"os"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/rogpeppe/go-internal/txtar"
)

// scripts returns the script of a golden and each of its lines by itself.
func scripts(t testing.TB, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if archive := txtar.Parse(data); len(archive.Files) > 0 {
		text = string(archive.Files[0].Data)
	}
	return append(strings.Split(text, "\n"), text)
}

// oneLiners are what people type.
func oneLiners(t testing.TB) []string {
	data, err := os.ReadFile("testdata/oneliners.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

func TestOneLiners(t *testing.T) {
	for _, line := range oneLiners(t) {
		if script, diagnostics := Parse(diag.NewSource("-e", line)); diagnostics != nil || len(script.Clauses) == 0 {
			t.Errorf("%s: %v", line, diagnostics)
		}
	}
}

func TestWalk(t *testing.T) {
	script, diagnostics := Parse(diag.NewSource("script", `config = { a = 1 }
interval:s:$1 /pid == 1/ { @x[comm] += (uint64)-$y; if (@z.f[0] ? 1 : $#) { f((1, "s")) } else { ++$w; return } }`))
	if diagnostics != nil {
		t.Fatal(diagnostics)
	}
	var names []string
	Walk(script, func(node any) bool {
		switch n := node.(type) {
		case *Name:
			names = append(names, n.Name)
		case *Variable:
			names = append(names, "$"+n.Name)
		case *Map:
			names = append(names, "@"+n.Name)
		case *Positional, *PositionalCount, *Integer, *String:
			names = append(names, n.(Expr).Range().Text())
		}
		return true
	})
	const want = `1 $1 pid 1 @x comm $y @z 0 1 $# 1 "s" $w`
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestUnparen(t *testing.T) {
	script, _ := Parse(diag.NewSource("script", "BEGIN { ((x)) }"))
	x := script.Clauses[0].Body.Statements[0].(*ExprStatement).X
	if name, ok := Unparen(x).(*Name); !ok || name.Name != "x" {
		t.Errorf("got %T", Unparen(x))
	}
}
