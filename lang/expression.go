package lang

import (
	"fmt"
	"strconv"

	"github.com/alecthomas/participle/v2/lexer"
	"github.com/ponytrace/ponytrace/lang/diag"
)

const maxOperators = 1000

// precedence of the infix operators: C's.
var precedence = map[string]int{
	"||": 1,
	"&&": 2,
	"|":  3,
	"^":  4,
	"&":  5,
	"==": 6, "!=": 6, "=~": 6, "!~": 6,
	"<": 7, "<=": 7, ">": 7, ">=": 7,
	"<<": 8, ">>": 8,
	"+": 9, "-": 9,
	"*": 10, "/": 10, "%": 10,
}

// expression is a conditional expression, the loosest kind.
func (p *parser) expression() Expr {
	p.descend()
	defer p.ascend()
	cond := p.binary(1)
	if !p.at("?") {
		return cond
	}
	p.next()
	var x Expr
	if p.lex.Peek().Type != colonToken {
		x = p.expression()
	}
	if token := p.lex.Peek(); token.Type != colonToken {
		p.fail(p.gap(token), "expected : and the other value of ?", "write cond ? a : b")
	}
	p.next()
	y := p.expression()
	return &Ternary{Cond: cond, X: x, Y: y, Span: cond.Range().To(y.Range())}
}

// binary climbs: it takes operators of at least the given precedence.
func (p *parser) binary(least int) Expr {
	x := p.unary()
	for count := 0; ; count++ {
		op := p.lex.Peek()
		level := precedence[op.Value]
		if op.Type != operatorToken || level < least || level == 0 {
			return x
		}
		p.tooLong(count, op)
		p.next()
		y := p.binary(level + 1)
		x = &Binary{Op: Operator(op.Value), OpSpan: p.tokenSpan(op), X: x, Y: y, Span: x.Range().To(y.Range())}
	}
}

func (p *parser) unary() Expr {
	p.descend()
	defer p.ascend()
	token := p.lex.Peek()
	if token.Type == comptimeToken {
		return p.prefixed(p.next())
	}
	if token.Type != operatorToken {
		return p.postfix(p.primary())
	}
	switch token.Value {
	case "-", "!", "~", "*", "&":
		return p.prefixed(p.next())
	case "++", "--":
		p.next()
		return p.incDec(p.unary(), token, true)
	case "+":
		hint := "leave it out"
		if p.previous(token).Type == assignToken {
			hint = "leave it out; to add, write +="
		}
		p.fail(p.tokenSpan(token), "there is no + sign before a value", hint)
	}
	return p.postfix(p.primary())
}

func (p *parser) prefixed(op *lexer.Token) Expr {
	x := p.unary()
	return &Unary{Op: Operator(op.Value), X: x, Span: p.tokenSpan(op).To(x.Range())}
}

func (p *parser) incDec(x Expr, op *lexer.Token, prefix bool) Expr {
	switch x.(type) {
	case *Variable, *Map:
	default:
		p.fail(x.Range(), fmt.Sprintf("%s changes a $variable or a @map, not %s", op.Value, quote(x.Range().Text())), "")
	}
	span := x.Range().To(p.tokenSpan(op))
	if prefix {
		span = p.tokenSpan(op).To(x.Range())
	}
	return &IncDec{X: x, Op: Operator(op.Value), Prefix: prefix, Span: span}
}

func (p *parser) postfix(x Expr) Expr {
	for count := 0; ; count++ {
		token := p.lex.Peek()
		if token.Type != operatorToken {
			return x
		}
		switch token.Value {
		case ".", "->":
			x = p.field(x, p.next())
		case "[":
			x = p.index(x)
		case "++", "--":
			x = p.incDec(x, p.next(), false)
		case "(":
			p.fail(x.Range(), fmt.Sprintf("%s is not a function", quote(x.Range().Text())), noFunction(x))
		default:
			return x
		}
		p.tooLong(count, token)
	}
}

