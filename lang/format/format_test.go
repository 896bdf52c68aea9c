package format

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ponytrace/ponytrace/internal/sizes"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// root is the directory of the project.
const root = "../.."

var fence = regexp.MustCompile("(?ms)^```[a-z ]*\n(.*?)^```$")

// TestStyle compares each script of the syntax tree's tests, formatted, with its golden.
func TestStyle(t *testing.T) {
	for _, path := range testkit.Glob(t, "../testdata/ast/*.txtar") {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		t.Run(name, func(t *testing.T) {
			formatted, diagnostics := Format(diag.NewSource("script", scriptsIn(t, path)[0]))
			if diagnostics != nil {
				t.Fatal(diagnostics)
			}
			testkit.Golden(t, filepath.Join("testdata", name+".golden"), []byte(formatted))
		})
	}
}

// TestFormatTree formats every script of the project: examples, goldens, and what the
// documents show.
func TestFormatTree(t *testing.T) {
	formatted := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		for _, text := range scriptsIn(t, path) {
			if _, diagnostics := lang.Parse(diag.NewSource(path, text)); !diagnostics.HasErrors() {
				checkFormat(t, text)
				formatted++
			}
		}
		return nil
	})
	if err != nil || formatted < 250 {
		t.Errorf("%d scripts were formatted: %v", formatted, err)
	}
}

func scriptsIn(t testing.TB, path string) (texts []string) {
	extension := filepath.Ext(path)
	if extension != ".pt" && extension != ".txtar" && extension != ".md" && filepath.Base(path) != "oneliners.txt" {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	switch extension {
	case ".pt", ".txt":
		return []string{string(data)}
	case ".txtar":
		for _, file := range txtar.Parse(data).Files {
			texts = append(texts, string(file.Data))
		}
	case ".md":
		for _, found := range fence.FindAllStringSubmatch(string(data), -1) {
			texts = append(texts, found[1])
		}
	}
	return texts
}

// TestFormat holds what the goldens of the trees do not: directives in odd places, long
// lines.
func TestFormat(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"a directive in a statement", "BEGIN {\n  @x  =\n#ifdef A\n1\n#else\n  2\n#endif\n;\n@y=1 }",
			"BEGIN {\n\t@x  =\n#ifdef A\n1\n#else\n  2\n#endif\n;\n\t@y = 1;\n}\n"},
		{"a directive before the semicolon", "BEGIN {\n@x  = 1\n#ifdef A\n+ 2\n#endif\n;@y=1 }",
			"BEGIN {\n\t@x  = 1\n#ifdef A\n+ 2\n#endif\n;\n\t@y = 1;\n}\n"},
		{"a directive behind the last statement", "BEGIN {\n#if 1\n@x  = 1\n#endif\n}",
			"BEGIN {\n#if 1\n\t@x = 1;\n#endif\n}\n"},
		{"a directive in a header", "kprobe:a ,\n#if 0\nkprobe:b\n#else\nkprobe:c\n#endif\n{ @x  = 1 }",
			"kprobe:a ,\n#if 0\nkprobe:b\n#else\nkprobe:c\n#endif\n{ @x  = 1 }\n"},
		{"a directive before an else", "BEGIN { if (1) { @x  = 1 }\n#if 0\n}\n#endif\nelse { @x=2 } }",
			"BEGIN {\n\tif (1) { @x  = 1 }\n#if 0\n}\n#endif\nelse { @x=2 }\n}\n"},
		{"directives among clauses", "#include <a.h>\n#ifdef A\n\nBEGIN { a(); b();\n}\n#else\nBEGIN  { }\n#endif\nEND {\na() }",
			"#include <a.h>\n#ifdef A\n\nBEGIN { a(); b();\n}\n#else\nBEGIN { }\n#endif\n\nEND {\n\ta();\n}\n"},
		{"a directive at the end", "BEGIN { }\n#define A 1 + \\", "BEGIN { }\n#define A 1 +\n"},
		{"a backslash that joins nothing", "#define A 1\\\n \\\r\n\t\nBEGIN { }", "#define A 1\n\nBEGIN { }\n"},
		{"a long call", "BEGIN { printf(\"" + strings.Repeat("x", 70) + "\", a_long_argument, another_long_argument) }",
			"BEGIN {\n\tprintf(\"" + strings.Repeat("x", 70) + "\",\n\t\ta_long_argument, another_long_argument);\n}\n"},
		{"members and attributes", "struct a{int x,y;struct{u8 z:3;}*p,q[2];// c\n}__attribute__((aligned(N),packed))BEGIN { }",
			"struct a {\n\tint x;\n\tint y;\n\tstruct { u8 z : 3; } *p, q[2]; // c\n} __attribute__((packed, aligned(N)));\n\nBEGIN { }\n"},
		{"a directive in a member", "struct a { int\n#if 1\nx\n#endif\n, y; };",
			"struct a {\n\tint\n#if 1\nx\n#endif\n, y;\n};\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, diagnostics := Format(diag.NewSource("script", test.text))
			if diagnostics != nil || got != test.want {
				t.Errorf("%v\ngot\n%s\nwant\n%s", diagnostics, got, test.want)
			}
			checkFormat(t, test.text)
		})
	}
}

