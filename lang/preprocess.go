package lang

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// predefined are the names that hold without a #define. Scripts ask for the first to
// leave out their own copies of kernel structures.
var predefined = map[string]string{"BPFTRACE_HAVE_BTF": "1"}

// ignored are the lines whose text means nothing here.
var ignored = map[string]bool{"include": true, "pragma": true, "error": true}

// conditional is an #if, #ifdef or #ifndef whose #endif is still to come.
type conditional struct {
	opened *Directive
	taken  bool       // one of the branches so far was
	last   *Directive // the #else
}

// atDirective tells whether a line of the preprocessor's begins here; within one, none
// does.
func (s *scanner) atDirective() bool {
	return s.peek() == '#' && s.line == nil && beginsLine(s.text, s.pos)
}

// directive scans one line, and the text behind it when that stands in a branch not
// taken.
func (s *scanner) directive() {
	start, word := s.pos, skipInline(s.text, s.pos+1)
	s.pos = s.wholeLineEnd(start)
	end := start + len(withoutTail(s.text[start:s.pos], s.pos == len(s.text)))
	d := &Directive{Keyword: s.text[word:wordEnd(s.text, word)], Span: s.span(start, end)}
	s.directives = append(s.directives, d)
	rest := s.within(d, min(word+len(d.Keyword), end))
	if !ignored[d.Keyword] {
		d.unreadable = s.unseenInLine(d, word)
	}
	switch d.Keyword {
	case "include", "pragma":
	case "define":
		s.define(d, rest)
	case "undef":
		if s.named(d, rest) {
			delete(s.definitions(), d.Name)
		}
	case "ifdef", "ifndef":
		_, defined := s.definitions()[rest.wordHere()]
		s.branch(d, s.named(d, rest) && defined == (d.Keyword == "ifdef"))
	case "if":
		value, known := s.decide(d, rest)
		s.branch(d, value)
		s.innermost(d).taken = value || !known
	case "elif", "else":
		s.otherBranch(d, rest)
	case "endif":
		s.endBranch(d)
	case "error":
		s.report(start, end, "the script says: "+strings.TrimSpace(s.text[word+len(d.Keyword):end]), "")
	default:
		s.unknownDirective(d)
	}
}

// withoutTail cuts off the blanks at the end of a line, and the backslashes that join
// only blanks or nothing to it.
func withoutTail(line string, last bool) string {
	for {
		cut := strings.TrimRight(line, " \t\r")
		joined := strings.TrimSuffix(strings.TrimSuffix(cut, "\\\n"), "\\\r\n")
		if last {
			joined = strings.TrimRight(joined, "\\")
		}
		if joined == line {
			return line
		}
		line = joined
	}
}

// keywordSpan is the `#` and the word behind it.
func (d *Directive) keywordSpan() diag.Span {
	span := d.Span
	span.End = span.Start + strings.Index(span.Text(), d.Keyword) + len(d.Keyword)
	return span
}

func (s *scanner) unknownDirective(d *Directive) {
	if d.unreadable {
		return
	}
	known := []string{"include", "pragma", "define", "undef", "ifdef", "ifndef", "if", "elif", "else", "endif", "error"}
	hint := "comments begin with //"
	if near := diag.Nearest(d.Keyword, slices.Values(known), 1); len(near) > 0 {
		hint = didYouMean("#" + near[0])
	}
	s.reportSpan(d.keywordSpan(), "#"+d.Keyword+" is no line of the preprocessor's", hint)
}

// within returns a scanner for the rest of a directive's line.
func (s *scanner) within(d *Directive, pos int) *scanner {
	rest := &scanner{source: s.source, text: s.text[:d.Span.End], pos: pos, line: d}
	rest.brackets = []bracket{{kind: '#', at: pos}}
	rest.space()
	return rest
}

func (s *scanner) wordHere() string { return s.text[s.pos:s.nameEnd(s.pos)] }

// named takes the name that follows a directive's keyword.
func (s *scanner) named(d *Directive, rest *scanner) bool {
	d.Name = rest.wordHere()
	d.NameSpan = s.span(rest.pos, rest.pos+len(d.Name))
	rest.pos += len(d.Name)
	if d.Name == "" && !d.unreadable {
		s.reportSpan(d.keywordSpan(), "expected a name after #"+d.Keyword, "")
	}
	return d.Name != ""
}

//go:noinline
func (s *scanner) definitions() map[string]string {
	if s.defined == nil {
		s.defined = make(map[string]string)
		for name, text := range predefined {
			s.defined[name] = text
		}
	}
	return s.defined
}

