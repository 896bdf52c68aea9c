package lang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// definitionWords begin a type definition between clauses.
var definitionWords = []string{"struct", "union", "enum", "typedef"}

func (s *scanner) atDefinition() bool {
	return slices.Contains(definitionWords, s.wordHere()) && s.at(len(s.wordHere())) != ':'
}

// definition scans up to the semicolon, or up to the body's end when no semicolon follows
// it.
func (s *scanner) definition() {
	first := len(s.tokens)
	start, word := s.pos, s.wordHere()
	s.defining = true
	s.brackets = append(s.brackets, bracket{kind: '#', at: start})
	s.take(definitionToken, len(word))
	for s.space(); !s.definitionEnds(first, word); s.space() {
		if s.pos == len(s.text) || s.atNextSection() {
			s.endless(start, word)
			return
		}
		s.token()
		if len(s.brackets) == 0 {
			return
		}
	}
}

func (s *scanner) endless(start int, word string) {
	if len(s.brackets) > 1 {
		s.unclosed()
		return
	}
	s.fail(start, start+len(word), fmt.Sprintf("this %s is never ended", word), "missing ;")
}

// definitionEnds takes the semicolon of a definition, which only a typedef and what has
// no body need.
func (s *scanner) definitionEnds(first int, word string) bool {
	if len(s.brackets) > 1 {
		return false
	}
	if s.peek() == ';' {
		s.take(semicolonToken, 1)
		return true
	}
	tokens := s.tokens[first:]
	closed := slices.ContainsFunc(tokens, func(t lexer.Token) bool { return t.Type == blockCloseToken })
	return word != "typedef" && closed && !s.atAttribute()
}

// atAttribute looks for what may follow a body, and for the parentheses of __attribute__.
func (s *scanner) atAttribute() bool {
	last := s.tokens[len(s.tokens)-1]
	return attributeWords[s.wordHere()] != "" || attributeWords[last.Value] != "" && s.peek() == '('
}

// atNextSection tells whether a clause begins here, so that a definition that is not
// ended takes nothing with it.
func (s *scanner) atNextSection() bool {
	return beginsLine(s.text, s.pos) && looksLikeProbe(s.text, s.pos, wordEnd(s.text, s.pos))
}

// attributeWords are what the kernel's headers call the attributes that change a layout.
var attributeWords = map[string]string{"__attribute__": "__attribute__", "__packed": "packed", "__aligned": "aligned"}

// qualifiers are words of a declaration that change no layout.
var qualifiers = map[string]bool{
	"const": true, "volatile": true, "restrict": true, "__restrict": true, "_Atomic": true, "static": true, "extern": true,
	"__user": true, "__kernel": true, "__rcu": true, "__percpu": true, "__iomem": true, "__force": true,
}

// combining are the words of C that name a type together.
var combining = map[string]bool{
	"void": true, "char": true, "short": true, "int": true, "long": true, "signed": true, "unsigned": true,
	"__signed__": true, "float": true, "double": true, "_Bool": true, "__int128": true,
}

// declaration is one of C's: the words before the names, and one of the names with what
// surrounds it.
type declaration struct {
	written    Declaration
	typeName   *TypeName
	definition *TypeDefinition
	pointers   int
	name       string
	nameSpan   diag.Span
	dimensions []Expr
	bits       Expr
	packed     bool
	aligned    Expr
	span       diag.Span
}

// definition adds what a section defines.
func (p *parser) definition(script *Script) {
	if p.lex.Peek().Value == "typedef" {
		p.typedef(script)
		return
	}
	first := p.lex.Peek()
	definition := p.tagged()
	switch {
	case definition.Name == "" && definition.Tag != "enum":
		p.fail(p.tokenSpan(first), fmt.Sprintf("this %s needs a name", definition.Tag), fmt.Sprintf("%s name { ... };", definition.Tag))
	case !p.lex.Peek().EOF() && p.lex.Peek().Type != semicolonToken:
		p.fail(p.gap(p.lex.Peek()), fmt.Sprintf("expected { or ; after %s", quote(definition.Span.Text())), "")
	}
	definition.Declared = definition.Body.Source == nil
	script.Types = append(script.Types, definition)
}