// field takes a name, or the number of a tuple's element.
func (p *parser) field(x Expr, op *lexer.Token) Expr {
	p.noDTraceVariable(x, op)
	name := p.lex.Peek()
	switch name.Type {
	case wordToken:
	case integerToken:
		p.noFloat(x, name)
		p.tupleIndex(name)
	default:
		if _, keyword := keywords[name.Value]; !keyword {
			p.fail(p.gap(name), fmt.Sprintf("expected a field name after %s", op.Value), memberHint(name))
		}
	}
	span := p.tokenSpan(p.next())
	return &Field{X: x, Name: name.Value, NameSpan: span, Arrow: op.Value == "->", Span: x.Range().To(span)}
}

func memberHint(token *lexer.Token) string {
	if token.Value == "*" {
		return "what a member points at is *p->member"
	}
	return ""
}

func (p *parser) tupleIndex(token *lexer.Token) {
	if _, err := strconv.ParseUint(token.Value, 10, 31); err != nil {
		p.fail(p.tokenSpan(token), "expected a field name or the number of a tuple's element", "")
	}
}

func (p *parser) index(x Expr) Expr {
	open := p.open()
	i := p.expression()
	end := p.close(open, "]")
	return &Index{X: x, I: i, Span: x.Range().To(end)}
}

func (p *parser) primary() Expr {
	token := p.lex.Peek()
	switch token.Type {
	case wordToken:
		return p.nameOrCall()
	case integerToken:
		return p.integer(token)
	case stringToken:
		return p.stringLiteral(token)
	case variableToken:
		return p.variable(p.next())
	case positionalToken:
		return p.positional(token)
	case countToken:
		p.next()
		return &PositionalCount{Span: p.tokenSpan(token)}
	case mapToken:
		return p.mapAccess()
	case operatorToken:
		if token.Value == "(" {
			return p.parenthesis()
		}
	case ifToken:
		return p.blockOrIf()
	case blockOpenToken:
		if p.head != p.groups {
			return p.blockOrIf()
		}
	}
	p.failWith(p.unexpected(token))
	return nil
}

func (p *parser) variable(token *lexer.Token) *Variable {
	return &Variable{Name: token.Value[1:], Span: p.tokenSpan(token)}
}

// argument is a value, a type, or a number with a fraction.
func (p *parser) argument() Expr {
	if p.lex.Peek().Type == integerToken {
		if x := p.decimal(); x != nil {
			return x
		}
	}
	return p.typeOrValue()
}

func (p *parser) nameOrCall() Expr {
	name := p.next()
	span := p.tokenSpan(name)
	if !p.at("(") {
		return &Name{Name: name.Value, Span: span}
	}
	args, end := p.list(p.open(), ")", p.argument)
	return &Call{Name: name.Value, NameSpan: span, Args: args, Span: span.To(end)}
}

func (p *parser) mapAccess() Expr {
	token := p.next()
	m := &Map{Name: token.Value[1:], Span: p.tokenSpan(token)}
	if !p.at("[") {
		return m
	}
	open := p.open()
	keys, end := p.list(open, "]", p.expression)
	if len(keys) == 0 {
		p.fail(p.tokenSpan(open).To(end), "a map needs a key between [ and ]", "")
	}
	m.Keys, m.Span = keys, m.Span.To(end)
	return m
}

func (p *parser) positional(token *lexer.Token) Expr {
	index, err := strconv.ParseUint(token.Value[1:], 10, 31)
	if err != nil || index == 0 {
		p.fail(p.tokenSpan(token), fmt.Sprintf("%s is not a parameter", token.Value), "the first is $1, their number is $#")
	}
	p.next()
	return &Positional{Index: int(index), Span: p.tokenSpan(token)}
}

// parenthesis is a cast, a record, a tuple or an expression in parentheses.
func (p *parser) parenthesis() Expr {
	open := p.open()
	if typeName := p.castType(); typeName != nil {
		x := p.unary()
		return &Cast{Type: typeName, X: x, Span: p.tokenSpan(open).To(x.Range())}
	}
	if p.atRecord() {
		return p.record(open)
	}
	if p.at(")") {
		p.fail(p.tokenSpan(open).To(p.close(open, ")")), "expected a value between ( and )", "")
	}
	return p.parenOrTuple(open)
}

