package compiler_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// shown are the files that hold messages as users see them, with their places.
var shown = []string{"testdata/errors/*.golden", "*_test.go", "../lang/testdata/*/*", "../lang/*_test.go", "../cmd/ponytrace/testdata/script/*.txtar"}

// unshown are the beginnings of messages that no script of these tests reaches, and why.
var unshown = map[string]string{
	"what the #defines and unrolls":                          "only scripts of megabytes come so far",
	"the functions and macros of this clause are too large":  "only scripts of megabytes come so far; TestHostile has some",
	"the maps and variables of this script take their types": "a net under the search for types: no script is known that needs so many rounds",
	"%s cannot be copied: its size":                          "a net: what has no size is refused where it is read",
	"%s cannot be printed as a whole":                        "a net: what has no size is refused where it is read",
	"there are no %s":                                        "of functions without arguments, of which the frozen kernels keep none",
	"%s() needs the kernel's types":                          "of a kernel without BTF, which none of the frozen ones is",
}

var verb = regexp.MustCompile(`%[-+# 0-9.\[\]]*[a-zA-Z%]`)

// TestMessagesAreShown looks for the longest literal part of every message to the user in the files that show it.
func TestMessagesAreShown(t *testing.T) {
	var texts strings.Builder
	for _, pattern := range shown {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, _ := os.ReadFile(path)
			texts.WriteString(strings.ReplaceAll(string(text), `\`, "")) // regular expressions as what they match
		}
	}
	found := 0
	for _, folder := range []string{"internal/sema", "builtin"} {
		paths, _ := filepath.Glob(folder + "/*.go")
		for _, path := range paths {
			for place, format := range messages(t, path) {
				found++
				part := longestPart(format)
				if !strings.Contains(texts.String(), part) && !exempt(format) {
					t.Errorf("%s: no test shows %q", place, part)
				}
			}
		}
	}
	if found < 150 {
		t.Errorf("%d messages found; is the search for them broken?", found)
	}
}

func exempt(format string) bool {
	for beginning := range unshown {
		if strings.HasPrefix(format, beginning) {
			return true
		}
	}
	return false
}

// messages are the formats that a file gives to Errorf, by their places.
func messages(t *testing.T, path string) map[string]string {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	formats := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		call, isCall := n.(*ast.CallExpr)
		if !isCall || len(call.Args) < 2 {
			return true
		}
		method, isMethod := call.Fun.(*ast.SelectorExpr)
		literal, isLiteral := call.Args[1].(*ast.BasicLit)
		if isMethod && isLiteral && method.Sel.Name == "Errorf" {
			formats[files.Position(call.Pos()).String()], _ = strconv.Unquote(literal.Value)
		}
		return true
	})
	return formats
}

func longestPart(format string) (longest string) {
	for _, part := range verb.Split(format, -1) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	return longest
}
