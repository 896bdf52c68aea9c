package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/internal/teach/markdown"
	"github.com/ponytrace/ponytrace/internal/teach/topic"
	"github.com/ponytrace/ponytrace/lang/diag"
)

func helpFlags() *command {
	f := newFlags("help")
	man := f.Bool("man", false, "Print the manual page, for man -l.")
	var shell string
	oneOfAny(f, &shell, "completion", "", "SHELL",
		"Print what completes command lines in a shell", shells...)
	return &command{
		name:      "help",
		arguments: []string{"[WORD...]"},
		summary: "Describe functions, variables, probes, settings and topics such as maps, if or " +
			"latency; list them all without a word.",
		flags: f,
		run: func(words []string) error {
			switch {
			case *man:
				return printManual()
			case shell != "":
				return printCompletion(shell)
			}
			h := &helpText{terminal: textTerminal()}
			if len(words) == 0 {
				h.overview()
				return page(h.String())
			}
			return h.describeAll(words)
		},
	}
}

// helpText collects what help prints.
type helpText struct {
	strings.Builder
	terminal markdown.Terminal
}

const helpIndent = "  "

// overview lists the table of the language, then the topics.
func (h *helpText) overview() {
	for _, section := range builtin.Sections() {
		h.list(section)
	}
	h.WriteString("Topics\n")
	h.wrapped(strings.Join(topic.Names(), ", "))
	h.WriteString("\nponytrace help WORD tells more of each.\n")
}

func (h *helpText) list(section builtin.Section) {
	fmt.Fprintf(h, "%s\n", section.Title)
	for _, entry := range section.Entries {
		summary, _, _ := strings.Cut(entry.Doc, ". ")
		summary = strings.TrimSuffix(summary, ".")
		if value := defaultOf(section.Title, entry); value != "" {
			summary += " (" + value + ")"
		}
		h.listed(entry.Name, summary)
	}
	h.WriteByte('\n')
}

// Sections of the table. A function may have the name of a setting.
const (
	probesTitle   = "Probes"
	settingsTitle = "Settings"
)

// defaultOf tells the default of a setting; empty for other entries.
func defaultOf(title string, entry *builtin.Info) string {
	value, isSetting := builtin.SettingDefault(entry.Name)
	switch {
	case !isSetting || title != settingsTitle:
		return ""
	case value == "":
		return "default: empty"
	}
	return "default: " + value
}

// listed writes a line of a list, broken below itself where the terminal is narrower.
func (h *helpText) listed(name, summary string) {
	const column = 23
	head := fmt.Sprintf("  %-20s ", name)
	room := max(h.terminal.Columns()-column, 20)
	if h.terminal.Width == 0 {
		room = len(summary) + 1 // a pipe's lines may be searched, so each is whole
	}
	h.WriteString(head + strings.Join(wrap(summary, room), "\n"+strings.Repeat(" ", column)) + "\n")
}

// wrapped writes plain text.
func (h *helpText) wrapped(text string) {
	for _, line := range wrap(text, h.terminal.Columns()-len(helpIndent)) {
		h.WriteString(helpIndent + line + "\n")
	}
}

// describeAll tells what all words mean, and then which mean nothing.
func (h *helpText) describeAll(words []string) error {
	var unknown []string
	for _, word := range words {
		found, err := h.describe(word)
		if err != nil {
			return err
		}
		if !found {
			unknown = append(unknown, unknownWord(word))
		}
	}
	if err := page(h.String()); err != nil || len(unknown) == 0 {
		return err
	}
	return errors.New(strings.Join(unknown, "\n"))
}

// describe looks a word up as it is, then what it may be a form of: each as one of ours, or
// else as one of another tracer.
func (h *helpText) describe(word string) (found bool, err error) {
	for _, form := range append([]string{word}, forms(word)...) {
		if found, err = h.ours(form); found || err != nil {
			return found, err
		}
		if hint, known := topic.Foreign(form); known {
			h.foreign(form, hint)
			return true, nil
		}
	}
	hint, known := foreignFlags["--"+word]
	if known {
		h.foreign("--"+word, hint)
	}
	return known, nil
}

