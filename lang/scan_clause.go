package lang

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

func (s *scanner) clause() {
	if !s.probes() {
		return
	}
	if s.peek() == '/' {
		s.open(predicateOpenToken)
		s.code()
		s.space()
	}
	if s.peek() != '{' && s.peek() != '<' {
		s.noBlock()
		return
	}
	s.block()
}

func (s *scanner) block() {
	s.open(blockOpenToken)
	s.code()
	if last := s.pos - 1; !s.broken && s.text[last] == '>' {
		s.afterAngle(last)
	}
}

// afterAngle finds the comparison that was meant where a `>` closed the block:
// what follows on the line is no probe then.
func (s *scanner) afterAngle(at int) {
	next := skipInline(s.text, s.pos)
	if next == len(s.text) || strings.IndexByte("\n;", s.text[next]) >= 0 {
		return
	}
	if commentEnd(s.text, next) != next || looksLikeProbe(s.text, next, wordEnd(s.text, next)) {
		return
	}
	s.fail(at, at+1, "this > closes the block", "put a comparison in parentheses: (a > b)")
	s.skipToHeader()
}

// probes scans `probe[, probe...]` and reports false when there is none.
func (s *scanner) probes() bool {
	if !s.atProbe() {
		s.noProbe(s.peek())
		return false
	}
	for {
		s.probe()
		s.space()
		if s.peek() != ',' {
			return true
		}
		s.take(commaToken, 1)
		s.space()
		if !s.atProbe() {
			return true
		}
	}
}

// atProbe tells whether a probe begins here: with its type, or with a parameter that is
// the type or the whole.
func (s *scanner) atProbe() bool {
	return isProbeStart(s.peek()) || s.peek() == '$' && isDigit(s.at(1))
}

func (s *scanner) probe() {
	if s.peek() == '$' {
		s.parameter()
	} else {
		s.takeText(s.typeEnd())
	}
	for s.peek() == ':' {
		s.take(colonToken, 1)
		s.part()
	}
}

// typeEnd is the end of a probe's first part, which is stricter than the others so that
// a statement outside of a block is seen as such.
func (s *scanner) typeEnd() int {
	pos := s.pos
	for pos < len(s.text) && (isLetter(s.text[pos]) || isDigit(s.text[pos]) || strings.IndexByte("*?[]-.", s.text[pos]) >= 0) {
		pos++
	}
	return pos
}

// part takes the pieces of a part: text, parameters, and at the beginning an expression.
func (s *scanner) part() {
	start := s.pos
	path := start < len(s.text) && strings.IndexByte("/.~", s.text[start]) >= 0
	if s.peek() == '(' {
		s.open(operatorToken)
		s.code()
	}
	for !s.broken && s.pos < len(s.text) {
		if end := s.textEnd(path); end > s.pos {
			s.takeText(end)
		} else if s.peek() == '$' {
			s.parameter()
		} else {
			break
		}
	}
	if s.pos == start {
		s.takeText(start)
	}
}

// parameter takes `$1`, which text may follow at once, or `$#`.
func (s *scanner) parameter() {
	end := s.pos + 1
	for end < len(s.text) && isDigit(s.text[end]) {
		end++
	}
	if end == s.pos+1 {
		s.dollar()
		return
	}
	s.take(positionalToken, end-s.pos)
}

func (s *scanner) takeText(end int) {
	s.take(probeTextToken, end-s.pos)
}

// textEnd is the end of a piece of a part: a name with wildcards, a path, or quoted text.
// A `/` belongs to a path when the part begins like one or another part follows; else it
// opens the predicate.
func (s *scanner) textEnd(path bool) int {
	pos := s.pos
	for pos < len(s.text) && !endsPart(s.text[pos]) {
		switch c := s.text[pos]; {
		case c == '"':
			end := stringEnd(s.text, pos)
			if end < 0 {
				s.fail(pos, lineEnd(s.text, pos), "this quoted name is never closed", "")
				return lineEnd(s.text, pos)
			}
			pos = end
		case c == '/' && !path:
			if !colonFollows(s.text, pos) {
				return pos
			}
			path = true
		case c == '[':
			end := setEnd(s.text, pos)
			if end < 0 {
				s.fail(pos, pos+1, "this [ is never closed", "a wildcard such as [a-z] needs its ]")
				return wordEnd(s.text, pos+1)
			}
			pos = end
		default:
			r, size := utf8.DecodeRuneInString(s.text[pos:])
			if disguised(r, size) {
				return pos
			}
			pos += size
		}
	}
	return pos
}

func endsPart(c byte) bool { return c < ' ' || strings.IndexByte(" ,:{}<>;$=", c) >= 0 }

// setEnd is the end of the wildcard [...], which may hold any character but blanks, or
// -1.
func setEnd(text string, pos int) int {
	for end := pos + 1; end < len(text) && !isBlank(text[end]); end++ {
		if text[end] == ']' {
			return end + 1
		}
	}
	return -1
}

func colonFollows(text string, pos int) bool {
	for pos < len(text) && !endsPart(text[pos]) {
		pos++
	}
	return pos < len(text) && text[pos] == ':'
}

func isProbeStart(c byte) bool { return isLetter(c) || c == '*' || c == '?' }

