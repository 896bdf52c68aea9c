package lang

import (
	"cmp"
	"sync"

	"github.com/alecthomas/participle/v2/lexer"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/lang/order"
)

// Token is a word, sign or comment of a script.
type Token struct {
	Kind string // Word, Integer, String, Variable, Map, Operator, BlockOpen ...
	Text string // as written
	Span diag.Span
}

// Tokens returns what the scanner makes of a script, in its order. What it refuses is
// left out: Parse has the message.
func Tokens(source *diag.Source) []Token {
	if len(source.Text) > maxSize {
		return nil
	}
	s := scan(source)
	list := make([]Token, 0, len(s.tokens)+len(s.comments))
	for _, token := range s.tokens {
		if token.Value == "" { // the scanner's own, where a semicolon may be left out
			continue
		}
		start := token.Pos.Offset
		span := diag.Span{Source: source, Start: start, End: start + len(token.Value)}
		list = append(list, Token{kindNames()[token.Type], token.Value, span})
	}
	for _, comment := range s.comments {
		list = append(list, Token{"Comment", comment.Span.Text(), comment.Span})
	}
	order.Stable(list, func(a, b Token) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	return list
}

// kindNames are those of the grammar's tags, and more for the words that no tag needs.
var kindNames = sync.OnceValue(func() map[lexer.TokenType]string {
	names := map[lexer.TokenType]string{
		breakToken: "Break", continueToken: "Continue", returnToken: "Return", letToken: "Let",
		comptimeToken: "Comptime", fnToken: "Function", macroToken: "Macro",
	}
	for name, kind := range symbols {
		names[kind] = name
	}
	return names
})
