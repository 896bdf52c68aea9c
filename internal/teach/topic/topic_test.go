package topic

import (
	"bytes"
	"compress/gzip"
	"os"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/teach/markdown"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// referenceHead begins the part of spec.md that is the table's, which the command has
// anyway.
const referenceHead = "\n## Reference\n"

// source is what topics.gz must hold.
func source(t *testing.T) string {
	t.Helper()
	spec, err := os.ReadFile("../../../spec.md")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile("topics.md")
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("topics.txt")
	if err != nil {
		t.Fatal(err)
	}
	text, _, found := strings.Cut(string(spec), referenceHead)
	if !found {
		t.Fatalf("spec.md has no line %q", strings.TrimSpace(referenceHead))
	}
	return string(table) + between + text + "\n" + string(own)
}

// -update writes topics.gz.
func TestPacked(t *testing.T) {
	want := source(t)
	if *testkit.Update {
		pack(t, want)
		return
	}
	if got, err := content(); err != nil || got != want {
		t.Errorf("topics.gz is older than what it is made of: "+
			"run go generate ./internal/teach/topic (%v)", err)
	}
}

func pack(t *testing.T, text string) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("topics.gz", b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Every part of every topic is in spec.md or topics.md, once, and no word means two topics.
func TestTopics(t *testing.T) {
	taken := map[string]string{}
	for _, topic := range All() {
		text, err := topic.Text()
		if err != nil {
			t.Error(err)
		}
		if len(text) < 100 {
			t.Errorf("topic %s has only %q", topic.Name, text)
		}
		for _, word := range append([]string{topic.Name}, topic.Aliases...) {
			if taken[word] != "" {
				t.Errorf("%s means %s and %s", word, taken[word], topic.Name)
			}
			taken[word] = topic.Name
			if found := Find(word); found == nil || found.Name != topic.Name {
				t.Errorf("%s is not found by %q", topic.Name, word)
			}
		}
	}
	for _, word := range strings.Fields("if while for maps keys @ $x $1 predicates printf histograms strings " +
		"stacks latency settings probes verifier lessons unroll else operators arrays records types casts " +
		"macros functions comments parameters intervals output losses @bytes[pid] $12 $file STRINGS") {
		if Find(word) == nil {
			t.Errorf("there is no topic %s", word)
		}
	}
}

// Two sections of one title could not be told apart.
func TestTitles(t *testing.T) {
	_, text, _ := strings.Cut(source(t), between)
	fenced, seen := false, map[string]bool{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if !fenced && strings.HasPrefix(line, "#") {
			title := strings.TrimSpace(strings.TrimLeft(line, "#"))
			if seen[title] {
				t.Errorf("two sections are called %q", title)
			}
			seen[title] = true
		}
	}
}

// The scripts of topics.md compile; those of spec.md have a test of their own.
func TestScripts(t *testing.T) {
	own, err := os.ReadFile("topics.md")
	if err != nil {
		t.Fatal(err)
	}
	scripts := 0
	for _, block := range markdown.Parse(string(own)) {
		if block.Kind != markdown.Fence {
			continue
		}
		scripts++
		script, wrong := lang.Parse(diag.NewSource("topics.md", block.Text()))
		if len(wrong) > 0 {
			t.Errorf("%s\n%v", block.Text(), wrong)
			continue
		}
		if _, err := compiler.Compile(script, frozen.Target("6.12"), compiler.Options{}); err != nil {
			t.Errorf("%s\n%v", block.Text(), err)
		}
	}
	if scripts < 3 {
		t.Errorf("topics.md has %d scripts", scripts)
	}
}

func TestForeign(t *testing.T) {
	for word, want := range map[string]string{
		"execname": "write comm", "quantize": "write hist(n)", "switch": "write if ... else if ...",
		"and": "write &&", "fbt": "write kprobe:NAME, kretprobe:NAME",
		"fbt::vfs_read:entry": "write kprobe:vfs_read", "tick-1s": "write interval:s:1",
		"raw_tp": "raw tracepoints are the probe type rawtracepoint; write rawtracepoint:NAME",
	} {
		if hint, known := Foreign(word); !known || hint != want {
			t.Errorf("%s: %q", word, hint)
		}
	}
	if hint, known := Foreign("comm"); known {
		t.Errorf("comm: %q", hint)
	}
	for _, name := range ForeignNames() {
		if _, known := Foreign(name); !known {
			t.Errorf("%s is listed and not known", name)
		}
	}
}
