// Package glob reads the patterns of =~ and !~.
//
// A pattern stands for the whole text: `*` for any bytes, `?` for one, `[a-c_]` for one
// of a set, `[!a-c]` for one outside of it; a backslash takes the meaning from what
// follows. Stars cut a pattern into segments of a fixed length. The first and the last
// one stand where the text begins and ends, and each other one where it is found first
// behind the one before: if a text matches at all, it matches like that, so that nobody
// has to go back and try again.
//
// Rejected: path.Match, whose `*` stops at every slash.
package glob

import (
	"errors"
	"fmt"
)

// Pattern is a pattern in segments; there is a star between each two.
type Pattern struct{ Segments []Segment }

// Segment matches as many bytes as it has elements.
type Segment []Element

// Element matches one byte.
type Element struct {
	// Byte is what a literal element matches; the others have ranges.
	Byte    byte
	Literal bool
	Not     bool
	Ranges  []Range
}

// Range is the bytes from Low to High, both included.
type Range struct{ Low, High byte }

// Any reports whether the element is a `?`.
func (e *Element) Any() bool { return e.Not && len(e.Ranges) == 0 }

// Matches reports whether the element matches the byte.
func (e *Element) Matches(c byte) bool {
	if e.Literal {
		return c == e.Byte
	}
	for _, r := range e.Ranges {
		if c >= r.Low && c <= r.High {
			return !e.Not
		}
	}
	return e.Not
}

// Parse reads a pattern.
func Parse(text string) (*Pattern, error) {
	pattern := &Pattern{Segments: make([]Segment, 1)}
	for text != "" {
		if text[0] == '*' {
			pattern.Segments = append(pattern.Segments, nil)
			text = text[1:]
			continue
		}
		element, rest, err := parseElement(text)
		if err != nil {
			return nil, err
		}
		last := len(pattern.Segments) - 1
		pattern.Segments[last] = append(pattern.Segments[last], element)
		text = rest
	}
	pattern.joinStars()
	return pattern, nil
}

// joinStars takes out the empty segments between stars.
func (p *Pattern) joinStars() {
	kept := p.Segments[:1]
	for i := 1; i < len(p.Segments); i++ {
		if len(p.Segments[i]) > 0 || i == len(p.Segments)-1 {
			kept = append(kept, p.Segments[i])
		}
	}
	p.Segments = kept
}

func parseElement(text string) (element Element, rest string, err error) {
	switch text[0] {
	case '?':
		return Element{Not: true}, text[1:], nil
	case '[':
		return parseSet(text[1:])
	case '\\':
		c, rest, err := escaped(text)
		return Element{Byte: c, Literal: true}, rest, err
	}
	return Element{Byte: text[0], Literal: true}, text[1:], nil
}

// escaped reads a byte that a backslash may stand before.
func escaped(text string) (c byte, rest string, err error) {
	if text[0] != '\\' {
		return text[0], text[1:], nil
	}
	if len(text) == 1 {
		return 0, "", errors.New("the pattern ends in a backslash that nothing follows")
	}
	return text[1], text[2:], nil
}

// parseSet reads a set behind its bracket. A bracket that comes first is one of the set's
// bytes.
func parseSet(text string) (set Element, rest string, err error) {
	if text != "" && (text[0] == '!' || text[0] == '^') {
		set.Not = true
		text = text[1:]
	}
	for first := true; text != "" && (first || text[0] != ']'); first = false {
		var r Range
		if r, text, err = parseRange(text); err != nil {
			return set, "", err
		}
		set.Ranges = append(set.Ranges, r)
	}
	if text == "" {
		return set, "", errors.New("the set of the pattern is never closed with ]")
	}
	return set, text[1:], nil
}

func parseRange(text string) (r Range, rest string, err error) {
	if r.Low, rest, err = escaped(text); err != nil {
		return r, "", err
	}
	r.High = r.Low
	if len(rest) >= 2 && rest[0] == '-' && rest[1] != ']' {
		if r.High, rest, err = escaped(rest[1:]); err != nil {
			return r, "", err
		}
	}
	if r.High < r.Low {
		return r, "", fmt.Errorf("the range %q of the pattern is empty", text[:len(text)-len(rest)])
	}
	return r, rest, nil
}

// Matches reports whether the pattern matches the whole text.
func (p *Pattern) Matches(text string) bool {
	first, last := p.Segments[0], p.Segments[len(p.Segments)-1]
	if len(p.Segments) == 1 {
		return len(text) == len(first) && first.begins(text)
	}
	if len(text) < len(first)+len(last) || !first.begins(text) || !last.begins(text[len(text)-len(last):]) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, segment := range p.Segments[1 : len(p.Segments)-1] {
		for !segment.begins(text) {
			if text == "" {
				return false
			}
			text = text[1:]
		}
		text = text[len(segment):]
	}
	return true
}

// begins reports whether the text begins with what the segment matches.
func (s Segment) begins(text string) bool {
	if len(text) < len(s) {
		return false
	}
	for i := range s {
		if !s[i].Matches(text[i]) {
			return false
		}
	}
	return true
}
