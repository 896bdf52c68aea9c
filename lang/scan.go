package lang

import (
	"fmt"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
	"github.com/ponytrace/ponytrace/lang/diag"
)

const (
	maxSize    = 4 << 20
	maxNesting = 200
)

// scanner turns a script into sections of tokens.
type scanner struct {
	source      *diag.Source
	text        string
	pos         int
	tokens      []lexer.Token
	sections    []section
	comments    []*Comment
	directives  []*Directive
	diagnostics diag.Diagnostics

	brackets  []bracket
	questions int  // `?` that still wait for their `:` in this statement
	first     int  // the index of the first token of the section at hand
	broken    bool // the section at hand has its diagnostic
	defining  bool // the section at hand is C, which has no words of ours

	conditions  []conditional
	defined     map[string]string // the text of each #define so far
	line        *Directive        // when this scanner is for one line
	commentsEnd int               // see lastClose
}

// section is the tokens of one clause or config block.
type section struct {
	first, end int // tokens[first:end]
	limit      int // byte offset behind the section
	broken     bool
}

// bracket is an open `{`, `<`, `(`, `[` or, for a predicate, `/`.
type bracket struct {
	kind      byte
	at        int
	token     int // the index of its token
	questions int // that waited when it was opened
}

func scan(source *diag.Source) *scanner {
	s := &scanner{source: source, text: source.Text}
	s.tokens = make([]lexer.Token, 0, len(s.text)/4+8)
	s.pos = len(s.text) - len(strings.TrimPrefix(s.text, "\ufeff"))
	s.shebang()
	for s.space(); s.pos < len(s.text); s.space() {
		s.section()
	}
	s.unclosedConditions()
	return s
}

func (s *scanner) section() {
	if s.peek() == ';' {
		s.pos++
		return
	}
	s.first, s.broken, s.defining, s.questions = len(s.tokens), false, false, 0
	switch {
	case s.atConfig():
		s.config()
	case s.atImport():
		s.importLine()
	case s.atDeclaration():
		s.declaration()
	case s.atDefinition():
		s.definition()
	default:
		s.clause()
	}
	s.brackets = s.brackets[:0]
	if len(s.tokens) > s.first {
		s.sections = append(s.sections, section{s.first, len(s.tokens), s.pos, s.broken})
	}
	s.broken = false
}

func (s *scanner) shebang() {
	if strings.HasPrefix(s.text[s.pos:], "#!") {
		s.comment(lineEnd(s.text, s.pos))
	}
}

func (s *scanner) atConfig() bool {
	end := wordEnd(s.text, s.pos)
	if s.text[s.pos:end] != "config" {
		return false
	}
	next := skipSpace(s.text, end)
	return next < len(s.text) && s.text[next] == '='
}

func (s *scanner) config() {
	s.take(configToken, len("config"))
	s.space()
	s.take(assignToken, 1)
	s.space()
	switch {
	case s.peek() == '{':
	case s.atForeign(s.pos):
		s.unknown()
		s.skipToHeader()
		return
	default:
		s.fail(s.pos, s.pos+1, "expected { after config =", "write config = { name = value }")
		s.skipToHeader()
		return
	}
	s.open(blockOpenToken)
	s.code()
}

// code scans tokens until every open bracket is closed.
func (s *scanner) code() {
	for len(s.brackets) > 0 {
		s.space()
		if s.pos == len(s.text) {
			s.unclosed()
			return
		}
		s.token()
	}
}

func (s *scanner) token() {
	switch c := s.peek(); {
	case isLetter(c):
		s.word()
	case isDigit(c):
		s.take(integerToken, wordEnd(s.text, s.pos)-s.pos)
	case c == '"':
		s.quoted()
	case c == '$':
		s.dollar()
	case c == '@':
		s.take(mapToken, s.nameEnd(s.pos+1)-s.pos)
	case strings.IndexByte("()[]{};", c) >= 0:
		s.bracket(c)
	case c == '/' && s.top() == '/' && s.closesPredicate():
		s.brackets = s.brackets[:0]
		s.take(predicateCloseToken, 1)
	default:
		s.operator()
	}
}

