package lang

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// simpleStatement is a statement that ends with a semicolon.
func (p *parser) simpleStatement() Statement {
	switch token := p.lex.Peek(); token.Type {
	case letToken:
		return p.let(p.next())
	case returnToken:
		return p.returnStatement(p.next())
	case breakToken:
		return &Break{Span: p.jump(p.next())}
	case continueToken:
		return &Continue{Span: p.jump(p.next())}
	}
	if !p.startsOperand() {
		return nil
	}
	x := p.expression()
	if token := p.lex.Peek(); token.Type == assignToken {
		return p.assignment(x, p.next())
	}
	p.endStatement(x)
	return &ExprStatement{X: x, Span: x.Range()}
}

// let is `let $x`, with or without a type and a value.
func (p *parser) let(keyword *lexer.Token) Statement {
	token := p.lex.Peek()
	switch token.Type {
	case variableToken:
	case mapToken:
		p.fail(p.tokenSpan(keyword).To(p.tokenSpan(token)), "a map is declared outside of the blocks", "maps need no let: assign to "+token.Value)
	default:
		p.fail(p.gap(token), "expected a $variable after let", "write let $x = value; or let $x : type;")
	}
	variable := p.variable(p.next())
	s := &Let{Variable: variable, Span: p.tokenSpan(keyword).To(variable.Span)}
	if p.lex.Peek().Type == colonToken {
		p.next()
		s.Type = p.requiredType()
		s.Span = s.Span.To(s.Type.Span)
	}
	if token := p.lex.Peek(); token.Type == assignToken {
		p.plainAssign(token, s.Type)
		s.Value = p.assigned()
		s.Span = s.Span.To(s.Value.Range())
	}
	p.endStatement(nil)
	return s
}

// plainAssign takes the = of a declaration. The scanner joins it with the `*` that a type
// may end with.
func (p *parser) plainAssign(op *lexer.Token, declared *TypeName) {
	switch {
	case op.Value == "=":
	case op.Value == "*=" && declared != nil && declared.Array < 0:
		declared.Pointers++
		declared.Span.End = op.Pos.Offset + 1
	default:
		p.fail(p.tokenSpan(op), fmt.Sprintf("%s changes a value that is there, and let declares a new one", op.Value), "write =")
	}
	p.next()
}

func (p *parser) returnStatement(keyword *lexer.Token) Statement {
	s := &Return{Span: p.tokenSpan(keyword)}
	if p.lex.Peek().Type != semicolonToken {
		s.Value = p.expression()
		s.Span = s.Span.To(s.Value.Range())
	}
	p.endStatement(s.Value)
	return s
}

// jump ends a break or continue and returns its span.
func (p *parser) jump(keyword *lexer.Token) diag.Span {
	p.endStatement(nil)
	return p.tokenSpan(keyword)
}

// assignment is `target op value` or `_ = value`.
func (p *parser) assignment(target Expr, op *lexer.Token) Statement {
	discard := isDiscard(target, op)
	switch target.(type) {
	case *Variable, *Map:
	default:
		if !discard {
			p.noPointerDeclaration(target)
			p.fail(target.Range(), fmt.Sprintf("cannot assign to %s", quote(target.Range().Text())), p.assignHint(op))
		}
	}
	value := p.assigned()
	p.endStatement(value)
	if discard {
		return &Discard{Value: value, Span: target.Range().To(value.Range())}
	}
	return &Assign{
		Target: target,
		Op:     Operator(op.Value),
		OpSpan: p.tokenSpan(op),
		Value:  value,
		Span:   target.Range().To(value.Range()),
	}
}

func (p *parser) assignHint(op *lexer.Token) string {
	if p.matchMeant(op) {
		return matchHint
	}
	return "only $variables and @maps hold values; == compares"
}

const matchHint = "to match a pattern, put a space behind =~"

// matchMeant sees `=~` where the scanner took two tokens.
func (p *parser) matchMeant(op *lexer.Token) bool {
	return strings.HasPrefix(p.source.Text[op.Pos.Offset:], "=~")
}

func isDiscard(target Expr, op *lexer.Token) bool {
	name, isName := target.(*Name)
	return isName && name.Name == "_" && op.Value == "="
}

// assigned is the value of an assignment.
func (p *parser) assigned() Expr {
	value := p.expression()
	if next := p.lex.Peek(); next.Type == assignToken {
		p.fail(p.tokenSpan(next), "an assignment has no value", "write two statements; == compares")
	}
	return value
}

// endStatement takes the semicolon, which the scanner supplies before the end of a block.
func (p *parser) endStatement(last Expr) {
	token := p.lex.Peek()
	if token.Type == semicolonToken {
		p.next()
		return
	}
	call, isCall := last.(*Call)
	if isCall && token.Type == blockOpenToken {
		p.misspelt(call.NameSpan, call.Name)
	}
	if name, ok := last.(*Name); ok {
		p.noDeclaration(name.Span, name.Name, token)
		p.misspelt(name.Span, name.Name)
	}
	if token.Type == commaToken || token.Type == operatorToken {
		p.failWith(p.unexpected(token))
	}
	before := p.tokenSpan(p.previous(token))
	end := diag.Span{Source: p.source, Start: before.End, End: before.End}
	p.fail(end, "expected ; after "+quote(before.Text()), p.unended(last, token))
}

