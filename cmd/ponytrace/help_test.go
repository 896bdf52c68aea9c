package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/internal/teach/lesson"
	"github.com/ponytrace/ponytrace/internal/teach/markdown"
	"github.com/ponytrace/ponytrace/internal/teach/topic"
)

const helpWords = "ponytrace help ([^\\s`]+(?: [^\\s`-]+)*)"

// Each `ponytrace help X` that a document has works.
func TestHelpOfDocuments(t *testing.T) {
	files := []string{"../../README.md", "../../spec.md", "../../examples/README.md"}
	texts, err := filepath.Glob("../../examples/lessons/*/README.md")
	if err != nil || len(texts) < 20 {
		t.Fatalf("%d lessons: %v", len(texts), err)
	}
	mentions, found := regexp.MustCompile("`"+helpWords+"`"), 0
	for _, file := range append(files, texts...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range mentions.FindAllStringSubmatch(string(text), -1) {
			found++
			mustDescribe(t, file, match[1])
		}
	}
	if found < 4 {
		t.Errorf("the documents mention help %d times; is the search broken?", found)
	}
}

func mustDescribe(t *testing.T, where, words string) {
	t.Helper()
	for word := range strings.FieldsSeq(words) {
		if word == "NAME" || word == "TOPIC" || word == "WORD" {
			continue
		}
		h := &helpText{}
		if found, err := h.describe(word); err != nil || !found {
			t.Errorf("%s: ponytrace help %s: found %v, %v", where, word, found, err)
		}
	}
}

// What a topic leads to is there.
func TestTopicsLeadOn(t *testing.T) {
	for _, topic := range topic.All() {
		for _, see := range topic.See {
			command, words, _ := strings.Cut(see, " ")
			switch command {
			case "help":
				mustDescribe(t, topic.Name, words)
			case "learn":
				if _, err := lesson.Find(words); err != nil {
					t.Errorf("%s: %v", topic.Name, err)
				}
			default:
				t.Errorf("%s leads to %q", topic.Name, see)
			}
		}
	}
}

var escapes = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// Only code and signatures, which are not broken, are longer than a narrow terminal's line.
func TestHelpFitsTerminal(t *testing.T) {
	const columns = 50
	for _, name := range append(builtinNames(), topic.Names()...) {
		h := &helpText{terminal: markdown.Terminal{Width: columns, Color: true}}
		if _, err := h.ours(name); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(h.String()) {
			code := strings.HasPrefix(strings.TrimLeft(line, " "), "\x1b[36m")
			line = escapes.ReplaceAllString(strings.TrimRight(line, "\n"), "")
			code = code || strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "  Example:") ||
				strings.HasSuffix(line, ")") || strings.Contains(line, "`")
			if !code && utf8.RuneCountInString(line) > columns {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}

// On a terminal that is too short, the pager shows it.
func TestHelpPages(t *testing.T) {
	for command, want := range map[string]string{
		"help maps": "paged:maps (topic)\n",
		"help if":   "if (topic)\n",
	} {
		got := printed(t, t.TempDir(), "export PAGER='sed s/^/paged:/'; ponytrace "+command)
		if !strings.HasPrefix(got, want) {
			t.Errorf("%.200s", got)
		}
	}
}