// token is close to what the scanner takes for one: between what it puts together,
// nothing may stand.
var token = regexp.MustCompile(`"(?:\\.|[^"\\])*"|[$@]?\w+|->|<<|>>|\+\+|--|&&|\|\||[-+*/%&|^<>=!]=|\S`)

// TestFormatTrivia puts a comment before every other token of each golden, and hides the
// others from one of two readings; outside of a soak it does so at some tokens only. The
// formatter must keep both readings.
func TestFormatTrivia(t *testing.T) {
	step, at := testkit.Choose(61, 7, 1), 0
	for _, path := range testkit.Glob(t, "../testdata/ast/*.txtar") {
		text := scriptsIn(t, path)[0]
		if len(text) > 8000 {
			continue
		}
		comments := []string{"/* c */", "// c\n", "\n// c\n"}
		for i, place := range token.FindAllStringIndex(text, -1) {
			if at++; at%step != 0 {
				continue
			}
			start, end := place[0], place[1]
			if i%2 == 0 {
				checkFormat(t, text[:start]+comments[i/2%len(comments)]+text[start:])
			} else {
				checkReadings(t, text[:start]+"\n#ifndef HIDE\n"+text[start:end]+"\n#endif\n"+text[end:])
			}
		}
	}
}

func checkReadings(t *testing.T, text string) {
	t.Helper()
	checkFormat(t, text)
	const hide = "#define HIDE\n"
	formatted, diagnostics := Format(diag.NewSource("script", text))
	hidden, others := lang.Parse(diag.NewSource("script", hide+text))
	if diagnostics.HasErrors() || others.HasErrors() {
		return
	}
	again, diagnostics := lang.Parse(diag.NewSource("formatted", hide+formatted))
	if diagnostics.HasErrors() {
		t.Fatalf("the other reading does not parse: %v\n%s\nbecame\n%s", diagnostics, text, formatted)
	}
	if want, got := lang.Dump(hidden), lang.Dump(again); want != got {
		t.Fatalf("the other reading differs:\n%s\nbecame\n%s\nwhich is\n%s\nwants\n%s", text, formatted, got, want)
	}
}

// checkFormat demands that the formatted text means the same, keeps all comments and is
// final.
func checkFormat(t *testing.T, text string) {
	t.Helper()
	script, diagnostics := lang.Parse(diag.NewSource("script", text))
	if diagnostics.HasErrors() {
		return
	}
	once, _ := Format(diag.NewSource("script", text))
	again, diagnostics := lang.Parse(diag.NewSource("formatted", once))
	if diagnostics != nil {
		t.Fatalf("the formatted script does not parse: %v\n%s", diagnostics, once)
	}
	if want, got := lang.Dump(script), lang.Dump(again); want != got {
		t.Fatalf("the formatted script differs:\n%s\nis\n%s\nwants\n%s", once, got, want)
	}
	if want, got := commentTexts(script), commentTexts(again); want != got {
		t.Fatalf("comments differ: %q, want %q", got, want)
	}
	if twice, _ := Format(diag.NewSource("formatted", once)); twice != once {
		t.Fatalf("formatting again changes\n%s\ninto\n%s", once, twice)
	}
}

func commentTexts(script *lang.Script) string {
	var b strings.Builder
	for _, comment := range script.Comments {
		b.WriteString(comment.Text + "\n")
	}
	for _, directive := range script.Directives {
		b.WriteString(directiveText(directive) + "\n" + directive.Skipped.Text() + "\n")
	}
	return b.String()
}

// TestAtLimits formats what is as large as it may be.
func TestAtLimits(t *testing.T) {
	for _, test := range sizes.AtLimits(testkit.Choose(200, 2000, 10000)) {
		t.Run(test.Name, func(t *testing.T) { checkFormat(t, test.Text) })
	}
}

// seeds are the scripts of package lang's tests and each of their lines.
func seeds(t testing.TB) (texts []string) {
	for _, pattern := range []string{"ast/*.txtar", "errors/*.pt", "oneliners.txt"} {
		for _, path := range testkit.Glob(t, "../testdata/"+pattern) {
			text := scriptsIn(t, path)[0]
			texts = append(append(texts, text), strings.Split(text, "\n")...)
		}
	}
	return texts
}

// TestSeeds: a script with errors comes back as it is, any other with its meaning.
func TestSeeds(t *testing.T) {
	for _, text := range seeds(t) {
		checkFormat(t, text)
		formatted, diagnostics := Format(diag.NewSource("script", text))
		if diagnostics.HasErrors() && formatted != text {
			t.Errorf("%s became %s", text, formatted)
		}
	}
}

func FuzzFormat(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkFormat(t, text) })
}
