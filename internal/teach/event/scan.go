package event

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// line is a line as written.
type line struct {
	span   diag.Span
	probe  *word // nil where it is left out
	values []assignment
	count  int
	// meanwhile and full are words without a value.
	meanwhile, full bool
}

// word is a run of characters without blanks.
type word struct {
	text string
	span diag.Span
}

// assignment is name=value.
type assignment struct {
	name  word
	value value
}

// value is what stands after =. Quoted text has no escapes any more. More are the words
// that follow after commas and are no assignments: the functions of a stack.
type value struct {
	word
	quoted bool
	more   []word
}

// scanner goes over one line.
type scanner struct {
	source *diag.Source
	at     int
	end    int
	line   line
	report func(span diag.Span, hint, format string, args ...any)
	failed bool
}

const (
	maxText   = 1 << 20 // bytes of all lines
	maxEvents = 1_000_000
)

// scanLines splits the text. Lines with mistakes are left out.
func scanLines(source *diag.Source, report func(diag.Span, string, string, ...any)) (lines []line) {
	if len(source.Text) > maxText {
		report(diag.Span{Source: source, End: 1}, "", "more than %d bytes of events", maxText)
		return nil
	}
	start := 0
	for text := range strings.Lines(source.Text) {
		s := &scanner{source: source, at: start, report: report}
		s.end = start + len(strings.TrimRight(text, "\r\n"))
		start += len(text)
		s.line.span = diag.Span{Source: source, Start: s.at, End: s.end}
		for !s.failed && s.more() {
			s.item()
		}
		if !s.failed && (s.line.probe != nil || s.line.values != nil || s.line.count > 0 ||
			s.line.meanwhile || s.line.full) {
			s.line.span, s.line.count = s.trimmed(), max(s.line.count, 1)
			lines = append(lines, s.line)
		}
	}
	return lines
}

// trimmed is the line from its first word to its last.
func (s *scanner) trimmed() diag.Span {
	span := s.line.span
	for span.Start < span.End && blank(s.source.Text[span.Start]) {
		span.Start++
	}
	span.End = max(s.at, span.Start)
	return span
}

func (s *scanner) fail(span diag.Span, hint, format string, args ...any) {
	s.failed = true
	s.report(span, hint, format, args...)
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == ',' || c == ';' }

// more skips what separates items, and reports whether there is another.
func (s *scanner) more() bool {
	s.skip(blank)
	return s.at < s.end && s.source.Text[s.at] != '#'
}

func (s *scanner) skip(what func(byte) bool) {
	for s.at < s.end && what(s.source.Text[s.at]) {
		s.at++
	}
}

// word reads up to what ends a name or a value. In a cast, (struct request *)arg0, blanks
// end nothing.
func (s *scanner) word() word {
	start := s.at
	inside := false
	s.skip(func(c byte) bool {
		switch c {
		case '(':
			inside = true
		case ')':
			inside = false
		case '=', '"', '#':
			return false
		}
		return inside || !blank(c)
	})
	return word{s.source.Text[start:s.at], diag.Span{Source: s.source, Start: start, End: s.at}}
}

func (s *scanner) item() {
	before := s.at
	w := s.word()
	afterWord := s.at
	s.skip(func(c byte) bool { return c == ' ' || c == '\t' })
	switch {
	case w.text == "":
		at := diag.Span{Source: s.source, Start: before, End: before + 1}
		s.fail(at, example, "a name is missing here")
	case s.at < s.end && s.source.Text[s.at] == '=':
		s.at++
		s.assign(w)
	case times(w.text):
		s.at = afterWord
		s.repeat(w)
	case w.text == "meanwhile":
		s.at, s.line.meanwhile = afterWord, true
	case w.text == "full":
		s.at, s.line.full = afterWord, true
	case s.line.probe == nil && s.line.values == nil:
		s.at = afterWord
		s.line.probe = &w
	default:
		s.fail(w.span, example, "%s has no value", w.text)
	}
}

const example = `an event is as in: kprobe:vfs_read comm="dd" pid=12 arg2=4096 x10`

func (s *scanner) assign(name word) {
	s.skip(func(c byte) bool { return c == ' ' || c == '\t' })
	v, ok := s.value()
	if !ok {
		return
	}
	if v.text == "" && !v.quoted {
		s.fail(name.span, "", "%s has no value", name.text)
		return
	}
	if !v.quoted && (name.text == kernelStack || name.text == userStack) {
		s.functions(&v)
	}
	s.line.values = append(s.line.values, assignment{name, v})
}

