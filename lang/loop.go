package lang

import "github.com/alecthomas/participle/v2/lexer"

const forHint = "write for ($i : 0..10) { ... } or for ($kv : @map) { ... }"

// loopHead is what stands before the block of a loop: `while cond`, `for ($i : a..b)`,
// `unroll (n)`.
func (p *parser) loopHead() loopHead {
	switch token := p.lex.Peek(); token.Type {
	case whileToken:
		p.next()
		return &While{Cond: p.condition(), Span: p.tokenSpan(token)}
	case unrollToken:
		p.next()
		return &Unroll{Count: p.condition(), Span: p.tokenSpan(token)}
	case forToken:
		return p.forHead(p.next())
	}
	return nil
}

func (p *parser) forHead(keyword *lexer.Token) loopHead {
	var open *lexer.Token
	if p.at("(") {
		open = p.open()
	}
	loop := &For{Variable: p.loopVariable(), Span: p.tokenSpan(keyword)}
	p.inHead(func() { p.loopRange(loop) })
	if open != nil {
		p.close(open, ")")
	}
	if token := p.lex.Peek(); token.Type != blockOpenToken {
		p.closesBlock(token)
		p.fail(p.gap(token), "expected { after the range of the for", "the actions of a for stand in { }")
	}
	return loop
}

// loopVariable takes `$i :`.
func (p *parser) loopVariable() *Variable {
	token := p.lex.Peek()
	if token.Type != variableToken {
		p.fail(p.gap(token), "expected a $variable after for", forHint)
	}
	variable := p.variable(p.next())
	colon := p.lex.Peek()
	if colon.Type != colonToken {
		p.fail(p.gap(colon), "expected : after "+token.Value, forHint)
	}
	p.next()
	return variable
}

func (p *parser) loopRange(loop *For) {
	first := p.expression()
	if p.at("..") {
		p.next()
		loop.Low, loop.High = first, p.expression()
		return
	}
	m, isMap := first.(*Map)
	switch {
	case !isMap:
		p.fail(first.Range(), "a for goes over a range or a map, not "+quote(first.Range().Text()), forHint)
	case m.Keys != nil:
		p.fail(first.Range(), "a for goes over a whole map, not one key of it", "write @"+m.Name)
	}
	loop.Map = m
}

func (s *While) loop(body *Block) Statement {
	s.Body, s.Span = body, s.Span.To(body.Span)
	return s
}

func (s *For) loop(body *Block) Statement {
	s.Body, s.Span = body, s.Span.To(body.Span)
	return s
}

func (s *Unroll) loop(body *Block) Statement {
	s.Body, s.Span = body, s.Span.To(body.Span)
	return s
}