func (s *scanner) define(d *Directive, rest *scanner) {
	if !s.named(d, rest) {
		return
	}
	if rest.peek() == '(' {
		s.reportSpan(d.NameSpan, fmt.Sprintf("the #define of %s takes arguments", d.Name),
			fmt.Sprintf("write macro %s(...) { ... }", d.Name))
		return
	}
	rest.space()
	d.Text = s.span(rest.pos, d.Span.End)
	rest.lineTokens()
	if n := len(rest.tokens); n > 0 && !rest.broken {
		last := rest.tokens[n-1]
		d.Text.End = last.Pos.Offset + len(last.Value)
	}
	s.definitions()[d.Name] = d.Text.Text()
}

// branch opens a condition.
func (s *scanner) branch(d *Directive, taken bool) {
	s.conditions = append(s.conditions, conditional{opened: d, taken: taken})
	if !taken {
		s.skip(d)
	}
}

func (s *scanner) otherBranch(d *Directive, rest *scanner) {
	open := s.innermost(d)
	if open == nil {
		return
	}
	if open.last != nil {
		s.add(diag.Diagnostic{
			Span:    d.keywordSpan(),
			Message: fmt.Sprintf("this #%s stands behind the #else", d.Keyword),
			Related: []diag.Related{{Span: open.last.keywordSpan(), Message: "the #else"}},
		})
	}
	if d.Keyword == "else" {
		open.last = d
	}
	taken, known := !open.taken, true
	if taken && d.Keyword == "elif" {
		taken, known = s.decide(d, rest)
	}
	open.taken = open.taken || taken || !known
	if !taken {
		s.skip(d)
	}
}

func (s *scanner) endBranch(d *Directive) {
	if s.innermost(d) != nil {
		s.conditions = s.conditions[:len(s.conditions)-1]
	}
}

// innermost is the condition that d belongs to, or nil after a message.
func (s *scanner) innermost(d *Directive) *conditional {
	if len(s.conditions) == 0 {
		s.reportSpan(d.keywordSpan(), fmt.Sprintf("this #%s has no #if", d.Keyword), "")
		return nil
	}
	return &s.conditions[len(s.conditions)-1]
}

func (s *scanner) unclosedConditions() {
	for _, open := range s.conditions {
		s.reportSpan(open.opened.keywordSpan(), fmt.Sprintf("this #%s is never closed", open.opened.Keyword), "missing #endif")
	}
}

// skip goes to the line that ends the branch, which is an #else, #elif or #endif.
func (s *scanner) skip(d *Directive) {
	start := min(s.pos+1, len(s.text))
	for depth := 0; depth >= 0 && s.nextLine(); {
		switch s.keywordOfLine() {
		case "if", "ifdef", "ifndef":
			depth++
		case "endif":
			depth--
		case "else", "elif":
			if depth == 0 {
				depth = -1
			}
		}
	}
	if end := s.pos; end > start {
		d.Skipped = s.span(start, start+len(strings.TrimSuffix(s.text[start:end], "\n")))
	}
}

