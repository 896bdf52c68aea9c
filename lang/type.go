package lang

import "strconv"

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
	"size_t": true, "ssize_t": true, "uintptr_t": true,
}

var tags = map[string]bool{"struct": true, "union": true, "enum": true}

// castType takes `type)` when that is what stands behind a `(`; else it returns nil and takes nothing.
func (p *parser) castType() *TypeName {
	if p.lex.Peek().Type != wordToken {
		return nil
	}
	start := p.lex.MakeCheckpoint()
	tagged := tags[p.lex.Peek().Value]
	typeName, certain := p.typeName()
	if typeName != nil && p.at(")") {
		p.lex.Next()
		if certain || p.startsCastOperand() {
			return typeName
		}
	}
	if tagged {
		p.fail(p.gap(p.lex.Peek()), "expected a type: struct name *", "")
	}
	p.lex.LoadCheckpoint(start)
	return nil
}

// typeName takes a type. It is certain when it can be no value: a tag, a type's word, or a `*` at the end.
func (p *parser) typeName() (name *TypeName, certain bool) {
	first := p.lex.Next()
	name = &TypeName{Name: first.Value, Array: -1, Span: p.tokenSpan(first)}
	certain = typeWords[first.Value]
	switch {
	case tags[first.Value]:
		name.Tag, certain = first.Value, true
		if p.lex.Peek().Type != wordToken {
			return nil, false
		}
		name.Name = p.extend(name)
	case certain:
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

// extend takes a token into the type's span.
func (p *parser) extend(name *TypeName) string {
	token := p.lex.Next()
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

// startsCastOperand tells whether `(word)` is a cast: a value cannot be followed by another.
// Operators that are both unary and binary are taken as binary: `(x) - 1`.
func (p *parser) startsCastOperand() bool {
	switch token := p.lex.Peek(); token.Type {
	case wordToken, integerToken, stringToken, variableToken, positionalToken, countToken, mapToken:
		return true
	case operatorToken:
		return token.Value == "(" || token.Value == "!" || token.Value == "~"
	}
	return false
}
