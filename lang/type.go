package lang

import (
	"strconv"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
)

// typeWords are the words that name a type by themselves or together ("unsigned long").
var typeWords = map[string]bool{
	"int8": true, "int16": true, "int32": true, "int64": true,
	"uint8": true, "uint16": true, "uint32": true, "uint64": true,
	"int8_t": true, "int16_t": true, "int32_t": true, "int64_t": true,
	"uint8_t": true, "uint16_t": true, "uint32_t": true, "uint64_t": true,
	"u8": true, "u16": true, "u32": true, "u64": true,
	"s8": true, "s16": true, "s32": true, "s64": true,
	"__u8": true, "__u16": true, "__u32": true, "__u64": true,
	"__s8": true, "__s16": true, "__s32": true, "__s64": true,
	"bool": true, "char": true, "short": true, "int": true, "long": true,
	"signed": true, "unsigned": true, "void": true,
	"string": true, "buffer": true, "_Bool": true,
	"__le16": true, "__le32": true, "__le64": true, "__be16": true, "__be32": true, "__be64": true,
	"uint": true, "ulong": true, "ushort": true, "u_char": true, "u_short": true, "u_int": true, "u_long": true,
}

var tags = map[string]bool{"struct": true, "union": true, "enum": true}

// namesType reports a word that can be nothing but a type: one of typeWords, or one that
// ends as C's names of types do.
func namesType(word string) bool { return typeWords[word] || strings.HasSuffix(word, "_t") }

// castType takes `type)` when that is what stands behind a `(`; else it returns nil and
// takes nothing.
func (p *parser) castType() *TypeName {
	if p.lex.Peek().Type != wordToken {
		return nil
	}
	start := p.lex.MakeCheckpoint()
	word := p.lex.Peek().Value
	typeName, certain := p.typeName()
	if typeName != nil && p.at(")") {
		p.next()
		if certain || p.startsCastOperand() {
			p.groups--
			return typeName
		}
	}
	p.onlyType(word, typeName)
	p.lex.LoadCheckpoint(start)
	return nil
}

// onlyType refuses what begins with a word of types alone and goes on wrongly. So nothing
// long is parsed twice.
func (p *parser) onlyType(word string, name *TypeName) {
	if !tags[word] && word != "typeof" {
		return
	}
	if name == nil {
		p.incompleteType(p.lex.Peek())
	}
	p.fail(p.gap(p.lex.Peek()), "expected ) after the type "+name.String(), "")
}

// typeOrValue takes an argument, which may be a type where no value can be meant.
func (p *parser) typeOrValue() Expr {
	if name := p.typeArgument(); name != nil {
		return &TypeExpr{Type: name, Span: name.Span}
	}
	return p.expression()
}

func (p *parser) typeArgument() *TypeName {
	start := p.lex.MakeCheckpoint()
	if !p.mayBeType() {
		return nil
	}
	word := p.lex.Peek().Value
	name, certain := p.typeName()
	if name != nil && certain && !name.word() && (p.at(")") || p.lex.Peek().Type == commaToken) {
		return name
	}
	p.onlyType(word, name)
	p.lex.LoadCheckpoint(start)
	return nil
}

// mayBeType tells by the next two tokens.
func (p *parser) mayBeType() bool {
	token := p.lex.Peek()
	if token.Type != wordToken {
		return false
	}
	start := p.lex.MakeCheckpoint()
	p.next()
	defer p.lex.LoadCheckpoint(start)
	return namesType(token.Value) || tags[token.Value] || token.Value == "typeof" || p.at("*")
}

// word tells whether the type is a single word, which could be a value.
func (t *TypeName) word() bool {
	return t.Tag == "" && t.Of == nil && t.Pointers == 0 && t.Array < 0 && strings.IndexByte(t.Name, ' ') < 0
}

// requiredType takes the type that must stand here.
func (p *parser) requiredType() *TypeName {
	if token := p.lex.Peek(); token.Type != wordToken {
		p.fail(p.gap(token), "expected a type", typeHint)
	}
	name, _ := p.typeName()
	if name == nil {
		p.incompleteType(p.lex.Peek())
	}
	return name
}

func (p *parser) incompleteType(token *lexer.Token) {
	message := "expected a name after " + p.previous(token).Value
	if !tags[p.previous(token).Value] {
		message = "expected the number of elements, and ]"
	}
	p.fail(p.gap(token), message, typeHint)
}

const typeHint = "such as uint64, string[64] or struct file *"

// typeName takes a type. It is certain when it can be no value: a tag, a type's word, or
// a `*` at the end.
func (p *parser) typeName() (name *TypeName, certain bool) {
	first := p.next()
	name = &TypeName{Name: first.Value, Array: -1, Span: p.tokenSpan(first)}
	certain = namesType(first.Value)
	switch {
	case first.Value == "typeof" && p.at("("):
		p.typeOf(name)
		certain = true
	case tags[first.Value]:
		name.Tag, certain = first.Value, true
		if p.lex.Peek().Type != wordToken {
			return nil, false
		}
		name.Name = p.extend(name)
	case typeWords[first.Value]:
		for typeWords[p.lex.Peek().Value] {
			name.Name += " " + p.extend(name)
		}
	}
	for p.at("*") {
		p.extend(name)
		name.Pointers++
		certain = true
	}
	if p.at("[") && !p.arraySize(name) {
		return nil, false
	}
	return name, certain
}

// typeOf takes the `(x)` of a typeof.
func (p *parser) typeOf(name *TypeName) {
	open := p.open()
	name.Of, name.Name = p.typeOrValue(), ""
	name.Span = name.Span.To(p.close(open, ")"))
}

// extend takes a token into the type's span.
func (p *parser) extend(name *TypeName) string {
	token := p.next()
	name.Span.End = token.Pos.Offset + len(token.Value)
	return token.Value
}

func (p *parser) arraySize(name *TypeName) bool {
	p.extend(name)
	name.Array = 0
	if token := p.lex.Peek(); token.Type == integerToken {
		size, err := strconv.ParseUint(token.Value, 0, 31)
		if err != nil {
			return false
		}
		name.Array = int(size)
		p.extend(name)
	}
	if !p.at("]") {
		return false
	}
	p.extend(name)
	return true
}

// startsCastOperand tells whether `(word)` is a cast: a value cannot be followed by
// another. Operators that are both unary and binary are taken as binary: `(x) - 1`.
func (p *parser) startsCastOperand() bool {
	switch token := p.lex.Peek(); token.Type {
	case wordToken, integerToken, stringToken, variableToken, positionalToken, countToken, mapToken:
		return true
	case operatorToken:
		return token.Value == "(" || token.Value == "!" || token.Value == "~"
	}
	return false
}