func (p *parser) typedef(script *Script) {
	keyword := p.next()
	declarations := p.declarations()
	for i := range declarations {
		d := &declarations[i]
		switch {
		case d.name == "":
			p.fail(d.span, "expected the name that the typedef defines", "typedef type name;")
		case d.bits != nil:
			p.fail(d.bits.Range(), "a typedef has no bits", "")
		}
		if i == 0 {
			d.span = p.tokenSpan(keyword).To(d.span)
		}
		script.Types = append(script.Types, &TypeDefinition{
			Tag: "typedef", Name: d.name, NameSpan: d.nameSpan, Type: d.typeName, Definition: d.definition, Pointers: d.pointers,
			Dimensions: d.dimensions, Packed: d.packed, Aligned: d.aligned, Span: d.span, Declaration: &d.written,
		})
	}
}

// tagged is `struct name`, `struct name { ... }`, or the same of a union or enum.
func (p *parser) tagged() *TypeDefinition {
	keyword := p.next()
	definition := &TypeDefinition{Tag: keyword.Value, Span: p.tokenSpan(keyword)}
	p.attributes(&definition.Packed, &definition.Aligned)
	if token := p.lex.Peek(); token.Type == wordToken {
		definition.Name, definition.NameSpan = token.Value, p.tokenSpan(p.next())
		definition.Span = definition.Span.To(definition.NameSpan)
	}
	switch token := p.lex.Peek(); {
	case token.Type == blockOpenToken:
		p.body(definition)
	case definition.Name == "":
		p.fail(p.gap(token), fmt.Sprintf("expected a name or { after %s", definition.Tag), "")
	}
	return definition
}

// body is `{ ... }` with the attributes behind it.
func (p *parser) body(definition *TypeDefinition) {
	open := p.next()
	for p.lex.Peek().Type != blockCloseToken {
		if definition.Tag == "enum" {
			p.enumerators(definition)
		} else {
			definition.Members = append(definition.Members, p.members()...)
		}
	}
	definition.Body = p.tokenSpan(open).To(p.tokenSpan(p.next()))
	definition.Span = definition.Span.To(definition.Body)
	if end := p.attributes(&definition.Packed, &definition.Aligned); end.Source != nil {
		definition.Span = definition.Span.To(end)
	}
	if len(definition.Values) == 0 && definition.Tag == "enum" {
		p.fail(definition.Body, "this enum has no values", "")
	}
}

// enumerators are `NAME, NAME = value`; the scanner ends them with a semicolon of no
// width.
func (p *parser) enumerators(definition *TypeDefinition) {
	for p.lex.Peek().Type == wordToken {
		name := p.next()
		value := &EnumeratorDefinition{Name: name.Value, Span: p.tokenSpan(name)}
		if p.lex.Peek().Value == "=" {
			p.next()
			value.Value = p.expression()
			value.Span = value.Span.To(value.Value.Range())
		}
		definition.Values = append(definition.Values, value)
		if p.lex.Peek().Type != commaToken {
			break
		}
		p.next()
	}
	if token := p.next(); token.Type != semicolonToken || token.Value != "" {
		p.fail(p.gap(token), "unexpected "+describe(token), "an enum is { NAME, NAME = value, ... }")
	}
}

// members are those of one declaration: `int a, *b;`.
func (p *parser) members() []*MemberDefinition {
	if p.lex.Peek().Type == semicolonToken {
		p.next()
		return nil
	}
	var members []*MemberDefinition
	for _, d := range p.declarations() {
		if d.name == "" && d.bits == nil && d.definition == nil {
			p.fail(d.span, "expected the name of a member", "type name;")
		}
		members = append(members, &MemberDefinition{
			Name: d.name, NameSpan: d.nameSpan, Type: d.typeName, Definition: d.definition, Pointers: d.pointers,
			Dimensions: d.dimensions, Bits: d.bits, Packed: d.packed, Aligned: d.aligned, Span: d.span, Declaration: &d.written,
		})
	}
	return members
}

// declarations are `type declarator, declarator;`.
func (p *parser) declarations() []declaration {
	base := p.specifiers()
	var all []declaration
	for {
		all = append(all, p.declarator(base, len(all) == 0))
		token := p.next()
		switch {
		case token.Type == semicolonToken:
			for i := range all {
				all[i].written.Whole = base.span.To(p.tokenSpan(token))
			}
			return all
		case token.Type == commaToken:
		case token.Value == "=":
			p.fail(p.tokenSpan(token), "a definition gives no value", "")
		default:
			before := p.tokenSpan(p.previous(token))
			p.fail(p.gap(token), "unexpected "+describe(token), fmt.Sprintf("expected ; or a comma after %s", quote(before.Text())))
		}
	}
}

