package verdict

import "strings"

// pattern describes the beginning of a line: literals with holes between them.
type pattern struct {
	start string // before the first hole
	holes []hole
}

// hole is a word, or a number, and what follows it.
type hole struct {
	name   string // with braces
	number bool
	after  string
}

// newPattern reads a pattern, in which {name} is a word and {#name} a number.
func newPattern(text string) pattern {
	start, rest, more := strings.Cut(text, "{")
	p := pattern{start: start}
	for more {
		var h hole
		h.name, rest, _ = strings.Cut(rest, "}")
		h.name, h.number = strings.CutPrefix(h.name, "#")
		h.name = "{" + h.name + "}"
		h.after, rest, more = strings.Cut(rest, "{")
		p.holes = append(p.holes, h)
	}
	return p
}

// mayMatch tells most patterns apart from a text at once.
func (p *pattern) mayMatch(text string) bool {
	return p.start == "" || text != "" && text[0] == p.start[0]
}

// match compares a text with the pattern. It returns names and values in turns, as
// strings.NewReplacer wants them.
func (p *pattern) match(text string) (values []string, ok bool) {
	text, ok = strings.CutPrefix(text, p.start)
	for i := 0; ok && i < len(p.holes); i++ {
		h := &p.holes[i]
		length := h.length(text)
		values = append(values, h.name, text[:length])
		text, ok = strings.CutPrefix(text[length:], h.after)
		ok = ok && length > 0
	}
	return values, ok
}

const (
	digits     = "0123456789"
	wordLetter = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_*<>=|&^+-" + digits
)

// length is that of what the hole takes of a text.
func (h *hole) length(text string) int {
	if h.number {
		rest := strings.TrimPrefix(text, "-")
		return len(text) - len(strings.TrimLeft(rest, digits))
	}
	return len(text) - len(strings.TrimLeft(text, wordLetter))
}