func (s *scanner) nextLine() bool {
	s.pos = s.wholeLineEnd(s.pos)
	if s.pos == len(s.text) {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) keywordOfLine() string {
	pos := skipInline(s.text, s.pos)
	if pos == len(s.text) || s.text[pos] != '#' {
		return ""
	}
	word := skipInline(s.text, pos+1)
	return s.text[word:wordEnd(s.text, word)]
}

// wholeLineEnd is the end of the line that pos stands in, behind the lines that a
// backslash or a comment joins to it.
func (s *scanner) wholeLineEnd(pos int) int {
	unclosed := 0 // up to here no other string ends, since an earlier one did not
	for pos < len(s.text) && s.text[pos] != '\n' {
		next := pos + 1
		switch s.text[pos] {
		case '\\':
			next = max(next, continued(s.text, pos))
		case '"':
			if pos < unclosed {
				break
			}
			if next = stringEnd(s.text, pos); next < 0 {
				next, unclosed = pos+1, lineEnd(s.text, pos)
			}
		case '/':
			if strings.HasPrefix(s.text[next:], "/") || pos+2 <= s.lastClose() {
				next = max(next, commentEnd(s.text, pos))
			}
		}
		pos = next
	}
	return pos
}

// lastClose is the offset of the last end of a comment, so that what only looks like the
// beginning of one, such as a path with a wildcard, is looked up once and not for each.
func (s *scanner) lastClose() int {
	if s.commentsEnd == 0 {
		s.commentsEnd = 1 + strings.LastIndex(s.text, "*/")
		if s.commentsEnd == 0 {
			s.commentsEnd = -1
		}
	}
	return s.commentsEnd - 1
}

// continued returns the offset behind a backslash and the line end after it, or -1.
func continued(text string, pos int) int {
	switch rest := text[pos:]; {
	case strings.HasPrefix(rest, "\\\n"):
		return pos + 2
	case strings.HasPrefix(rest, "\\\r\n"):
		return pos + 3
	}
	return -1
}

// decide tells whether the condition of an #if or #elif holds. It is not known after a
// message about it, and then none of the branches is taken, because what they hold would
// only cause more messages.
func (s *scanner) decide(d *Directive, rest *scanner) (value, known bool) {
	rest.lineTokens()
	c := &decision{scanner: s, line: d, tokens: rest.tokens}
	value = !rest.broken && c.or()
	if rest.broken || c.next < len(c.tokens) {
		c.fail()
	}
	return value && !c.failed, !c.failed
}

// lineTokens scans what is left of a directive's line.
func (s *scanner) lineTokens() {
	for s.space(); s.pos < len(s.text) && !s.broken; s.space() {
		s.token()
	}
	s.broken = s.broken || len(s.brackets) != 1
}

// decision evaluates a condition while it reads it.
type decision struct {
	scanner *scanner
	line    *Directive
	tokens  []lexer.Token
	next    int
	failed  bool
}

func (c *decision) or() bool {
	value := c.and()
	for c.take("||") {
		value = c.and() || value
	}
	return value
}

func (c *decision) and() bool {
	value := c.not()
	for c.take("&&") {
		value = c.not() && value
	}
	return value
}

func (c *decision) not() bool {
	negated := false
	for c.take("!") {
		negated = !negated
	}
	return c.operand() != negated
}

func (c *decision) operand() bool {
	if c.take("(") {
		value := c.or()
		c.expect(")")
		return value
	}
	switch token := c.take1(); {
	case token.Type == integerToken:
		return c.number(token.Value)
	case token.Value == "defined":
		return c.isDefined()
	case token.Type == wordToken:
		text, defined := c.scanner.definitions()[token.Value]
		return defined && c.number(text)
	}
	c.fail()
	return false
}

func (c *decision) isDefined() bool {
	parenthesis := c.take("(")
	name := c.take1()
	if name.Type != wordToken {
		c.fail()
	}
	if parenthesis {
		c.expect(")")
	}
	_, defined := c.scanner.definitions()[name.Value]
	return defined
}

func (c *decision) number(text string) bool {
	value, err := strconv.ParseUint(strings.Trim(text, "()"), 0, 64)
	if err != nil {
		c.fail()
	}
	return value != 0
}

func (c *decision) take(operator string) bool {
	if c.next < len(c.tokens) && c.tokens[c.next].Value == operator {
		c.next++
		return true
	}
	return false
}

// take1 returns any token, and one without a type at the end.
func (c *decision) take1() lexer.Token {
	if c.next == len(c.tokens) {
		return lexer.Token{}
	}
	c.next++
	return c.tokens[c.next-1]
}

func (c *decision) expect(operator string) {
	if !c.take(operator) {
		c.fail()
	}
}

// span is that of the condition, or of the keyword when there is none.
func (c *decision) span() diag.Span {
	span := c.line.keywordSpan()
	if n := len(c.tokens); n > 0 {
		span.Start, span.End = c.tokens[0].Pos.Offset, c.tokens[n-1].Pos.Offset+len(c.tokens[n-1].Value)
	}
	return span
}

func (c *decision) fail() {
	if !c.failed && !c.line.unreadable {
		c.scanner.reportSpan(c.span(), "this condition cannot be decided",
			fmt.Sprintf("#%s takes numbers, names of a #define with a number, defined(NAME), !, && and ||", c.line.Keyword))
	}
	c.failed = true
}

// directives returns the lines with what the #defines among them stand for.
func (p *parser) directives(s *scanner) []*Directive {
	for _, d := range s.directives {
		if d.Text.Source != nil {
			p.defined(s, d)
		}
	}
	return s.directives
}

// defined reads the text of a #define as an expression and as a type. That it is neither
// is no error: it may be meant for a condition or for nobody.
func (p *parser) defined(s *scanner, d *Directive) {
	rest := s.within(d, d.Text.Start)
	rest.lineTokens()
	if rest.broken || len(rest.tokens) == 0 {
		return
	}
	p.tokens = rest.tokens
	d.Value = whole(p, d, (*parser).expression)
	d.Type = whole(p, d, func(p *parser) *TypeName {
		if p.lex.Peek().Type != wordToken {
			return nil
		}
		name, _ := p.typeName()
		return name
	})
}

// whole returns what parse makes of p's tokens, or nothing when it does not take them
// all.
func whole[T any](p *parser, d *Directive, parse func(*parser) T) (node T) {
	var nothing T
	err := p.start(d.Span.End)
	if err != nil {
		return nothing
	}
	func() {
		defer catch(&err)
		node = parse(p)
	}()
	if err != nil || !p.lex.Peek().EOF() {
		return nothing
	}
	return node
}