func (s *scanner) word() {
	end := wordEnd(s.text, s.pos)
	if s.startsClause(end) {
		s.unclosed()
		return
	}
	kind := wordToken
	if keyword, ok := keywords[s.text[s.pos:end]]; ok && !s.defining {
		kind = keyword
	}
	s.take(kind, end-s.pos)
}

// startsClause tells whether the word at hand begins the next clause although brackets
// are still open: outside of a ternary nothing else is a word and a colon where an
// operator or a line's end was due.
func (s *scanner) startsClause(end int) bool {
	if s.questions > 0 || s.brackets[0].kind == '#' || !looksLikeProbe(s.text, s.pos, end) {
		return false
	}
	return beginsLine(s.text, s.pos) || !wantsOperand(&s.tokens[len(s.tokens)-1])
}

func (s *scanner) quoted() {
	end := stringEnd(s.text, s.pos)
	if end < 0 {
		end = lineEnd(s.text, s.pos)
		s.fail(s.pos, end, "this string is never closed", `end it with " on the same line; write \n for a new line`)
		s.pos = end
		return
	}
	s.take(stringToken, end-s.pos)
}

func (s *scanner) dollar() {
	next := s.at(1)
	switch {
	case next == '#':
		s.take(countToken, 2)
	case isDigit(next):
		s.take(positionalToken, wordEnd(s.text, s.pos+1)-s.pos)
	case isLetter(next):
		s.take(variableToken, wordEnd(s.text, s.pos+1)-s.pos)
	case s.atForeign(s.pos + 1):
		s.pos++
		s.unknown()
	default:
		s.fail(s.pos, s.pos+1, "expected a name after $", "$x is a variable, $1 the first parameter, $# their number")
		s.pos++
	}
}

func (s *scanner) bracket(c byte) {
	switch c {
	case '(', '[':
		s.open(operatorToken)
	case ')', ']':
		s.closeGroup(c)
	case '{':
		s.openBrace()
	case '}':
		s.closeBrace()
	case ';':
		s.semicolon()
	}
}

func (s *scanner) closeGroup(c byte) {
	want := byte('(')
	if c == ']' {
		want = '['
	}
	if s.top() == want {
		s.brackets = s.brackets[:len(s.brackets)-1]
		s.take(operatorToken, 1)
		return
	}
	s.mismatched(c)
	s.pos++
}

func (s *scanner) mismatched(c byte) {
	top := s.brackets[len(s.brackets)-1]
	if top.kind != '(' && top.kind != '[' {
		s.fail(s.pos, s.pos+1, fmt.Sprintf("this %c closes nothing", c), "")
		return
	}
	s.fail(s.pos, s.pos+1, fmt.Sprintf("expected %s, found %c", closers[top.kind], c), "")
	s.brackets = s.brackets[:len(s.brackets)-1]
}

func (s *scanner) openBrace() {
	if s.top() == '/' {
		s.unclosed()
		return
	}
	s.open(blockOpenToken)
}

func (s *scanner) closeBrace() {
	s.unwind()
	switch s.top() {
	case '{':
		s.closeBlock()
	case '/':
		s.unclosed()
	default:
		s.fail(s.pos, s.pos+1, "this } closes nothing", "a block that begins with < ends with >")
		s.pos++
		s.brackets = s.brackets[:0]
	}
}

func (s *scanner) semicolon() {
	s.unwind()
	if s.top() == '/' {
		s.unclosed()
		return
	}
	s.questions = 0
	s.take(semicolonToken, 1)
}

// unwind drops the ( and [ that a `;` or `}` proves to be unclosed.
func (s *scanner) unwind() {
	for s.top() == '(' || s.top() == '[' {
		s.reportUnclosed()
		s.brackets = s.brackets[:len(s.brackets)-1]
	}
}