var keywordNames = slices.Sorted(maps.Keys(keywords))

// misspelt fails with a better reason when name is close to a keyword or a keyword of C.
func (p *parser) misspelt(span diag.Span, name string) {
	switch name {
	case "fn", "macro":
		p.fail(span, fmt.Sprintf("a %s stands outside of the blocks", name), declarationHints[name])
	}
	if hint := foreignKeywords[name]; hint != "" {
		p.fail(span, fmt.Sprintf("%s is not part of the language", name), hint)
	}
	if near := diag.Nearest(name, slices.Values(keywordNames), 1); len(near) > 0 {
		p.fail(span, fmt.Sprintf("unexpected %s", quote(name)), didYouMean(near[0]))
	}
}

// condition is what stands between the keyword of an if, while or unroll and its block.
func (p *parser) condition() condition {
	first := p.lex.Peek()
	if first.Type == blockOpenToken {
		p.failWith(p.unexpected(first))
	}
	keyword := p.previous(first)
	var x Expr
	p.inHead(func() { x = p.expression() })
	p.noRecord(x)
	token := p.lex.Peek()
	if token.Type == blockOpenToken {
		return x
	}
	p.noBraces(x, keyword)
	p.noAssignment(token)
	p.closesBlock(token)
	p.failWith(noBlock(p.gap(token), keyword))
	return nil
}

// inHead parses what stands before a block: a `{` outside of any group begins the block
// and no value.
func (p *parser) inHead(parse func()) {
	outer := p.head
	p.head = p.groups
	parse()
	p.head = outer
}

// noRecord says what is wrong with `if (x = 1)`.
func (p *parser) noRecord(x Expr) {
	if record, ok := Unparen(x).(*Record); ok {
		p.fail(record.Span, "= assigns, and a condition cannot", "to compare, write ==")
	}
}

// noBraces sees through `if (x) @y = 1`, which reads like a cast of @y.
func (p *parser) noBraces(x Expr, keyword *lexer.Token) {
	if cast, ok := x.(*Cast); ok && cast.Type.String() == cast.Type.Name && !typeWords[cast.Type.Name] {
		p.failWith(noBlock(cast.X.Range(), keyword))
	}
}

func noBlock(span diag.Span, keyword *lexer.Token) diag.Diagnostic {
	article := "a "
	switch keyword.Type {
	case ifToken, unrollToken:
		article = "an "
	}
	return diag.Diagnostic{Span: span, Message: "expected { after the " + headNames[keyword.Type], Hint: "the actions of " + article + keyword.Value + " stand in { }"}
}

// closesBlock finds the comparison that was meant where a `>` ended the block.
func (p *parser) closesBlock(token *lexer.Token) {
	if token.Value == ">" && token.Type == blockCloseToken {
		p.failWith(closedByComparison(p.tokenSpan(token)))
	}
}

func (p *parser) predicate() predicate {
	if p.lex.Peek().Type != predicateOpenToken {
		return nil
	}
	open := p.next()
	if token := p.lex.Peek(); token.Type == predicateCloseToken {
		p.fail(p.tokenSpan(open).To(p.tokenSpan(token)), "this predicate is empty", "leave it out to take every event")
	}
	x := p.expression()
	token := p.lex.Peek()
	p.noRecord(x)
	p.noAssignment(token)
	if token.Type != predicateCloseToken {
		p.fail(p.gap(token), "unexpected "+describe(token), p.habitOr(token, "expected an operator, or / at the end of the predicate"))
	}
	p.next()
	return x
}

// parameter is `$1`, `$#` or `(expression)` in a probe.
func (p *parser) parameter() parameter {
	switch token := p.lex.Peek(); {
	case token.Type == positionalToken, token.Type == countToken, p.at("("):
		return p.primary()
	}
	return nil
}

func (p *parser) settingValue() settingValue {
	switch token := p.lex.Peek(); token.Type {
	case integerToken, stringToken, wordToken:
		return p.primary()
	default:
		p.fail(p.gap(token), "expected the setting's value: a number, a name or a string", "")
		return nil
	}
}

// noAssignment says so when a single = stands where a comparison was meant.
func (p *parser) noAssignment(token *lexer.Token) {
	if token.Type != assignToken {
		return
	}
	hint := ""
	switch {
	case p.matchMeant(token):
		hint = matchHint
	case token.Value == "=":
		hint = "to compare, write =="
	}
	p.fail(p.tokenSpan(token), fmt.Sprintf("%s assigns, and a condition cannot", token.Value), hint)
}
