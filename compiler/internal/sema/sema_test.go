package sema

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/internal/follow"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/rogpeppe/go-internal/txtar"
)

// meaningOf checks a script against a frozen kernel.
func meaningOf(t *testing.T, text, kernel string, options Options) (*Info, error) {
	t.Helper()
	script, diagnostics := lang.Parse(diag.NewSource("script", text))
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	options.Added = follow.Add(script, follow.Processes{})
	return Check(options.Added.Script, frozen.Target(kernel), options)
}

// TestMeanings compares what sema makes of scripts: which programs there are and where
// they attach, the type of each expression in them, variables, maps, notices. A golden's
// `script` is given; its `options`, a word and a value a line, are
//
//	kernel NAME     the frozen target, 6.12 where it does not say
//	attach NAME     --attach
//	refused PROBE   a probe that the kernel refused to load the cheaper way
//	arg TEXT        a positional parameter
func TestMeanings(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no goldens", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { meaning(t, path) })
	}
}

func meaning(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil || len(archive.Files) < 2 || archive.Files[0].Name != "script" || archive.Files[1].Name != "options" {
		t.Fatalf("%s needs a script and options: %v", path, err)
	}
	kernel, options := readOptions(t, string(archive.Files[1].Data))
	info, err := meaningOf(t, string(archive.Files[0].Data), kernel, options)
	if err != nil {
		t.Fatal(err)
	}
	archive.Files = append(archive.Files[:2], txtar.File{Name: "meaning", Data: []byte(describe(info))})
	got := txtar.Format(archive)
	if *testkit.Update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want, _ := os.ReadFile(path); !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s\nrun go test ./compiler/internal/sema -update", got, want)
	}
}

func readOptions(t *testing.T, text string) (kernel string, options Options) {
	t.Helper()
	kernel, options.Refused = "6.12", map[string]bool{}
	for line := range strings.Lines(text) {
		word, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "kernel":
			kernel = value
		case "attach":
			options.Mechanism = value
		case "refused":
			options.Refused[value] = true
		case "arg":
			options.Args = append(options.Args, value)
		default:
			t.Fatalf("there is no option %q", word)
		}
	}
	return kernel, options
}

func describe(info *Info) string {
	var text strings.Builder
	for _, program := range info.Programs {
		describeProgram(&text, program)
	}
	for _, m := range info.Maps {
		describeMap(&text, m)
	}
	for _, notice := range info.Notices {
		fmt.Fprintf(&text, "notice %s\n", notice)
	}
	return text.String()
}

func describeProgram(text *strings.Builder, program *Program) {
	fmt.Fprintf(text, "program %v", program.Site.Type)
	if program.Site.AttachTo != "" {
		fmt.Fprintf(text, " to %s", program.Site.AttachTo)
	}
	text.WriteByte('\n')
	for i := range program.Site.Points {
		point := &program.Site.Points[i]
		fmt.Fprintf(text, "  %s by %v at %q\n", point.Probe, point.Mechanism, point.At.Events())
	}
	for _, instance := range program.Instances {
		line, column := position(instance.Clause.Span)
		fmt.Fprintf(text, "  clause %d:%d\n", line, column)
		describeInstance(text, instance)
	}
}

func position(span diag.Span) (line, column int) { return span.Source.Position(span.Start) }

// fact is what is known at a place of the script.
type fact struct {
	span diag.Span
	text string
}

func describeInstance(text *strings.Builder, instance *Instance) {
	var facts []fact
	for e, t := range instance.Types {
		if t != nil && e.Range().Source != nil {
			facts = append(facts, fact{e.Range(), fmt.Sprintf("%s: %s", e.Range().Text(), t)})
		}
	}
	for e, v := range instance.Variables {
		described := fmt.Sprintf("%s is a variable of %s", e.Span.Text(), v.Type)
		for _, property := range []struct {
			name string
			has  bool
		}{{"fixed", v.Fixed}, {"shared", v.Shared}, {"pointed", v.Pointed}} {
			if property.has {
				described += ", " + property.name
			}
		}
		facts = append(facts, fact{e.Span, described})
	}
	slices.SortFunc(facts, func(a, b fact) int {
		return cmp.Or(cmp.Compare(a.span.Start, b.span.Start), cmp.Compare(b.span.End, a.span.End), strings.Compare(a.text, b.text))
	})
	for _, f := range slices.Compact(facts) {
		line, column := position(f.span)
		fmt.Fprintf(text, "    %d:%d %s\n", line, column, f.text)
	}
}

func describeMap(text *strings.Builder, m *Map) {
	var key []string
	for _, part := range m.Key {
		key = append(key, part.String())
	}
	fmt.Fprintf(text, "map @%s[%s] of %v", m.Name, strings.Join(key, ", "), m.Value)
	for _, property := range []struct {
		name string
		has  bool
	}{
		{"read", m.Read}, {"replaced", m.Replaced}, {"emptied", m.Emptied}, {"computed", m.Computed},
		{fmt.Sprintf("declared with %d keys", m.Size), m.Kind != nil},
	} {
		if property.has {
			fmt.Fprintf(text, ", %s", property.name)
		}
	}
	text.WriteByte('\n')
}

// TestRefusals has the messages of scripts that mean nothing, with the places that they
// name.
func TestRefusals(t *testing.T) {
	testkit.Lines(t, "testdata/errors.txt", func(t *testing.T, line string) string {
		_, err := meaningOf(t, line, "6.12", Options{})
		var diagnostics diag.Diagnostics
		if !errors.As(err, &diagnostics) {
			t.Fatalf("got %v, want an error of the script", err)
		}
		var text strings.Builder
		for _, d := range diagnostics {
			line, column := position(d.Span)
			fmt.Fprintf(&text, "%d:%d %s", line, column, d.Message)
			if d.Hint != "" {
				fmt.Fprintf(&text, " (%s)", d.Hint)
			}
			text.WriteByte('\n')
		}
		return text.String()
	})
}

// TestCheckRepeats: the same script means the same each time, whatever the order of Go's
// maps.
func TestCheckRepeats(t *testing.T) {
	const script = `kprobe:vfs_* { @[probe, comm] = hist(arg2); $x = arg2; @b = $x } kprobe:vfs_read { @b = -1; @c = max(@b) }`
	first, err := meaningOf(t, script, "6.12", Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		again, err := meaningOf(t, script, "6.12", Options{})
		if err != nil || describe(again) != describe(first) {
			t.Fatalf("got %v, %v, want\n%s", again, err, describe(first))
		}
	}
}

// TestUsage: a script that asks for its parameters gets its usage text, and no meaning.
func TestUsage(t *testing.T) {
	_, err := meaningOf(t, "BEGIN { exit(getopt(\"code\", 3, \"what to end with\")) }", "6.12", Options{Named: []string{"help"}})
	var usage *UsageError
	if !errors.As(err, &usage) || !usage.Asked || !strings.Contains(usage.Text, "--code=NUMBER") {
		t.Errorf("got %v", err)
	}
}
