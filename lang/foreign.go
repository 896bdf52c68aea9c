package lang

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Outside of strings and comments a script is ASCII, but for names within probes. Word
// processors, web pages and chats put other characters in its place that look the same,
// or that are not seen at all. Wherever one stands, the message names it by its number,
// because a message about what seems to be missing there ("this probe has no block")
// cannot be understood.

// lookalikes are characters that stand in place of ASCII ones.
var lookalikes = map[rune]string{
	'“': `"`, '”': `"`, '„': `"`, '‟': `"`, '«': `"`, '»': `"`, '‘': `"`, '’': `"`, '‚': `"`, '‛': `"`, '′': `"`, '″': `"`,
	'‐': "-", '‑': "-", '‒': "-", '–': "-", '—': "-", '―': "-", '−': "-", '﹣': "-",
	'×': "*", '∗': "*", '÷': "/", '⁄': "/", '∕': "/", '≤': "<=", '≥': ">=", '≠': "!=", '…': "..", '→': "->",
	'‹': "<", '›': ">", '⟨': "<", '⟩': ">", '〈': "<", '〉': ">",
	'∶': ":", 'ː': ":", '\u037e': ";", '¦': "|", '∣': "|", '˜': "~", '∼': "~", '＿': "_",
}

// Forms of ASCII characters that are as wide as Chinese ones.
const (
	firstWide = '！'
	lastWide  = '～'
	wideBy    = firstWide - '!'
)

// blankLetters are letters and symbols that show nothing.
var blankLetters = []rune{'\u115f', '\u1160', '\u2800', '\u3164', '\uffa0'}

// emptySpace reports characters that look like blanks.
func emptySpace(r rune) bool {
	for _, blank := range blankLetters {
		if r == blank {
			return true
		}
	}
	return r == '\u180e' || r >= utf8.RuneSelf && unicode.IsSpace(r)
}

// unseen reports characters without any width: joiners, marks of direction and of
// variants.
func unseen(r rune) bool {
	return unicode.Is(unicode.Cf, r) || r == '\u034f' || unicode.Is(unicode.Variation_Selector, r)
}

// disguised reports a character that a reader takes for another, or for nothing, where it
// stands in the name of a probe.
func disguised(r rune, size int) bool {
	switch {
	case r < utf8.RuneSelf:
		return r == 0x7f
	case r == utf8.RuneError && size == 1, emptySpace(r), unseen(r), firstWide <= r && r <= lastWide:
		return true
	}
	return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r)
}

// atForeign tells whether a character stands there that is no part of any script outside
// of strings.
func (s *scanner) atForeign(pos int) bool {
	if pos >= len(s.text) {
		return false
	}
	c := s.text[pos]
	return c >= 0x7f || c < ' ' && !isBlank(c)
}

// unknown reports the character at hand.
func (s *scanner) unknown() {
	r, size := utf8.DecodeRuneInString(s.text[s.pos:])
	message, hint := characterMessage(r, size, s.peek())
	s.fail(s.pos, s.pos+size, message, hint)
	s.pos += size
}

func characterMessage(r rune, size int, first byte) (message, hint string) {
	switch {
	case r == utf8.RuneError && size == 1:
		message = fmt.Sprintf("byte 0x%02x is not UTF-8 text", first)
		if first == 0xa0 {
			hint = "in Latin-1 it is a no-break space: write a plain space"
		}
		return message, hint
	case r < utf8.RuneSelf && unicode.IsPrint(r):
		return fmt.Sprintf("unexpected character %c", r), plainHint(r)
	case !unicode.IsPrint(r), unicode.IsMark(r), emptySpace(r), unseen(r):
		return fmt.Sprintf("unexpected character %U", r), plainHint(r)
	}
	return fmt.Sprintf("unexpected character %c (%U)", r, r), plainHint(r)
}

// plainHint says what to write instead.
func plainHint(r rune) string {
	plain, known := lookalikes[r]
	switch {
	case known:
		return "write " + plain
	case firstWide <= r && r <= lastWide:
		return fmt.Sprintf("write %c", r-wideBy)
	case r == '\'':
		return `strings are written with "double quotes"`
	case r == '#':
		return "comments begin with //; #include, #define and the like begin a line"
	case r == '\u0085', r == '\u2028', r == '\u2029':
		return "write a line end"
	case emptySpace(r):
		return "write a plain space"
	case unseen(r), unicode.IsControl(r):
		return "it cannot be seen: remove it"
	}
	return ""
}

// unseenInLine reports the first blank or invisible character in the rest of a
// directive's line, outside of its strings and comments.
func (s *scanner) unseenInLine(d *Directive, pos int) bool {
	for pos < d.Span.End {
		end := commentEnd(s.text, pos)
		if s.text[pos] == '"' {
			end = stringEnd(s.text, pos)
		}
		if end < 0 { // never closed: what follows belongs to it
			return false
		}
		if end > pos {
			pos = end
			continue
		}
		r, size := utf8.DecodeRuneInString(s.text[pos:d.Span.End])
		switch {
		case emptySpace(r) || unseen(r):
			message, hint := characterMessage(r, size, 0)
			s.report(pos, pos+size, message, hint)
			return true
		}
		pos += size
	}
	return false
}
