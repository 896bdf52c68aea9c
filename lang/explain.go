package lang

import (
	"fmt"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// unexpected explains a token that cannot stand where it does, by what stands before it.
func (p *parser) unexpected(token *lexer.Token) diag.Diagnostic {
	before := p.previous(token)
	switch {
	case token.Type == elseToken:
		return p.diagnostic(token, "this else has no if", "else follows the } of an if, without a semicolon")
	case token.Type == blockCloseToken && token.Value == ">" && before != nil && before.Type == operatorToken:
		return closedByComparison(p.tokenSpan(token))
	case before == nil:
		return p.diagnostic(token, "expected a probe", "")
	case p.tokens[0].Type == configToken:
		return p.diagnostic(token, "expected name = value", "settings end with ; or a new line")
	}
	if d, found := p.missing(before, token); found {
		return d
	}
	if token.Type == operatorToken && token.Value == ".." {
		return p.diagnostic(token, "a range stands only in a for", "write for ($i : 0..10) { ... }")
	}
	hint := ""
	switch {
	case token.Type == commaToken:
		hint = "statements end with ; and values together are a tuple: (a, b)"
	case token.Value == "/" && token.Type == operatorToken:
		hint = "a predicate stands before the block; inside of it, write if (condition) { ... }"
	}
	return p.diagnostic(token, "unexpected "+describe(token), hint)
}

// missing names what had to follow the token before.
func (p *parser) missing(before, token *lexer.Token) (d diag.Diagnostic, found bool) {
	gap := p.gap(token)
	switch {
	case before.Type == elseToken:
		return diag.Diagnostic{Span: gap, Message: "expected { or if after else"}, true
	case headNames[before.Type] != "":
		return diag.Diagnostic{Span: gap, Message: fmt.Sprintf("expected a %s after %s", headNames[before.Type], before.Value)}, true
	case wantsOperand(before):
		message := fmt.Sprintf("expected a value after %s", before.Value)
		if token.Value == "." && token.Type == operatorToken {
			return diag.Diagnostic{Span: gap, Message: NoFloating, Hint: FloatHint}, true
		}
		return diag.Diagnostic{Span: gap, Message: message, Hint: operandHint(before, token)}, true
	}
	return d, false
}

// headNames is what follows the keyword of a statement with a block.
var headNames = map[lexer.TokenType]string{
	ifToken:     "condition",
	whileToken:  "condition",
	unrollToken: "number of rounds",
}

func operandHint(before, token *lexer.Token) string {
	if before.Value == ">" && token.Type == blockCloseToken {
		return "put a comparison in parentheses: (a > b)"
	}
	return missingOperand(before, token)
}

func closedByComparison(span diag.Span) diag.Diagnostic {
	return diag.Diagnostic{Span: span, Message: "this > closes the block", Hint: "put a comparison in parentheses: (a > b)"}
}

func (p *parser) diagnostic(token *lexer.Token, message, hint string) diag.Diagnostic {
	return diag.Diagnostic{Span: p.gap(token), Message: message, Hint: hint}
}

// gap is the token's span, or the place behind the last token when this one has no width.
func (p *parser) gap(token *lexer.Token) diag.Span {
	span := p.tokenSpan(token)
	if span.Start < span.End {
		return span
	}
	if before := p.previous(token); before != nil {
		end := before.Pos.Offset + len(before.Value)
		return diag.Span{Source: p.source, Start: end, End: end}
	}
	return span
}

func describe(token *lexer.Token) string {
	switch {
	case token.EOF():
		return "end of the script"
	case token.Value == "":
		return "end of the block"
	}
	return quote(token.Value)
}

func endsOperand(token *lexer.Token) bool {
	switch token.Type {
	case wordToken, integerToken, stringToken, variableToken, positionalToken, countToken, mapToken, blockCloseToken:
		return true
	}
	return token.Type == operatorToken && !wantsOperand(token)
}

func wantsOperand(token *lexer.Token) bool {
	switch token.Type {
	case assignToken, commaToken, colonToken, comptimeToken:
		return true
	case operatorToken:
		return token.Value != ")" && token.Value != "]" && token.Value != "++" && token.Value != "--"
	}
	return false
}

// quote puts text into the marks that messages use for the script's words, shortened when
// long.
func quote(text string) string {
	const most = 40
	if line, _, cut := strings.Cut(text, "\n"); cut {
		text = line + "..."
	}
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most-3]) + "..."
	}
	return "'" + text + "'"
}

func didYouMean(name string) string { return fmt.Sprintf("did you mean %s?", name) }