// parenOrTuple lets a comma stand behind the last element; one element is a tuple only
// with it.
func (p *parser) parenOrTuple(open *lexer.Token) Expr {
	elems := []Expr{p.expression()}
	comma := false
	for comma = p.comma(); comma && !p.at(")"); comma = p.comma() {
		elems = append(elems, p.expression())
	}
	span := p.tokenSpan(open).To(p.close(open, ")"))
	if len(elems) == 1 && !comma {
		return &Paren{X: elems[0], Span: span}
	}
	return &Tuple{Elems: elems, Span: span}
}

// atRecord looks for `name =`.
func (p *parser) atRecord() bool {
	if p.lex.Peek().Type != wordToken {
		return false
	}
	start := p.lex.MakeCheckpoint()
	p.next()
	defer p.lex.LoadCheckpoint(start)
	return p.lex.Peek().Value == "="
}

func (p *parser) record(open *lexer.Token) Expr {
	r := &Record{}
	names := map[string]bool{}
	for more := true; more && !p.at(")"); more = p.comma() {
		field := p.recordField()
		if names[field.Name] {
			p.fail(field.NameSpan, "this record has a field "+field.Name+" already", "")
		}
		names[field.Name] = true
		r.Fields = append(r.Fields, field)
	}
	r.Span = p.tokenSpan(open).To(p.close(open, ")"))
	return r
}

func (p *parser) recordField() RecordField {
	name := p.lex.Peek()
	if !p.atRecord() {
		p.fail(p.gap(name), "expected name = value, as in the fields before", "a record is (name = value, ...), a tuple (value, ...)")
	}
	p.next()
	p.next()
	return RecordField{Name: name.Value, NameSpan: p.tokenSpan(name), Value: p.expression()}
}

// comma takes a comma when there is one.
func (p *parser) comma() bool {
	if p.lex.Peek().Type != commaToken {
		return false
	}
	p.next()
	return true
}

// list is `element, ...` up to the closing bracket, whose span it returns too.
func (p *parser) list(open *lexer.Token, closer string, element func() Expr) ([]Expr, diag.Span) {
	var list []Expr
	for more := !p.at(closer); more; more = p.comma() {
		list = append(list, element())
	}
	return list, p.close(open, closer)
}

// open takes a ( or [.
func (p *parser) open() *lexer.Token {
	p.groups++
	return p.next()
}

// close takes the closing bracket and returns its span.
func (p *parser) close(open *lexer.Token, closer string) diag.Span {
	if p.at(closer) {
		p.groups--
		return p.tokenSpan(p.next())
	}
	token := p.lex.Peek()
	if token.Type == assignToken {
		p.fail(p.tokenSpan(token), fmt.Sprintf("%s cannot stand inside %s %s", token.Value, open.Value, closer), "to compare, write ==")
	}
	hint := "expected an operator, a comma or " + closer
	if open.Value == "[" && token.Type == commaToken {
		hint = "a key of several parts is for a map, whose name begins with @"
	}
	p.fail(p.gap(token), "unexpected "+describe(token), p.habitOr(token, hint))
	return diag.Span{}
}

// startsOperand tells whether an expression can begin here.
func (p *parser) startsOperand() bool {
	token := p.lex.Peek()
	switch token.Type {
	case wordToken, integerToken, stringToken, variableToken, positionalToken, countToken, mapToken, comptimeToken:
		return true
	case operatorToken:
		switch token.Value {
		case "(", "-", "!", "~", "*", "&", "++", "--", "+":
			return true
		}
	}
	return false
}

//go:noinline
func (p *parser) at(operator string) bool {
	token := p.lex.Peek()
	return token.Type == operatorToken && token.Value == operator
}

func (p *parser) descend() {
	p.depth++
	if p.depth > 2*maxNesting+2 {
		p.fail(p.tokenSpan(p.lex.Peek()), fmt.Sprintf("this expression is nested more than %d levels deep", maxNesting), "use a $variable for a part of it")
	}
}

func (p *parser) ascend() { p.depth-- }

// tooLong limits what descend does not see: chains that nest to the left.
func (p *parser) tooLong(count int, op *lexer.Token) {
	if count == maxOperators {
		p.fail(p.tokenSpan(op), fmt.Sprintf("this expression has more than %d operators", maxOperators), "use a $variable for a part of it")
	}
}
