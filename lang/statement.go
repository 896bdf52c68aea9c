package lang

import (
	"fmt"
	"slices"

	"github.com/alecthomas/participle/v2/lexer"
)

// simpleStatement is `target op value;` or `expression;`.
func (p *parser) simpleStatement() Statement {
	if !p.startsOperand() {
		return nil
	}
	x := p.expression()
	if token := p.lex.Peek(); token.Type == assignToken {
		return p.assignment(x, p.lex.Next())
	}
	p.endStatement(x)
	return &ExprStatement{X: x, Span: x.Range()}
}

func (p *parser) assignment(target Expr, op *lexer.Token) Statement {
	switch target.(type) {
	case *Variable, *Map:
	default:
		p.fail(target.Range(), fmt.Sprintf("cannot assign to %s", quote(target.Range().Text())),
			"only $variables and @maps hold values; == compares")
	}
	value := p.expression()
	if next := p.lex.Peek(); next.Type == assignToken {
		p.fail(p.tokenSpan(next), "an assignment has no value", "write two statements; == compares")
	}
	p.endStatement(value)
	return &Assign{
		Target: target,
		Op:     Operator(op.Value),
		OpSpan: p.tokenSpan(op),
		Value:  value,
		Span:   target.Range().To(value.Range()),
	}
}

// endStatement takes the semicolon, which the scanner supplies before the end of a block.
func (p *parser) endStatement(last Expr) {
	token := p.lex.Peek()
	if token.Type == semicolonToken {
		p.lex.Next()
		return
	}
	call, isCall := Unparen(last).(*Call)
	if isCall && token.Type == blockOpenToken {
		p.misspelt(call.NameSpan, call.Name)
	}
	if name, ok := last.(*Name); ok {
		p.misspelt(name.Span, name.Name)
	}
	if token.Type == commaToken || token.Type == operatorToken {
		p.failWith(p.unexpected(token))
	}
	before := p.tokenSpan(p.previous(token))
	end := Span{Source: p.source, Start: before.End, End: before.End}
	p.fail(end, "expected ; after "+quote(before.Text()), "statements end with ;")
}

var keywordNames = []string{"if", "else", "return"}

// misspelt fails with a better reason when name is close to a keyword or a keyword of C.
func (p *parser) misspelt(span Span, name string) {
	switch name {
	case "while", "for", "unroll", "do", "switch", "goto", "case", "let", "break", "continue":
		p.fail(span, fmt.Sprintf("%s is not part of the language", name), "")
	}
	if near := Nearest(name, slices.Values(keywordNames), 1); len(near) > 0 {
		p.fail(span, fmt.Sprintf("unexpected %s", quote(name)), didYouMean(near[0]))
	}
}

func (p *parser) condition() condition {
	x := p.expression()
	token := p.lex.Peek()
	if token.Type == blockOpenToken {
		return x
	}
	p.noBraces(x)
	p.noAssignment(token)
	if token.Value == ">" && token.Type == blockCloseToken {
		p.failWith(closedByComparison(p.tokenSpan(token)))
	}
	p.fail(p.gap(token), "expected { after the condition", "the actions of an if stand in { }")
	return nil
}

// noBraces sees through `if (x) @y = 1`, which reads like a cast of @y.
func (p *parser) noBraces(x Expr) {
	if cast, ok := x.(*Cast); ok && cast.Type.String() == cast.Type.Name && !typeWords[cast.Type.Name] {
		p.fail(cast.X.Range(), "expected { after the condition", "the actions of an if stand in { }")
	}
}

func (p *parser) predicate() predicate {
	if p.lex.Peek().Type != predicateOpenToken {
		return nil
	}
	open := p.lex.Next()
	if token := p.lex.Peek(); token.Type == predicateCloseToken {
		p.fail(p.tokenSpan(open).To(p.tokenSpan(token)), "this predicate is empty", "leave it out to take every event")
	}
	x := p.expression()
	token := p.lex.Peek()
	p.noAssignment(token)
	if token.Type != predicateCloseToken {
		p.fail(p.gap(token), "unexpected "+describe(token), "expected an operator, or / at the end of the predicate")
	}
	p.lex.Next()
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
	if token.Value == "=" {
		hint = "to compare, write =="
	}
	p.fail(p.tokenSpan(token), fmt.Sprintf("%s assigns, and a condition cannot", token.Value), hint)
}
