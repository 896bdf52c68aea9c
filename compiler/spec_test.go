package compiler_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang/diag"
)

const (
	specFile       = "../spec.md"
	referenceBegin = "<!-- reference begin -->\n"
	referenceEnd   = "<!-- reference end -->\n"
)

// kernels are those that every script of the documents must compile for.
var kernels = []string{"5.10", "6.1", "6.12", "7.x"}

// A fence is a script in a document. One that is marked `ponytrace error` begins with a
// comment that says what the message must contain. One that is marked `ponytrace since
// 5.13` must say so on older kernels.
type fence struct {
	file   string
	line   int
	script string
	fails  bool
	since  string
}

func fences(t *testing.T, file string) (found []fence) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var open *fence
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case open != nil && line == "```":
			found, open = append(found, *open), nil
		case open != nil:
			open.script += line + "\n"
		case line == "```ponytrace" || line == "```ponytrace error":
			open = &fence{file: file, line: i + 2, fails: strings.HasSuffix(line, "error")}
		case strings.HasPrefix(line, "```ponytrace since "):
			open = &fence{file: file, line: i + 2, since: strings.TrimPrefix(line, "```ponytrace since ")}
		case strings.HasPrefix(line, "```ponytrace"):
			t.Errorf("%s:%d: unknown kind of fence: %s", file, i+1, line)
		}
	}
	if open != nil {
		t.Errorf("%s:%d: this fence is never closed", file, open.line)
	}
	return found
}

// check compiles a script for a kernel and holds the outcome against what the document
// says.
func (f fence) check(t *testing.T, kernel string) {
	err := compileError(f.script, kernel, compiler.Options{Unsafe: !f.fails})
	if !f.fails {
		if wrong := wrongFor(kernel, f.since, err); wrong != "" {
			t.Errorf("%s:%d: on %s:\n%s\n%v", f.file, f.line, kernel, f.script, wrong)
		}
		return
	}
	first, _, _ := strings.Cut(f.script, "\n")
	message, marked := strings.CutPrefix(first, "// error: ")
	var diagnostics diag.Diagnostics
	switch {
	case !marked:
		t.Errorf("%s:%d: the first line must be // error: MESSAGE", f.file, f.line)
	case err == nil:
		t.Errorf("%s:%d: on %s this compiles, but must say %q:\n%s", f.file, f.line, kernel, message, f.script)
	case !errors.As(err, &diagnostics):
		t.Errorf("%s:%d: on %s this is no message to the user: %v", f.file, f.line, kernel, err)
	case !slices.ContainsFunc(diagnostics, func(d diag.Diagnostic) bool { return says(d, message) }):
		t.Errorf("%s:%d: on %s the message is not %q:\n%v", f.file, f.line, kernel, message, err)
	}
}

func says(d diag.Diagnostic, message string) bool {
	return strings.Contains(d.Message, message) || strings.Contains(d.Hint, message)
}

func TestFences(t *testing.T) {
	for file, least := range map[string]int{specFile: 60, "../README.md": 10} {
		found := fences(t, file)
		if len(found) < least {
			t.Errorf("%s has %d scripts; is the search for them broken?", file, len(found))
		}
		for _, f := range found {
			for _, kernel := range kernels {
				t.Run(fmt.Sprintf("%s:%d/%s", strings.TrimPrefix(file, "../"), f.line, kernel), func(t *testing.T) {
					t.Parallel()
					f.check(t, kernel)
				})
			}
		}
	}
}

func TestTableExamples(t *testing.T) {
	for _, section := range builtin.Sections() {
		for _, entry := range section.Entries {
			for _, kernel := range kernels {
				t.Run(section.Title+"/"+entry.Name+"/"+kernel, func(t *testing.T) {
					t.Parallel()
					err := compileError(entry.Example, kernel, compiler.Options{Unsafe: true})
					if wrong := wrongFor(kernel, entry.Since, err); wrong != "" {
						t.Errorf("%s\n%s", entry.Example, wrong)
					}
				})
			}
		}
	}
}

// wrongFor says what is wrong with the outcome of a script that needs a kernel as new as
// since; empty: nothing.
func wrongFor(kernel, since string, err error) string {
	switch older := olderThan(kernel, since); {
	case older && (err == nil || !strings.Contains(err.Error(), "needs Linux "+since)):
		return fmt.Sprintf("the message must be that it needs Linux %s, and is %v", since, err)
	case !older && err != nil:
		return err.Error()
	}
	return ""
}

func olderThan(kernel, since string) bool {
	if since == "" {
		return false
	}
	first, err := target.ParseVersion(since)
	return err == nil && !frozen.Target(kernel).Version.AtLeast(first.Major, first.Minor)
}

// reference is the table as spec.md shows it.
func reference() string {
	var b strings.Builder
	for _, section := range builtin.Sections() {
		fmt.Fprintf(&b, "\n### %s\n", section.Title)
		for _, entry := range section.Entries {
			fmt.Fprintf(&b, "\n#### %s\n\n`%s`\n\n%s\n", entry.Name, entry.Signature, escape(entry.Doc))
			mark := ""
			if entry.Since != "" {
				fmt.Fprintf(&b, "Needs Linux %s.\n", entry.Since)
				mark = " since " + entry.Since
			}
			fmt.Fprintf(&b, "\n```ponytrace%s\n%s\n```\n", mark, entry.Example)
		}
	}
	return b.String() + "\n"
}

// escape keeps Markdown from reading the table's sentences as markup.
func escape(text string) string {
	return strings.NewReplacer("*", `\*`, "<", `\<`, "_", `\_`, "[", `\[`, "]", `\]`).Replace(text)
}

func TestReference(t *testing.T) {
	text, err := os.ReadFile(specFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), referenceBegin)
	written, after, ends := strings.Cut(rest, referenceEnd)
	if !begins || !ends {
		t.Fatalf("spec.md does not have the lines %s and %s", referenceBegin, referenceEnd)
	}
	want := reference()
	if *testkit.Update {
		if err := os.WriteFile(specFile, []byte(before+referenceBegin+want+referenceEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if written != want {
		t.Errorf("the Reference of spec.md is not the table's: run go test ./compiler -run Reference -update")
	}
}