// closeBlock ends the last statement with a semicolon of no width when it has none of its
// own.
func (s *scanner) closeBlock() {
	switch last := s.tokens[len(s.tokens)-1]; last.Type {
	case semicolonToken, blockOpenToken:
	default:
		end := last.Pos.Offset + len(last.Value)
		s.keep(lexer.Token{Type: semicolonToken, Pos: lexer.Position{Offset: end}})
	}
	s.questions = s.brackets[len(s.brackets)-1].questions
	s.brackets = s.brackets[:len(s.brackets)-1]
	s.take(blockCloseToken, 1)
}

// closesPredicate looks behind a `/`: a block can follow a predicate, but `{` and `<`
// start no operand.
func (s *scanner) closesPredicate() bool {
	next := skipSpace(s.text, s.pos+1)
	rest := s.text[next:]
	return strings.HasPrefix(rest, "{") || strings.HasPrefix(rest, "<") && !strings.HasPrefix(rest, "<<")
}

// operators, longest first within a first character.
var operators = [256][]string{
	'<': {"<<=", "<<", "<=", "<"},
	'>': {">>=", ">>", ">=", ">"},
	'=': {"==", "=~", "="},
	'!': {"!=", "!~", "!"},
	'+': {"++", "+=", "+"},
	'-': {"--", "->", "-=", "-"},
	'*': {"*=", "*"},
	'/': {"/=", "/"},
	'%': {"%=", "%"},
	'&': {"&&", "&=", "&"},
	'|': {"||", "|=", "|"},
	'^': {"^=", "^"},
	'~': {"~"},
	'?': {"?"},
	':': {":"},
	',': {","},
	'.': {"..", "."},
}

func (s *scanner) operator() {
	for _, op := range operators[s.peek()] {
		if strings.HasPrefix(s.text[s.pos:], op) && (op[len(op)-1] != '~' || s.matches(op)) {
			s.takeOperator(op)
			return
		}
	}
	s.unknown()
}

// matches tells a ~ that ends =~ or !~ from the sign: `$x=~$y` assigns, and `!~$x` where
// a value is due has two signs.
func (s *scanner) matches(op string) bool {
	switch op {
	case "=~":
		next := s.at(2)
		return next == '"' || isBlank(next)
	case "!~":
		return len(s.tokens) > 0 && endsOperand(&s.tokens[len(s.tokens)-1])
	}
	return true
}

func (s *scanner) takeOperator(op string) {
	if op == ">" && s.top() == '<' {
		s.closeBlock()
		return
	}
	switch op {
	case ",":
		s.take(commaToken, 1)
	case "?":
		s.questions++
		s.take(operatorToken, 1)
	case ":":
		s.questions = max(s.questions-1, 0)
		s.take(colonToken, 1)
	case "=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=":
		s.take(assignToken, len(op))
	default:
		s.take(operatorToken, len(op))
	}
}

// space skips blanks, line ends, comments and lines of the preprocessor's, and keeps what
// it skips.
func (s *scanner) space() {
	for {
		s.pos = skipBlanks(s.text, s.pos)
		switch end := commentEnd(s.text, s.pos); {
		case end < 0:
			s.fail(s.pos, s.pos+2, "this comment is never closed", "end it with */")
			s.comment(len(s.text))
		case end > s.pos:
			s.comment(end)
		case s.atDirective():
			s.directive()
		case s.line != nil && continued(s.text, s.pos) > 0:
			s.pos = continued(s.text, s.pos)
		default:
			return
		}
	}
}

func (s *scanner) comment(end int) {
	text := strings.TrimRight(s.text[s.pos:end], " \t\r")
	s.comments = append(s.comments, &Comment{Text: text, Span: s.span(s.pos, s.pos+len(text))})
	s.pos = end
}

func (s *scanner) open(kind lexer.TokenType) {
	if len(s.brackets) == maxNesting {
		s.fail(s.pos, s.pos+1, fmt.Sprintf("more than %d brackets are open here", maxNesting), "")
	}
	s.brackets = append(s.brackets, bracket{s.peek(), s.pos, len(s.tokens), s.questions})
	if kind == blockOpenToken {
		s.questions = 0
	}
	s.take(kind, 1)
}

