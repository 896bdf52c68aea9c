package compiler_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// FuzzCompile wants an object or a message for any text, never a crash, and soon.
func FuzzCompile(f *testing.F) {
	seed(f)
	machine := frozen.Target("6.12")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, diagnostics := lang.Parse(diag.NewSource("script", text))
		if diagnostics.HasErrors() || len(text) > 2000 {
			return
		}
		start := time.Now()
		_, err := compiler.Compile(parsed, machine, compiler.Options{Args: []string{"12", "text"}})
		var usage *compiler.UsageError
		if err != nil && !errors.As(err, &diagnostics) && !errors.As(err, &usage) {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("it took %v", took)
		}
	})
}

func seed(f *testing.F) {
	for _, section := range builtin.Sections() {
		for _, entry := range section.Entries {
			f.Add(entry.Example)
		}
	}
	for script := range strings.Lines(read(f, "testdata/odd.txt")) {
		if !strings.HasPrefix(script, "\t") {
			f.Add(script)
		}
	}
	for _, pattern := range []string{"../examples/*.pt", "testdata/errors/*.pt", "testdata/*.txtar"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatal("no files match", pattern, err)
		}
		for _, path := range paths {
			f.Add(scriptOf(read(f, path)))
		}
	}
}

func read(f *testing.F, path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	return string(text)
}

// scriptOf takes the script out of a golden; any other text is one.
func scriptOf(text string) string {
	if _, script, golden := strings.Cut(text, "-- script --\n"); golden {
		text, _, _ = strings.Cut(script, "\n-- ")
	}
	return text
}
