// Package topic has what `ponytrace help` tells about topics: if, maps, latency.
//
// The texts are parts of spec.md, taken as they stand there, and so cannot say anything
// else: a topic names sections (topics.txt), and where it is less than a section, how the
// blocks begin that bound it. Few topics have a text of their own (topics.md), because spec.md says
// what the language is and not how one uses it.
//
//	topic     part of spec.md
//	maps      ## Maps, all of it
//	keys      ## Maps, from "A tuple is a key" up to "`@x++`"
//	latency   ## latency in topics.md
//
// All three files are in the command in one compressed file (topics.gz), a third as long.
// After a change of one of them, go generate makes it anew; a test compares, and holds that
// every part is there.
//
// Words of other tracers and languages lead to ours (foreign.go).
package topic

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

//go:generate go test -run TestPacked -update

//go:embed topics.gz
var packed []byte

// Topic is something that help tells about.
type Topic struct {
	Name    string
	Aliases []string // words and signs that mean it, too
	Parts   []Part
	See     []string // arguments of ponytrace: "help hist", "learn 5"
	Table   string   // the title of a section of the language's table that belongs to it
}

// Part is what stands in a section from the block that begins with From up to the next one
// that begins with To, both of which may be empty.
type Part struct{ Section, From, To string }

// All are the topics in the order in which they are listed.
func All() []*Topic {
	all, _ := unpacked() // a test unpacks it
	return all.topics
}

// Names are the names of all topics.
func Names() (names []string) {
	for _, t := range All() {
		names = append(names, t.Name)
	}
	return names
}

// Find returns the topic of a word or sign, nil where there is none.
func Find(word string) *Topic {
	word = canonical(strings.ToLower(word))
	for _, t := range All() {
		if t.Name == word || slices.Contains(t.Aliases, word) {
			return t
		}
	}
	return nil
}

// canonical is the spelling in the table: one variable, map or parameter stands for all.
func canonical(word string) string {
	switch {
	case len(word) > 1 && word[0] == '@':
		return "@"
	case len(word) > 1 && word[0] == '$' && strings.Trim(word[1:], "0123456789") == "":
		return "$1"
	case len(word) > 1 && word[0] == '$' && word != "$#":
		return "$x"
	}
	return word
}

// Text is what the topic tells, in Markdown.
func (t *Topic) Text() (string, error) {
	all, err := unpacked()
	if err != nil {
		return "", err
	}
	var parts []string
	for _, part := range t.Parts {
		text, err := part.of(all.sections)
		if err != nil {
			return "", fmt.Errorf("topic %s: %w", t.Name, err)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "\n\n") + "\n", nil
}

// Heads tells where the text is from.
func (t *Topic) Heads() (heads []string) {
	for _, part := range t.Parts {
		if part.Section != t.Name && !slices.Contains(heads, part.Section) {
			heads = append(heads, part.Section)
		}
	}
	return heads
}

func (p Part) of(sections map[string]string) (string, error) {
	text, found := sections[p.Section]
	if !found {
		return "", fmt.Errorf("there is no section %q", p.Section)
	}
	from, begins := position(text, p.From)
	if !begins {
		return "", fmt.Errorf("no block of %q begins with %q", p.Section, p.From)
	}
	text = text[from:]
	if p.To != "" {
		to, ends := position(text, p.To)
		if !ends {
			return "", fmt.Errorf("no later block of %q begins with %q", p.Section, p.To)
		}
		text = text[:to]
	}
	return strings.Trim(text, "\n"), nil
}

// position is where the first block begins that has these first words.
func position(text, words string) (int, bool) {
	const blockEnd = "\n\n"
	at := strings.Index(blockEnd+text, blockEnd+words)
	return at, at >= 0
}

// help is what topics.gz holds.
type help struct {
	topics   []*Topic
	sections map[string]string // by their titles
}

var unpacked = sync.OnceValues(func() (help, error) {
	text, err := content()
	table, texts, _ := strings.Cut(text, between)
	return help{parse(table), split(texts)}, err
})

// between stands between topics.txt and the texts.
const between = "\n\x00\n"

func content() (string, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(reader)
	return string(text), err
}

// parse reads topics.txt.
func parse(table string) (topics []*Topic) {
	var t *Topic
	for line := range strings.Lines(table) {
		line = strings.TrimRight(line, "\n")
		key, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || key[0] == '#':
		case rest == "":
			t = &Topic{Name: key}
			topics = append(topics, t)
		case key == "words":
			t.Aliases = strings.Fields(rest)
		case key == "part":
			fields := append(strings.Split(rest, " / "), "", "")
			t.Parts = append(t.Parts, Part{fields[0], fields[1], fields[2]})
		case key == "see":
			t.See = strings.Split(rest, " / ")
		case key == "table":
			t.Table = rest
		}
	}
	return topics
}

// split parts a text at its headings. A line in a fence is none.
func split(text string) map[string]string {
	sections, title, fenced := map[string]string{}, "", false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if head := strings.TrimLeft(line, "#"); !fenced && head != line && head[0] == ' ' {
			title = strings.TrimSpace(head)
			continue
		}
		sections[title] += line
	}
	return sections
}