func (s *scanner) value() (v value, ok bool) {
	if s.at < s.end && s.source.Text[s.at] == '"' {
		return s.text()
	}
	return value{word: s.word()}, true
}

func (s *scanner) text() (v value, ok bool) {
	start := s.at
	s.at++
	for s.at < s.end && s.source.Text[s.at] != '"' {
		if s.source.Text[s.at] == '\\' {
			s.at++
		}
		s.at++
	}
	if s.at >= s.end {
		s.at = s.end
		s.fail(diag.Span{Source: s.source, Start: start, End: s.end}, "", `the text lacks its closing "`)
		return value{}, false
	}
	s.at++
	v.span = diag.Span{Source: s.source, Start: start, End: s.at}
	v.quoted = true
	text, at, wrong, hint := lang.ParseString(v.span.Text())
	if wrong != "" {
		s.fail(diag.Span{Source: s.source, Start: start + at, End: start + at + 1}, hint, "%s", wrong)
		return value{}, false
	}
	v.word.text = text
	return v, true
}

// functions reads what follows a stack's first function: words after commas, up to one
// that is a name with a value.
func (s *scanner) functions(v *value) {
	for s.at < s.end && s.source.Text[s.at] == ',' {
		before := s.at
		s.skip(blank)
		w := s.word()
		if w.text == "" || times(w.text) || s.at < s.end && s.source.Text[s.at] == '=' {
			s.at = before
			return
		}
		v.more = append(v.more, w)
	}
}

// times reports x and digits.
func times(text string) bool {
	return len(text) > 1 && text[0] == 'x' && strings.Trim(text[1:], "0123456789") == ""
}

func (s *scanner) repeat(w word) {
	n, err := strconv.Atoi(w.text[1:])
	if err != nil || n < 1 || n > maxEvents {
		s.fail(w.span, "", "an event can be repeated 1 to %d times", maxEvents)
		return
	}
	s.line.count = n
}

// step is a part of a path: a member, or an element where name is empty.
type step struct {
	name  string
	index int
	span  diag.Span
}

func (s step) String() string {
	if s.name == "" {
		return fmt.Sprintf("[%d]", s.index)
	}
	return s.name
}

// path is a name in its parts. Type is that of a cast, empty without.
type path struct {
	cast  string
	steps []step
	span  diag.Span
}

const (
	maxSteps = 32
	maxIndex = 4096
)

// parsePath reads arg0.q->limits[2], with a cast or without.
func parsePath(w word) (p path, wrong string, at diag.Span) {
	p.span = w.span
	text, start := w.text, w.span.Start
	if strings.HasPrefix(text, "(") {
		cast, rest, found := strings.Cut(text[1:], ")")
		p.cast = strings.TrimSpace(strings.TrimRight(cast, "* \t"))
		if !found || !strings.Contains(cast, "*") || p.cast == "" {
			return p, "a cast is as in (struct request *)arg0", w.span
		}
		start += len(text) - len(rest)
		text = rest
	}
	for begin := 0; begin < len(text) || len(p.steps) == 0; {
		s, length := nextStep(text[begin:])
		at := start + begin
		s.span = diag.Span{Source: w.span.Source, Start: at, End: at + max(length, 1)}
		if s.name == "" && s.index < 0 || len(p.steps) == maxSteps {
			return p, fmt.Sprintf("%s is no name", w.text), w.span
		}
		p.steps = append(p.steps, s)
		begin += length
		if n := separator(text[begin:]); n > 0 && begin+n < len(text) {
			begin += n
		}
	}
	return p, "", diag.Span{}
}

// nextStep returns an index of -1 where there is none.
func nextStep(text string) (s step, length int) {
	if strings.HasPrefix(text, "[") {
		digits, _, found := strings.Cut(text[1:], "]")
		n, err := strconv.Atoi(digits)
		if !found || err != nil || n < 0 || n > maxIndex {
			return step{index: -1}, 0
		}
		return step{index: n}, len(digits) + 2
	}
	for length < len(text) && identifying(text[length]) {
		length++
	}
	return step{name: text[:length], index: -1}, length
}

func identifying(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// separator is how long what stands between two steps is.
func separator(text string) int {
	switch {
	case strings.HasPrefix(text, "->"):
		return 2
	case strings.HasPrefix(text, "."):
		return 1
	}
	return 0
}
