package lang

import (
	"errors"
	"io"

	"github.com/alecthomas/participle/v2/lexer"
	"github.com/ponytrace/ponytrace/lang/diag"
)

const (
	wordToken lexer.TokenType = iota + 1
	integerToken
	stringToken
	variableToken
	positionalToken
	countToken
	mapToken
	operatorToken
	assignToken
	commaToken
	colonToken
	semicolonToken
	ifToken
	elseToken
	whileToken
	forToken
	unrollToken
	breakToken
	continueToken
	returnToken
	letToken
	comptimeToken
	fnToken
	macroToken
	configToken
	definitionToken
	importToken
	probeTextToken
	predicateOpenToken
	predicateCloseToken
	blockOpenToken
	blockCloseToken
)

// symbols are the names by which the grammar's tags call the tokens.
var symbols = map[string]lexer.TokenType{
	"EOF":            lexer.EOF,
	"Word":           wordToken,
	"Integer":        integerToken,
	"String":         stringToken,
	"Variable":       variableToken,
	"Positional":     positionalToken,
	"Count":          countToken,
	"Map":            mapToken,
	"Operator":       operatorToken,
	"Assign":         assignToken,
	"Comma":          commaToken,
	"Colon":          colonToken,
	"Semicolon":      semicolonToken,
	"If":             ifToken,
	"Else":           elseToken,
	"While":          whileToken,
	"For":            forToken,
	"Unroll":         unrollToken,
	"Config":         configToken,
	"Definition":     definitionToken,
	"Import":         importToken,
	"ProbeText":      probeTextToken,
	"PredicateOpen":  predicateOpenToken,
	"PredicateClose": predicateCloseToken,
	"BlockOpen":      blockOpenToken,
	"BlockClose":     blockCloseToken,
}

var keywords = map[string]lexer.TokenType{
	"if":       ifToken,
	"else":     elseToken,
	"while":    whileToken,
	"for":      forToken,
	"unroll":   unrollToken,
	"break":    breakToken,
	"continue": continueToken,
	"return":   returnToken,
	"let":      letToken,
	"comptime": comptimeToken,
}

// definition is the scanner behind participle's interface. The parser itself replays one
// section's tokens at a time, so that an error stays within its section.
type definition struct{}

func (definition) Symbols() map[string]lexer.TokenType { return symbols }

func (definition) Lex(name string, r io.Reader) (lexer.Lexer, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	s := scan(diag.NewSource(name, string(text)))
	if len(s.diagnostics) > 0 {
		return nil, errors.New(s.diagnostics[0].Message)
	}
	return &replay{tokens: s.tokens, end: len(text)}, nil
}

// replay is a lexer over tokens that are already there.
type replay struct {
	tokens []lexer.Token
	next   int
	end    int // offset of the end of file token
}

func (r *replay) Next() (lexer.Token, error) {
	if r.next == len(r.tokens) {
		return lexer.EOFToken(lexer.Position{Offset: r.end}), nil
	}
	r.next++
	return r.tokens[r.next-1], nil
}