// forms are the words that a word may be an inflected or a longer form of: hist(),
// kprobe:vfs_read, args.count, key.
func forms(word string) (list []string) {
	if at := strings.IndexAny(word, "([.:"); at > 0 {
		list = append(list, word[:at])
	}
	if single, plural := strings.CutSuffix(word, "s"); plural && single != "" {
		list = append(list, single)
	}
	return append(list, word+"s")
}

// ours describes everything of this name: entries of the table, a topic, a command.
func (h *helpText) ours(word string) (found bool, err error) {
	before := h.Len()
	for _, section := range builtin.Sections() {
		for _, entry := range section.Entries {
			short := section.Title == probesTitle && entry.Name == builtin.ProbeTypeNamed(word)
			if entry.Name == word || short {
				h.entry(section.Title, entry)
			}
		}
	}
	if t := topic.Find(word); t != nil {
		if err := h.topic(t); err != nil {
			return false, err
		}
	}
	for _, c := range commands() {
		if c.name != "" && c.name == word {
			h.separate()
			h.WriteString(c.help())
		}
	}
	return h.Len() > before, nil
}

// separate keeps a text from the one before it.
func (h *helpText) separate() {
	if h.Len() > 0 {
		h.WriteByte('\n')
	}
}

func (h *helpText) entry(title string, entry *builtin.Info) {
	h.separate()
	fmt.Fprintf(h, "%s  (%s)\n\n", heading(entry), strings.ToLower(title))
	h.wrapped(entry.Doc)
	if value := defaultOf(title, entry); value != "" {
		h.wrapped(capital(value))
	}
	fmt.Fprintf(h, "\n  Example: %s\n", entry.Example)
	if entry.Since != "" {
		fmt.Fprintf(h, "  Since Linux %s\n", entry.Since)
	}
}

// heading is the signature where that has the name, else the name and the type.
func heading(entry *builtin.Info) string {
	if strings.Contains(strings.ToLower(entry.Signature), entry.Name) {
		return entry.Signature
	}
	return entry.Name + ": " + entry.Signature
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func (h *helpText) topic(t *topic.Topic) error {
	text, err := t.Text()
	if err != nil {
		return err
	}
	h.separate()
	head := "**" + t.Name + "**  (topic)\n\n"
	h.WriteString(markdown.Render(markdown.Parse(head+text), h.terminal))
	h.WriteByte('\n')
	for _, section := range builtin.Sections() {
		if section.Title == t.Table {
			h.list(section)
		}
	}
	if heads := t.Heads(); len(heads) > 0 {
		h.WriteString(h.terminal.Paragraph("From spec.md: " + strings.Join(heads, ", ")))
	}
	if len(t.See) > 0 {
		see := "See `ponytrace " + strings.Join(t.See, "`, `ponytrace ") + "`"
		h.WriteString(h.terminal.Paragraph(see))
	}
	return nil
}

// foreign leads from a word of another tracer or language to ours.
func (h *helpText) foreign(word, hint string) {
	h.separate()
	fmt.Fprintf(h, "%s  (not a word of ponytrace)\n\n", diag.Printable(word))
	h.wrapped(capital(hint))
	if ours := advised(hint); ours != "" {
		fmt.Fprintf(h, "\n  See ponytrace help %s\n", ours)
	}
}

// advised is the entry of the table that a hint tells to write; empty for none.
func advised(hint string) string {
	_, ours, _ := strings.Cut(hint, "write ")
	if end := strings.IndexFunc(ours, notOfWord); end >= 0 {
		ours = ours[:end]
	}
	if slices.Contains(builtinNames(), ours) {
		return ours
	}
	return ""
}

func notOfWord(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// unknownWord says that a word means nothing, and what is near.
func unknownWord(word string) string {
	candidates := slices.Concat(helpNames(), topic.ForeignNames())
	if near := diag.Nearest(word, slices.Values(candidates), 3); len(near) > 0 {
		return fmt.Sprintf("nothing is named %s; did you mean %s?", word, strings.Join(near, ", "))
	}
	return fmt.Sprintf("nothing is named %s; ponytrace help lists all", word)
}
