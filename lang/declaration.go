package lang

import (
	"fmt"

	"github.com/alecthomas/participle/v2/lexer"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// declarationWords begin what is declared between clauses.
var declarationWords = map[string]lexer.TokenType{"let": letToken, "fn": fnToken, "macro": macroToken}

// atDeclaration takes the word for a keyword unless it is part of a probe.
func (s *scanner) atDeclaration() bool {
	word := s.wordHere()
	return declarationWords[word] != 0 && s.at(len(word)) != ':'
}

// declaration scans the head and the block of a function or macro, and a map's up to its
// semicolon.
func (s *scanner) declaration() {
	start, word := s.pos, s.wordHere()
	s.brackets = append(s.brackets, bracket{kind: '#', at: start})
	s.take(declarationWords[word], len(word))
	for s.space(); len(s.brackets) > 0; s.space() {
		switch {
		case s.pos == len(s.text) || s.atNextSection():
			s.headEnds(start, word)
		case s.peek() == ';' && (s.top() == '(' || s.top() == '['):
			s.headEnds(start, word)
			s.pos++
		case len(s.brackets) > 1:
			s.token()
		case s.peek() == '{' && word != "let":
			s.brackets = s.brackets[:0]
			s.open(blockOpenToken)
			s.code()
		case s.peek() == ';' && word == "let":
			s.take(semicolonToken, 1)
			return
		case s.peek() == ';' || s.peek() == '}' || s.peek() == '{':
			s.headEnds(start, word)
			s.pos = lineEnd(s.text, s.pos)
		default:
			s.token()
		}
	}
}

// headEnds gives up where a head cannot go on. The parser finds what a let lacks.
func (s *scanner) headEnds(start int, word string) {
	switch {
	case len(s.brackets) > 1:
		s.reportUnclosed()
	case word != "let":
		s.fail(start, start+len(word), fmt.Sprintf("this %s has no block", word), declarationHints[word])
	}
	s.brackets = s.brackets[:0]
}

const (
	mapHint      = "write let @name = lruhash(1000);"
	functionHint = "write fn name($a : uint64) : uint64 { ... }"
	macroHint    = "write macro name($variable, @map, expression) { ... }"
)

var declarationHints = map[string]string{"let": mapHint, "fn": functionHint, "macro": macroHint}

// mapDeclaration adds `let @name = kind(size);`, whose semicolon may be left out.
func (p *parser) mapDeclaration(script *Script) {
	keyword := p.next()
	name := p.lex.Peek()
	switch name.Type {
	case mapToken:
	case variableToken:
		p.fail(p.tokenSpan(keyword).To(p.tokenSpan(name)), "a $variable is declared inside of a block", "outside, let declares a map: let @name = lruhash(1000);")
	default:
		p.fail(p.gap(name), "expected a @map after let", mapHint)
	}
	p.next()
	m := &MapDeclaration{Map: &Map{Name: name.Value[1:], Span: p.tokenSpan(name)}}
	if p.lex.Peek().Value != "=" {
		p.fail(p.gap(p.lex.Peek()), "expected = and the kind of the map", mapHint)
	}
	p.next()
	kind := p.lex.Peek()
	if kind.Type != wordToken {
		p.fail(p.gap(kind), "expected the kind of the map", mapHint)
	}
	m.Kind, m.KindSpan = kind.Value, p.tokenSpan(p.next())
	if !p.at("(") {
		p.fail(p.gap(p.lex.Peek()), "expected ( and the size of the map", mapHint)
	}
	args, end := p.list(p.open(), ")", p.expression)
	m.Args, m.Span = args, p.tokenSpan(keyword).To(end)
	if token := p.lex.Peek(); !token.EOF() && token.Type != semicolonToken {
		p.fail(end, "expected ; after )", "")
	}
	script.Maps = append(script.Maps, m)
}

// function adds `fn name($a : type, ...) : type { ... }`.
func (p *parser) function(script *Script) {
	keyword := p.next()
	f := &Function{}
	f.Name, f.NameSpan = p.declaredName(keyword)
	p.parameters(keyword, func() { f.Params = append(f.Params, p.param()) })
	if p.lex.Peek().Type == colonToken {
		p.next()
		f.Result = p.requiredType()
	}
	f.Body = p.braces(keyword)
	f.Span = p.tokenSpan(keyword).To(f.Body.Span)
	script.Functions = append(script.Functions, f)
}

// macro adds `macro name($v, @m, e) { ...; value }`. One without parameters may lack the
// parentheses.
func (p *parser) macro(script *Script) {
	keyword := p.next()
	m := &Macro{}
	m.Name, m.NameSpan = p.declaredName(keyword)
	if p.lex.Peek().Type != blockOpenToken {
		p.parameters(keyword, func() { m.Params = append(m.Params, p.macroParam()) })
	}
	m.Body = p.blockExpr(p.braces(keyword))
	m.Span = p.tokenSpan(keyword).To(m.Body.Span)
	script.Macros = append(script.Macros, m)
}

func (p *parser) declaredName(keyword *lexer.Token) (string, diag.Span) {
	name := p.lex.Peek()
	if _, reserved := keywords[name.Value]; reserved {
		p.fail(p.tokenSpan(name), name.Value+" is a word of the language, and names nothing else", "")
	}
	if name.Type != wordToken {
		p.fail(p.gap(name), "expected a name after "+keyword.Value, declarationHints[keyword.Value])
	}
	return name.Value, p.tokenSpan(p.next())
}

// parameters is `(parameter, ...)`. No two have the same text.
func (p *parser) parameters(keyword *lexer.Token, parameter func()) {
	if !p.at("(") {
		p.fail(p.gap(p.lex.Peek()), "expected ( and the parameters", declarationHints[keyword.Value])
	}
	open := p.open()
	seen := map[string]bool{}
	for more := !p.at(")"); more; more = p.comma() {
		token := p.lex.Peek()
		if seen[token.Value] {
			p.fail(p.tokenSpan(token), "a parameter "+token.Value+" is there already", "")
		}
		seen[token.Value] = true
		parameter()
	}
	if !p.at(")") {
		p.fail(p.gap(p.lex.Peek()), "unexpected "+describe(p.lex.Peek()), "expected a comma or ) after a parameter")
	}
	p.close(open, ")")
}

func (p *parser) param() *Param {
	token := p.lex.Peek()
	if token.Type != variableToken {
		p.fail(p.gap(token), "expected a $variable for the parameter", functionHint)
	}
	param := &Param{Variable: p.variable(p.next())}
	if p.lex.Peek().Type != colonToken {
		p.fail(p.gap(p.lex.Peek()), "expected : and the type of "+token.Value, functionHint)
	}
	p.next()
	param.Type = p.requiredType()
	param.Span = param.Variable.Span.To(param.Type.Span)
	return param
}

func (p *parser) macroParam() Expr {
	switch token := p.lex.Peek(); token.Type {
	case variableToken:
		return p.variable(p.next())
	case mapToken:
		return &Map{Name: token.Value[1:], Span: p.tokenSpan(p.next())}
	case wordToken:
		return &Name{Name: token.Value, Span: p.tokenSpan(p.next())}
	default:
		p.fail(p.gap(token), "expected a parameter: a $variable, a @map or a name", macroHint)
		return nil
	}
}

func (p *parser) braces(keyword *lexer.Token) *Block {
	if token := p.lex.Peek(); token.Type != blockOpenToken {
		p.fail(p.gap(token), fmt.Sprintf("unexpected %s before the block", describe(token)), declarationHints[keyword.Value])
	}
	return p.block(p.valueRule().Block)
}