// specifiers are the words of a declaration before its names.
func (p *parser) specifiers() declaration {
	first := p.lex.Peek()
	d := declaration{span: p.tokenSpan(first)}
	var words, names []string
	for p.lex.Peek().Type == wordToken {
		token := p.lex.Peek()
		switch {
		case attributeWords[token.Value] != "":
			p.attributes(&d.packed, &d.aligned)
			continue
		case qualifiers[token.Value]:
		case tags[token.Value] && d.typeName == nil && d.definition == nil:
			words = append(words, p.tagSpecifier(&d)...)
			continue
		case d.typeName == nil && d.definition == nil, combining[token.Value] && len(names) > 0 && combining[names[0]]:
			names = append(names, token.Value)
			d.typeName = named(d.typeName, strings.Join(names, " "), p.tokenSpan(token))
		default:
			d.written.Specifiers = strings.Join(words, " ")
			return d
		}
		words = append(words, p.next().Value)
		d.span.End = p.tokenSpan(token).End
	}
	if d.typeName == nil && d.definition == nil {
		p.fail(p.gap(p.lex.Peek()), "expected a type, found "+describe(p.lex.Peek()), "a member is type name;")
	}
	d.written.Specifiers = strings.Join(words, " ")
	return d
}

// named is a type of the words so far, the last of which has the span.
func named(before *TypeName, words string, span diag.Span) *TypeName {
	if before != nil {
		span = before.Span.To(span)
	}
	return &TypeName{Name: words, Array: -1, Span: span}
}

// tagSpecifier takes `struct name` as a type, or a struct with its body as a definition.
func (p *parser) tagSpecifier(d *declaration) []string {
	definition := p.tagged()
	d.span.End = definition.Span.End
	if definition.Body.Source != nil {
		d.definition = definition
		return nil
	}
	d.typeName = &TypeName{Tag: definition.Tag, Name: definition.Name, Array: -1, Span: definition.Span}
	return []string{definition.Tag, definition.Name}
}

// declarator is a name with its stars, dimensions and bits. The first begins with the
// type.
func (p *parser) declarator(base declaration, first bool) declaration {
	d := base
	if !first {
		d.span = p.gap(p.lex.Peek())
	}
	p.pointers(&d)
	switch token := p.lex.Peek(); {
	case token.Type == wordToken:
		d.name, d.nameSpan = token.Value, p.tokenSpan(p.next())
		d.span = d.span.To(d.nameSpan)
	case p.at("("):
		p.functionPointer(&d)
	}
	if p.at("(") {
		p.fail(d.nameSpan, fmt.Sprintf("%s is declared as a function", d.name), fmt.Sprintf("a pointer to one is (*%s)(...)", d.name))
	}
	for p.at("[") {
		d.dimensions = append(d.dimensions, p.dimension(&d))
	}
	if p.lex.Peek().Type == colonToken {
		p.next()
		d.bits = p.expression()
		d.span = d.span.To(d.bits.Range())
	}
	if end := p.attributes(&d.packed, &d.aligned); end.Source != nil {
		d.span = d.span.To(end)
	}
	return d
}

func (p *parser) pointers(d *declaration) {
	for {
		token := p.lex.Peek()
		switch {
		case p.at("*"):
			d.written.Pointers += "*"
			d.pointers++
		case d.pointers > 0 && qualifiers[token.Value]:
			d.written.Pointers += token.Value + " "
		default:
			return
		}
		d.span = d.span.To(p.tokenSpan(p.next()))
	}
}

// functionPointer takes `(*name)(...)` and `(*name)[n]`, pointers to what has no size of
// interest here.
func (p *parser) functionPointer(d *declaration) {
	open := p.next()
	if d.definition != nil {
		p.fail(d.definition.Span, "a pointer to a function cannot define the type of its result", "define the type before")
	}
	if !p.at("*") {
		p.fail(p.gap(p.lex.Peek()), "expected * after (", "a pointer to a function is result (*name)(...)")
	}
	inner := declaration{span: d.span}
	p.pointers(&inner)
	if token := p.lex.Peek(); token.Type == wordToken {
		d.name, d.nameSpan = token.Value, p.tokenSpan(p.next())
	}
	for p.at("[") {
		d.dimensions = append(d.dimensions, p.dimension(&inner))
	}
	end := p.close(open, ")")
	if !p.at("(") && !p.at("[") {
		p.fail(p.gap(p.lex.Peek()), "expected the function's arguments", "a pointer to a function is result (*name)(...)")
	}
	for p.at("(") || p.at("[") {
		end = p.skipGroup()
	}
	d.span = d.span.To(end)
	d.written.Function = p.written(open.Pos.Offset, end.End)
	d.typeName = &TypeName{Name: "void", Array: -1, Span: d.span}
	d.definition, d.pointers = nil, inner.pointers
}

