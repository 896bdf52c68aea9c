package lang

import (
	"errors"
	"fmt"
	"sort"
	"sync"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Parse returns the settings and clauses of source that are well formed, and a message
// for each clause that is not. The Diagnostics are nil when there is nothing to say.
func Parse(source *diag.Source) (*Script, diag.Diagnostics) {
	script := &Script{Source: source}
	if len(source.Text) > maxSize {
		return script, diag.Diagnostics{{Message: fmt.Sprintf("the script %s is larger than %d bytes, the limit", source.Name, maxSize)}}
	}
	p := parsers.Get().(*parser)
	p.source, p.diagnostics = source, nil
	s := scan(source)
	p.sections(script, s)
	script.Directives, script.Comments = p.directives(s), s.comments
	diagnostics := append(s.diagnostics, p.diagnostics...).Sorted()
	p.source, p.diagnostics, p.tokens = nil, nil, nil
	parsers.Put(p)
	return script, diagnostics.Limited()
}

// parsers are kept because building a grammar takes longer than parsing a line with it.
var parsers = sync.Pool{New: func() any {
	p := &parser{}
	p.grammar = newGrammar(p)
	return p
}}

// parser holds what the grammar's functions need to know beyond the tokens.
type parser struct {
	grammar     *participle.Parser[sectionRule]
	source      *diag.Source
	tokens      []lexer.Token // of the section at hand
	lex         *lexer.PeekingLexer
	depth       int // of the expression at hand
	groups      int // open ( and [
	head        int // the groups that are open around the head of a statement at hand, or -1
	failure     *syntaxError
	diagnostics diag.Diagnostics
}

// syntaxError ends the parsing of a section.
type syntaxError struct{ diag.Diagnostic }

func (e *syntaxError) Error() string { return e.Message }

func (p *parser) sections(script *Script, s *scanner) {
	for _, section := range s.sections {
		if !section.broken && len(p.diagnostics) <= diag.MaxDiagnostics {
			p.section(script, s.tokens[section.first:section.end], section.limit)
		}
	}
}

// section adds a section to the script, or its first error to the diagnostics.
func (p *parser) section(script *Script, tokens []lexer.Token, limit int) {
	p.tokens, p.failure = tokens, nil
	if err := p.add(script, limit); err != nil {
		p.diagnostics = append(p.diagnostics, p.diagnose(err))
	}
}

func (p *parser) add(script *Script, limit int) (err error) {
	defer catch(&err)
	if err := p.start(limit); err != nil {
		return err
	}
	if declare := declarations[p.tokens[0].Type]; declare != nil {
		declare(p, script)
		return nil
	}
	rule, err := p.grammar.ParseFromLexer(p.lex)
	switch {
	case err != nil:
		return err
	case rule.Config != nil:
		p.addSettings(script, rule.Config)
	default:
		p.addClause(script, rule.Clause)
	}
	return nil
}

// declarations are the sections that their first word tells.
var declarations = map[lexer.TokenType]func(*parser, *Script){
	letToken:        (*parser).mapDeclaration,
	fnToken:         (*parser).function,
	macroToken:      (*parser).macro,
	definitionToken: (*parser).definition,
	importToken:     (*parser).importLine,
}

// start makes the parser ready for its tokens; behind them is the offset end.
func (p *parser) start(end int) (err error) {
	p.lex, err = lexer.Upgrade(&replay{tokens: p.tokens, end: end})
	p.depth, p.groups, p.head = 0, 0, -1
	return err
}

func (p *parser) addClause(script *Script, rule *clauseRule) {
	before := len(p.diagnostics)
	clause := p.clause(rule)
	if len(p.diagnostics) == before {
		script.Clauses = append(script.Clauses, clause)
	}
}

// catch is the one door for panics: the parser's own failures, and those of participle,
// which reports some errors so. Anything else is our bug, and must not cost the user the
// session.
func catch(err *error) {
	switch cause := recover().(type) {
	case nil:
	case *syntaxError:
		*err = cause
	case participle.Error:
		*err = cause
	default:
		*err = fmt.Errorf("internal error: %v", cause)
	}
}

// entry makes a function of the parser one that participle calls. It matches nothing, and
// lets participle try what else may stand here, when the function returns nil before
// taking a token.
func entry[T any](p *parser, parse func() T) func(*lexer.PeekingLexer) (T, error) {
	return func(lex *lexer.PeekingLexer) (node T, err error) {
		defer catch(&err)
		p.lex = lex
		if node = parse(); any(node) == nil {
			return node, participle.NextMatch
		}
		return node, nil
	}
}

// diagnose prefers the parser's own failure: participle tries other alternatives after
// one that failed at its first token, and then knows only that none matched.
func (p *parser) diagnose(err error) diag.Diagnostic {
	var syntax *syntaxError
	if errors.As(err, &syntax) {
		return syntax.Diagnostic
	}
	var unexpected *participle.UnexpectedTokenError
	if errors.As(err, &unexpected) {
		if p.failure != nil && p.failure.Span.Start >= unexpected.Unexpected.Pos.Offset {
			return p.failure.Diagnostic
		}
		return p.unexpected(&unexpected.Unexpected)
	}
	first := p.tokenSpan(&p.tokens[0])
	return diag.Diagnostic{Span: first, Message: "cannot read this clause: " + err.Error()}
}

// report adds a message without giving the section up.
func (p *parser) report(span diag.Span, message, hint string) {
	p.diagnostics = append(p.diagnostics, diag.Diagnostic{Span: span, Message: message, Hint: hint})
}

// fail gives the section up.
//
//go:noinline
func (p *parser) fail(span diag.Span, message, hint string) {
	p.failWith(diag.Diagnostic{Span: span, Message: message, Hint: hint})
}

//go:noinline
func (p *parser) failWith(d diag.Diagnostic) {
	p.failure = &syntaxError{d}
	panic(p.failure)
}

// next takes a token. Inlined, what participle does for it is 250 bytes at each of the
// places that take one.
//
//go:noinline
func (p *parser) next() *lexer.Token { return p.lex.Next() }

//go:noinline
func (p *parser) tokenSpan(token *lexer.Token) diag.Span {
	start := token.Pos.Offset
	return diag.Span{Source: p.source, Start: start, End: start + len(token.Value)}
}

// previous returns the token before the given one, or nil.
func (p *parser) previous(token *lexer.Token) *lexer.Token {
	index := sort.Search(len(p.tokens), func(i int) bool { return p.tokens[i].Pos.Offset >= token.Pos.Offset })
	if index == 0 {
		return nil
	}
	return &p.tokens[index-1]
}
