package lang

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang/diag"
)

var fence = regexp.MustCompile("(?ms)^```[a-z ]*\n(.*?)^```$")

// TestFormatTree formats every script of the project: examples, goldens, and what the documents show.
func TestFormatTree(t *testing.T) {
	formatted := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != ".." {
			return filepath.SkipDir
		}
		for _, text := range scriptsIn(t, path) {
			if _, diagnostics := Parse(diag.NewSource(path, text)); !diagnostics.HasErrors() {
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

func scriptsIn(t *testing.T, path string) (texts []string) {
	extension := filepath.Ext(path)
	if extension != ".pt" && extension != ".txtar" && extension != ".md" {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	switch extension {
	case ".pt":
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

// TestFormat holds what the goldens of the trees do not: directives in odd places, long lines.
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

// TestFormatTrivia puts a comment before every other token of each golden, and hides the others from one of two readings;
// outside of a soak it does so at some tokens only. The formatter must keep both readings.
func TestFormatTrivia(t *testing.T) {
	step, at := testkit.Choose(61, 7, 1), 0
	for _, path := range glob(t, "testdata/ast/*.txtar") {
		text := scriptsIn(t, path)[0]
		if len(text) > 8000 {
			continue
		}
		comments := []string{"/* c */", "// c\n", "\n// c\n"}
		for i, token := range scan(diag.NewSource(path, text)).tokens {
			if at++; at%step != 0 {
				continue
			}
			start, end := token.Pos.Offset, token.Pos.Offset+len(token.Value)
			if i%2 == 0 {
				checkFormat(t, text[:start]+comments[i/2%len(comments)]+text[start:])
			} else if start < end {
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
	hidden, others := Parse(diag.NewSource("script", hide+text))
	if diagnostics.HasErrors() || others.HasErrors() {
		return
	}
	again, diagnostics := Parse(diag.NewSource("formatted", hide+formatted))
	if diagnostics.HasErrors() {
		t.Fatalf("the other reading does not parse: %v\n%s\nbecame\n%s", diagnostics, text, formatted)
	}
	if want, got := Dump(hidden), Dump(again); want != got {
		t.Fatalf("the other reading differs:\n%s\nbecame\n%s\nwhich is\n%s\nwants\n%s", text, formatted, got, want)
	}
}