// looksLikeProbe tells whether the word [pos, end) begins a clause, or a function or
// macro, beyond doubt.
func looksLikeProbe(text string, pos, end int) bool {
	if end+1 < len(text) && text[end] == ':' && !isBlank(text[end+1]) {
		return end > pos
	}
	switch text[pos:end] {
	case "BEGIN", "END", "begin", "end":
		next := skipSpace(text, end)
		return next < len(text) && strings.IndexByte("{</,", text[next]) >= 0
	case "fn", "macro":
		name := skipInline(text, end)
		next := wordEnd(text, name)
		return (pos == 0 || text[pos-1] == '\n') && name < next && next < len(text) && text[next] == '('
	}
	return false
}

func skipInline(text string, pos int) int {
	for pos < len(text) && (text[pos] == ' ' || text[pos] == '\t' || text[pos] == '\r') {
		pos++
	}
	return pos
}

// skipToHeader resumes at the next line that begins with a probe, a parameter or a `#`.
func (s *scanner) skipToHeader() {
	for s.pos < len(s.text) {
		s.pos = min(lineEnd(s.text, s.pos)+1, len(s.text))
		if s.peek() == '$' && s.atProbe() {
			return
		}
		s.pos = skipInline(s.text, s.pos)
		if s.atDirective() || looksLikeProbe(s.text, s.pos, wordEnd(s.text, s.pos)) {
			return
		}
	}
}

// noProbe reports what stands in the place of a probe and skips it.
func (s *scanner) noProbe(c byte) {
	const example = "a clause is probe { actions }, such as kprobe:vfs_read { @ = count() }"
	switch c {
	case '}', '>', ')', ']':
		s.fail(s.pos, s.pos+1, fmt.Sprintf("this %c closes nothing", c), "the block before it has ended already")
		s.pos++
	case '{', '<':
		s.fail(s.pos, s.pos+1, "this block has no probe", example)
		s.open(blockOpenToken)
		s.code()
	default:
		s.unexpectedAtTop(example)
		s.skipToHeader()
	}
}

func (s *scanner) unexpectedAtTop(example string) {
	c := s.peek()
	switch {
	case c == '@' || c == '$' || isDigit(c) || c == '"':
		s.fail(s.pos, s.pos+1, "expected a probe", example)
	case c == '/':
		s.fail(s.pos, s.pos+1, "this predicate has no probe", example)
	case len(operators[c]) > 0 || c == '(' || c == '[':
		s.fail(s.pos, s.pos+1, fmt.Sprintf("expected a probe, found %c", c), example)
	default:
		s.unknown()
	}
}

// noBlock reports a header that no block follows, and resumes where the next clause may
// begin.
func (s *scanner) noBlock() {
	last := s.tokens[len(s.tokens)-1]
	end := last.Pos.Offset + len(last.Value)
	start := s.headerStart()
	text := strings.TrimSpace(s.text[start:end])
	next := s.peek()
	switch {
	case s.atForeign(s.pos):
		s.unknown()
	case strings.HasSuffix(text, ":") && isProbeStart(next):
		s.fail(end, s.pos, "a probe has no spaces inside", "write "+text+s.text[s.pos:s.typeEnd()])
	case next == '(' || next == '=' || next == '.' || next == '+':
		s.fail(start, end, "statements belong inside a block", "kprobe:vfs_read { "+text+" ... }")
	case s.pos == end && text == "pid" && strings.HasPrefix(s.text[s.pos:], "$target"):
		s.fail(start, s.pos+len("$target"), "pid$target is DTrace's provider of the functions of a process",
			"write uprobe:PROGRAM:FUNCTION, with -p PID for one process")
	case s.pos == end && (next == '$' || text[0] == '$' && isProbeStart(next)):
		s.fail(s.pos, s.pos+1, "a probe's type is a word or a parameter", "kprobe:$1, or $1 for the whole probe")
	case next == '@' || next == '$':
		s.fail(s.pos, s.pos+1, "expected { before the actions", text+" { ... }")
	case functionWords[text] && isLetter(next):
		s.fail(start, end, text+" begins no clause", functionHint)
	default:
		s.fail(start, end, "this probe has no block", text+" { ... }")
	}
	if !beginsLine(s.text, s.pos) && !looksLikeProbe(s.text, s.pos, wordEnd(s.text, s.pos)) {
		s.skipToHeader()
	}
}

// functionWords are how other languages begin a function.
var functionWords = map[string]bool{"function": true, "func": true, "fun": true, "def": true, "sub": true, "void": true, "int": true}

// headerStart is the offset of the clause's first token.
func (s *scanner) headerStart() int {
	first := 0
	if n := len(s.sections); n > 0 {
		first = s.sections[n-1].end
	}
	return s.tokens[first].Pos.Offset
}

var closers = map[byte]string{'{': "}", '<': ">", '(': ")", '[': "]", '/': "/"}

// unclosed reports the innermost open bracket and gives the section up.
func (s *scanner) unclosed() {
	s.reportUnclosed()
	s.brackets = s.brackets[:0]
}

func (s *scanner) reportUnclosed() {
	top := s.brackets[len(s.brackets)-1]
	message := fmt.Sprintf("this %c is never closed", top.kind)
	hint := fmt.Sprintf("missing %s", closers[top.kind])
	switch top.kind {
	case '/':
		message, hint = "this predicate is never closed", "missing / before the block"
	case '(':
		if top.token > 0 && s.tokens[top.token-1].Type == forToken && s.peek() == ';' {
			message, hint = "a for goes over a range or a map", forHint
		}
	case '<':
		hint = "missing >; inside ( ), [ ] and { } a > compares, and >> shifts"
	}
	s.fail(top.at, top.at+1, message, hint)
}
