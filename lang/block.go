package lang

import (
	"fmt"
	"sort"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// valueRule is a block or an if where a value is wanted. No section is one: expressions
// enter the grammar by it again.
type valueRule struct {
	Block *blockRule `parser:"  @@"`
	If    *ifRule    `parser:"| @@"`
}

// valueRule takes the statements of a value through the grammar.
func (p *parser) valueRule() *valueRule {
	lex := p.lex
	rule, err := p.grammar.ParseFromLexer(lex, participle.AllowTrailing(true))
	p.lex = lex
	if err != nil {
		p.failWith(p.diagnose(err))
	}
	return rule.Value
}

// blockOrIf is `{ statements; value }` or `if cond { value } else { value }`.
func (p *parser) blockOrIf() Expr {
	var statement Statement
	if rule := p.valueRule(); rule.Block != nil {
		statement = p.block(rule.Block)
	} else {
		statement = p.ifStatement(rule.If)
	}
	x := p.valueOf(statement)
	if x == nil {
		p.failWith(p.noValue(statement))
	}
	return x
}

// valueOf reads a statement as the value of the block that it ends, and is nil where it
// has none.
func (p *parser) valueOf(statement Statement) Expr {
	switch s := statement.(type) {
	case *ExprStatement:
		return s.X
	case *Block:
		if b := p.blockExpr(s); b.Value != nil {
			return b
		}
	case *If:
		return p.ifValue(s)
	}
	return nil
}

// blockExpr makes the last statement the value when no semicolon follows it.
func (p *parser) blockExpr(b *Block) *BlockExpr {
	x := &BlockExpr{Statements: b.Statements, Span: b.Span}
	if last := len(b.Statements) - 1; last >= 0 && !p.ended(b.Statements[last]) {
		if x.Value = p.valueOf(b.Statements[last]); x.Value != nil {
			x.Statements = b.Statements[:last]
		}
	}
	return x
}

// ifValue is nil unless every branch has a value, and there is an else.
func (p *parser) ifValue(s *If) Expr {
	first := &Ternary{}
	t := first
	for count := 0; ; count++ {
		if count == maxOperators {
			p.fail(s.Cond.Range(), fmt.Sprintf("this if has a value and more than %d branches", maxOperators), "look the value up in a @map")
		}
		then := p.blockExpr(s.Then)
		*t = Ternary{Cond: s.Cond, X: then, If: true, Span: s.Span}
		switch next := s.Else.(type) {
		case *If:
			link := &Ternary{}
			t.Y, t, s = link, link, next
		case *Block:
			other := p.blockExpr(next)
			t.Y = other
			if then.Value == nil || other.Value == nil {
				return nil
			}
			return first
		default:
			return nil
		}
		if then.Value == nil {
			return nil
		}
	}
}

// ended tells whether the script has a semicolon behind the statement, which must be a
// block's last.
func (p *parser) ended(s Statement) bool {
	return p.after(s.Range().End).Value == ";"
}

// after is the first token at or behind an offset.
func (p *parser) after(offset int) *lexer.Token {
	return &p.tokens[sort.Search(len(p.tokens), func(i int) bool { return p.tokens[i].Pos.Offset >= offset })]
}

// noValue finds the block or if that keeps a statement from having a value.
func (p *parser) noValue(statement Statement) diag.Diagnostic {
	switch s := statement.(type) {
	case *Block:
		return p.noBlockValue(s)
	case *If:
		for {
			if p.blockExpr(s.Then).Value == nil {
				return p.noBlockValue(s.Then)
			}
			next, chained := s.Else.(*If)
			if !chained {
				break
			}
			s = next
		}
		if s.Else == nil {
			return diag.Diagnostic{Span: s.Span, Message: "this if has no value when its condition is false", Hint: "add else { value }"}
		}
		return p.noValue(s.Else)
	}
	return diag.Diagnostic{Span: statement.Range(), Message: "this statement has no value", Hint: valueHint}
}

const valueHint = "the value of a block is its last expression, without a semicolon: { $x = 1; $x + 1 }"

func (p *parser) noBlockValue(b *Block) diag.Diagnostic {
	if len(b.Statements) == 0 {
		return diag.Diagnostic{Span: b.Span, Message: "this block is empty and has no value", Hint: valueHint}
	}
	last := b.Statements[len(b.Statements)-1]
	if !p.ended(last) {
		return p.noValue(last)
	}
	span := last.Range()
	span.End = p.after(span.End).Pos.Offset + 1
	return diag.Diagnostic{Span: span, Message: "this block has no value", Hint: "its value is the last expression: leave out the semicolon behind it"}
}