// skipGroup takes a bracket with everything up to its counterpart, which the scanner has
// made sure of.
func (p *parser) skipGroup() diag.Span {
	for depth := 0; ; {
		token := p.next()
		switch token.Value {
		case "(", "[":
			depth++
		case ")", "]":
			depth--
		}
		if depth == 0 || token.EOF() {
			return p.tokenSpan(token)
		}
	}
}

// written joins the tokens between two offsets as they stand in the script, without what
// stands between them.
func (p *parser) written(start, end int) string {
	var b strings.Builder
	last := start
	for _, token := range p.tokens {
		at := token.Pos.Offset
		if at < start || at >= end || token.Value == "" {
			continue
		}
		if at > last {
			b.WriteByte(' ')
		}
		b.WriteString(token.Value)
		last = at + len(token.Value)
	}
	return b.String()
}

// dimension is `[size]`, or `[]`, which gives nil.
func (p *parser) dimension(d *declaration) (size Expr) {
	open := p.next()
	if !p.at("]") {
		size = p.expression()
	}
	d.span = d.span.To(p.close(open, "]"))
	return size
}

// harmless are the attributes that do not change a layout.
var harmless = map[string]bool{
	"preserve_access_index": true, "unused": true, "used": true, "deprecated": true, "may_alias": true, "designated_init": true,
	"noderef": true, "address_space": true, "btf_type_tag": true, "btf_decl_tag": true, "counted_by": true, "randomize_layout": true,
}

// attributes takes all that stand here and returns the span of the last.
func (p *parser) attributes(packed *bool, aligned *Expr) (end diag.Span) {
	for {
		token := p.lex.Peek()
		if token.Type != wordToken {
			return end
		}
		switch attributeWords[token.Value] {
		case "":
			return end
		case "packed":
			end = p.tokenSpan(p.next())
			*packed = true
		case "aligned":
			end = p.tokenSpan(p.next())
			end = end.To(p.alignment(token, aligned))
		default:
			end = p.attributeList(p.next(), packed, aligned)
		}
	}
}

// attributeList is what follows __attribute__: ((name, name(argument))).
func (p *parser) attributeList(keyword *lexer.Token, packed *bool, aligned *Expr) diag.Span {
	outer := p.openGroup(keyword)
	inner := p.openGroup(keyword)
	for !p.at(")") {
		p.attribute(packed, aligned)
		if p.lex.Peek().Type != commaToken {
			break
		}
		p.next()
	}
	p.close(inner, ")")
	return p.close(outer, ")")
}

func (p *parser) openGroup(keyword *lexer.Token) *lexer.Token {
	if !p.at("(") {
		p.fail(p.gap(p.lex.Peek()), fmt.Sprintf("expected ( after %s", keyword.Value), "write __attribute__((packed))")
	}
	return p.next()
}

func (p *parser) attribute(packed *bool, aligned *Expr) {
	token := p.next()
	switch name := strings.Trim(token.Value, "_"); {
	case token.Type == wordToken && name == "packed":
		*packed = true
	case token.Type == wordToken && name == "aligned":
		p.alignment(token, aligned)
	case token.Type == wordToken && harmless[name]:
		if p.at("(") {
			p.skipGroup()
		}
	default:
		p.fail(p.gap(token), fmt.Sprintf("the attribute %s is not supported", describe(token)), "packed and aligned(n) are")
	}
}

// alignment is `(bytes)`. Without, it would be the largest of the machine, of which no
// kernel structure makes use.
func (p *parser) alignment(keyword *lexer.Token, aligned *Expr) diag.Span {
	if !p.at("(") {
		p.fail(p.tokenSpan(keyword), fmt.Sprintf("expected the bytes after %s", keyword.Value), "write aligned(8)")
	}
	open := p.next()
	*aligned = p.expression()
	return p.close(open, ")")
}
