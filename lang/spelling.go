package lang

import (
	"fmt"
	"maps"
	"slices"

	"github.com/alecthomas/participle/v2/lexer"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Scripts come from the hands of people who write C, bpftrace's language, DTrace's,
// Python and shell. What they write by habit is a syntax error here; these functions find
// out which habit it was.

// wordOperators are operators that are words elsewhere.
var wordOperators = map[string]string{
	"and": "write &&", "or": "write ||", "not": "write !", "is": "write ==", "eq": "write ==", "ne": "write !=",
	"in": "whether a map has a key is has_key(@map, key)", "exists": "whether a map has a key is has_key(@map, key)",
}

// foreignKeywords begin statements that are not there.
var foreignKeywords = map[string]string{
	"do": "while (condition) { ... } repeats a block", "switch": "write if ... else if ...", "case": "write if ... else if ...",
	"goto": "return ends a clause, break a loop", "elif": "write else if", "elsif": "write else if", "elseif": "write else if",
	"foreach": "write for ($kv : @map) { ... }", "try": "what cannot be read is 0",
	"function": "write fn name($a : uint64) : uint64 { ... } outside of the clauses",
}

// ForeignKeyword returns what serves here in the place of a keyword or an operator of other
// languages.
func ForeignKeyword(word string) (hint string, known bool) {
	if hint, known = foreignKeywords[word]; known {
		return hint, true
	}
	hint, known = wordOperators[word]
	return hint, known
}

// ForeignKeywords are the words that ForeignKeyword knows.
func ForeignKeywords() []string {
	words := slices.AppendSeq(slices.Collect(maps.Keys(foreignKeywords)), maps.Keys(wordOperators))
	slices.Sort(words)
	return slices.Compact(words)
}

// declarators are words that begin the declaration of a variable elsewhere.
var declarators = map[string]bool{
	"const": true, "static": true, "volatile": true, "register": true, "extern": true,
	"auto": true, "var": true, "local": true, "my": true,
}

// habit suggests what was meant by a token that stands behind a whole operand.
func (p *parser) habit(token *lexer.Token) string {
	before := p.previous(token)
	if before == nil {
		return ""
	}
	if hint := wordOperators[token.Value]; hint != "" && token.Type == wordToken {
		return hint
	}
	switch {
	case before.Type == wordToken && before.Value == "not":
		return wordOperators["not"]
	case before.Type == stringToken && token.Type == stringToken:
		return "texts are joined by str_concat(a, b)"
	case token.Value == "~":
		return "to match a pattern, write =~"
	case token.Type == colonToken:
		return "for ($kv : @map) goes over a map; a choice is c ? a : b"
	case before.Type == wordToken && (token.Type == variableToken || token.Type == stringToken || tags[token.Value]):
		return fmt.Sprintf("a call has parentheses: %s(...)", before.Value)
	}
	return ""
}

// habitOr is the habit, or else another hint.
func (p *parser) habitOr(token *lexer.Token, hint string) string {
	if found := p.habit(token); found != "" {
		return found
	}
	return hint
}

// missingOperand suggests what was meant by an operator that no value follows.
func missingOperand(before, token *lexer.Token) string {
	switch before.Value + " " + token.Value {
	case "== =":
		return "write =="
	case "!= =":
		return "write !="
	case "< >":
		return "write !="
	case "=~ /":
		return `a pattern is a text in quotes: =~ "*name*"`
	case "/ /":
		return "two conditions are joined by &&: /a && b/"
	case "= [":
		return "values together are a tuple: (1, 2, 3)"
	}
	return ""
}

// noDeclaration refuses the declarations of other languages, such as `int x = 1`. The
// name is what follows the type.
func (p *parser) noDeclaration(first diag.Span, word string, name *lexer.Token) {
	if !declarators[word] && !namesType(word) && !tags[word] || name.Type != wordToken {
		return
	}
	kind, variable := "type", name.Value
	switch {
	case tags[word]:
		kind, variable = word+" "+name.Value+" *", "name"
	case namesType(variable):
		kind, variable = variable, "name"
	case namesType(word):
		kind = word
	}
	p.fail(first.To(p.tokenSpan(name)), "variables begin with $, and their types stand behind",
		fmt.Sprintf("write $%[1]s = value, or let $%[1]s : %[2]s = value", variable, kind))
}

// noPointerDeclaration does so with `char *s = "x"`, which reads as a product.
func (p *parser) noPointerDeclaration(target Expr) {
	product, ok := target.(*Binary)
	if !ok || product.Op != "*" {
		return
	}
	word, typed := product.X.(*Name)
	name, named := product.Y.(*Name)
	if !typed || !named || !namesType(word.Name) {
		return
	}
	p.fail(target.Range(), "variables begin with $, and their types stand behind",
		fmt.Sprintf("write $%[1]s = value, or let $%[1]s : %[2]s * = value", name.Name, word.Name))
}

// unended suggests what was meant where a statement goes on behind a whole expression.
func (p *parser) unended(last Expr, token *lexer.Token) string {
	switch last := last.(type) {
	case *Variable:
		if token.Type == colonToken {
			return fmt.Sprintf("a type stands in a declaration: let $%s : type", last.Name)
		}
	case *Map:
		switch {
		case token.Type == blockOpenToken:
			return fmt.Sprintf("keys stand in [ ]: @%s[key]", last.Name)
		case token.Type == wordToken && len(last.Keys) == 0:
			return fmt.Sprintf("to assign, write @%s = ...", last.Name)
		}
	case *Name:
		if p.startsOperand() {
			return fmt.Sprintf("a call has parentheses: %s(...)", last.Name)
		}
	}
	return p.habitOr(token, "statements end with ;")
}

// noFunction suggests what was meant by a call of what is no name.
func noFunction(x Expr) string {
	switch x := x.(type) {
	case *Map:
		return fmt.Sprintf("keys stand in [ ]: @%s[key]", x.Name)
	case *Field:
		if m, ok := x.X.(*Map); ok {
			return fmt.Sprintf("a function is called by its name alone: @%s = %s(...), or %s(@%s, ...)", m.Name, x.Name, x.Name, m.Name)
		}
		return "a function is called by its name alone"
	}
	return ""
}

// noFloat refuses `1.5`, which reads as part 5 of 1.
func (p *parser) noFloat(x Expr, name *lexer.Token) {
	if number, ok := x.(*Integer); ok && name.Type == integerToken {
		p.fail(number.Span.To(p.tokenSpan(name)), NoFloating, FloatHint)
	}
}

// Messages for numbers with a fraction, where they have no meaning.
const (
	NoFloating = "programs in the kernel have no floating point"
	FloatHint  = "compute with integers, in smaller units or by a fraction: n * 3 / 2"
)