// take makes the next length bytes a token.
//
//go:noinline
func (s *scanner) take(kind lexer.TokenType, length int) {
	value := s.text[s.pos : s.pos+length]
	s.keep(lexer.Token{Type: kind, Value: value, Pos: lexer.Position{Offset: s.pos}})
	s.pos += length
}

// keep appends a token. A section that has its diagnostic is not parsed: of its tokens
// only the last is looked at.
//
//go:noinline
func (s *scanner) keep(t lexer.Token) {
	if n := len(s.tokens); s.broken && n > s.first {
		s.tokens[n-1] = t
		return
	}
	s.tokens = append(s.tokens, t)
}

func (s *scanner) peek() byte { return s.at(0) }

func (s *scanner) at(ahead int) byte {
	if s.pos+ahead < len(s.text) {
		return s.text[s.pos+ahead]
	}
	return 0
}

func (s *scanner) top() byte {
	if len(s.brackets) == 0 {
		return 0
	}
	return s.brackets[len(s.brackets)-1].kind
}

// nameEnd is wordEnd for a name that may be missing and must not start with a digit.
func (s *scanner) nameEnd(pos int) int {
	if pos < len(s.text) && isLetter(s.text[pos]) {
		return wordEnd(s.text, pos)
	}
	return pos
}

func (s *scanner) span(start, end int) diag.Span {
	return diag.Span{Source: s.source, Start: start, End: min(end, len(s.text))}
}

// fail reports the first error of a section; what follows it there is mostly its
// consequence.
//
//go:noinline
func (s *scanner) fail(start, end int, message, hint string) {
	if s.broken {
		return
	}
	s.broken = true
	s.report(start, end, message, hint)
}

//go:noinline
func (s *scanner) report(start, end int, message, hint string) {
	s.reportSpan(s.span(start, end), message, hint)
}

//go:noinline
func (s *scanner) reportSpan(span diag.Span, message, hint string) {
	s.add(diag.Diagnostic{Span: span, Message: message, Hint: hint})
}

func (s *scanner) add(d diag.Diagnostic) {
	if len(s.diagnostics) <= diag.MaxDiagnostics {
		s.diagnostics = append(s.diagnostics, d)
	}
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isBlank(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func wordEnd(text string, pos int) int {
	for pos < len(text) && (isLetter(text[pos]) || isDigit(text[pos])) {
		pos++
	}
	return pos
}

func lineEnd(text string, pos int) int {
	if end := strings.IndexByte(text[pos:], '\n'); end >= 0 {
		return pos + end
	}
	return len(text)
}

func skipBlanks(text string, pos int) int {
	for pos < len(text) && isBlank(text[pos]) {
		pos++
	}
	return pos
}

// skipSpace skips blanks and whole comments.
func skipSpace(text string, pos int) int {
	for {
		pos = skipBlanks(text, pos)
		end := commentEnd(text, pos)
		if end <= pos {
			return pos
		}
		pos = end
	}
}

// commentEnd returns pos where no comment begins, and -1 for a comment without an end.
func commentEnd(text string, pos int) int {
	switch rest := text[pos:]; {
	case strings.HasPrefix(rest, "//"):
		return lineEnd(text, pos)
	case strings.HasPrefix(rest, "/*"):
		end := strings.Index(rest[2:], "*/")
		if end < 0 {
			return -1
		}
		return pos + 2 + end + 2
	}
	return pos
}

// stringEnd returns the offset behind the closing quote, or -1 when the line has none.
func stringEnd(text string, pos int) int {
	for i := pos + 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1
		case '\n':
			return -1
		case '\\':
			i++
			if i < len(text) && text[i] == '\n' {
				return -1
			}
		}
	}
	return -1
}

func beginsLine(text string, pos int) bool {
	for pos > 0 && (text[pos-1] == ' ' || text[pos-1] == '\t') {
		pos--
	}
	return pos == 0 || text[pos-1] == '\n'
}
