package compiler_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/testkit"
)

// unshown are the beginnings of messages that no script of these tests reaches, and why.
var unshown = map[string]string{
	"%s cannot be copied":             "a net: aggregations, and what has no size, are refused where they are read",
	"%s cannot be printed as a whole": "a net: what has no size is refused where it is read",
	"%s has %s of the name %s":        "of variables of one name in several files, of which the frozen programs have none",
	"there are no %s":                 "of functions without arguments, of which the frozen kernels keep none",
	"this block has no value":         "a net: the parser refuses such a block",
}

// largest are patterns of scripts (testdata/hostile.txt) that reach the limits of a
// clause.
var largest = []string{
	"«12×#define A{i} (A{i+1} + A{i+1})⏎»#define A12 pid⏎BEGIN { «@ = A0; »}",
	"«20×macro a{i}(x) { a{i+1}(x) + a{i+1}(x) } »macro a20(x) { x } BEGIN { @ = a0(1) }",
	"BEGIN { «300×@m{i} = @m{i+1}; »@m300 = 1 }",
}

var verb = regexp.MustCompile(`%[-+# 0-9.\[\]]*[a-zA-Z%]`)

// TestMessagesAreShown holds that every message to the user answers a script of the tests
// that show messages, which run first.
func TestMessagesAreShown(t *testing.T) {
	testkit.Long(t)
	for name, show := range showing {
		t.Run(name, show)
	}
	for _, pattern := range largest {
		refusal(hostile(pattern, hostileSize))
	}
	shown := slices.Collect(maps.Keys(said.messages))
	found := 0
	for _, folder := range []string{"internal/sema", "builtin"} {
		paths, _ := filepath.Glob(folder + "/*.go")
		for _, path := range paths {
			for place, format := range messages(t, path) {
				found++
				pattern := patternOf(format)
				if !exempt(format) && !slices.ContainsFunc(shown, pattern.MatchString) {
					t.Errorf("%s: no input shows %q", place, format)
				}
			}
		}
	}
	if found < 150 {
		t.Errorf("%d messages found; is the search for them broken?", found)
	}
}

// patternOf matches the messages of a format.
func patternOf(format string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("(?s)^")
	for i, part := range verb.Split(format, -1) {
		if i > 0 {
			b.WriteString(".*")
		}
		b.WriteString(regexp.QuoteMeta(part))
	}
	return regexp.MustCompile(b.String() + "$")
}

// showing are the tests whose scripts are refused.
var showing = map[string]func(*testing.T){
	"Errors": TestErrors, "Odd": TestOdd, "ErrorsOfOptions": TestErrorsOfOptions, "ErrorsOfKernels": TestErrorsOfKernels,
	"OverrideWithoutHelper": TestOverrideWithoutHelper, "FentryIsRefused": TestFentryIsRefused,
	"WrongNamedParameters": TestWrongNamedParameters, "HostileProbeParameters": TestHostileProbeParameters,
	"ForcedMechanisms": TestForcedMechanisms, "StructResults": TestStructResults,
	"KernelWithoutTypes": TestKernelWithoutTypes, "LockedReturns": TestLockedReturns, "ForeignPrograms": TestForeignPrograms, "NestedTables": TestNestedTables,
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
