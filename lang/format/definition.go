package format

import (
	"strings"

	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// typeItems makes an item of each declaration, which may define several names.
func typeItems(list []*lang.TypeDefinition) (all []item) {
	for len(list) > 0 {
		first, names := list[0], 1
		for names < len(list) && sameDeclaration(first.Declaration, list[names].Declaration) {
			names++
		}
		all = append(all, typeItem(list[:names]))
		list = list[names:]
	}
	return all
}

func sameDeclaration(a, b *lang.Declaration) bool {
	return a != nil && b != nil && a.Whole == b.Whole
}

func typeItem(names []*lang.TypeDefinition) item {
	first := names[0]
	it := item{span: first.Span, header: first.Span.End}
	if first.Declaration != nil {
		it.span = first.Span.To(first.Declaration.Whole)
	}
	body := first
	if first.Definition != nil {
		body = first.Definition
	}
	it.inline = func() string { return typeHead(first) + inlineBody(body) + typeTail(names) }
	if body.Body.Source == nil {
		it.header = it.span.End
		return it
	}
	it.header, it.bodies = body.Body.Start, bracesOf(body)
	it.lines = func(f *formatter) {
		f.out.WriteString(typeHead(first) + bodyHead(body))
		f.typeBody(body)
		f.out.WriteString(typeTail(names))
	}
	return it
}

// bracesOf are the braces inside of which directives may stand without cutting through
// anything. Between the values of an enum there are commas, which would have to stay on
// their side of a directive.
func bracesOf(t *lang.TypeDefinition) []diag.Span {
	if t.Tag == "enum" {
		return nil
	}
	return []diag.Span{t.Body}
}

// typeHead is what stands before a body or in place of one.
func typeHead(t *lang.TypeDefinition) string {
	if t.Tag == "typedef" {
		return strings.TrimSpace("typedef "+t.Declaration.Specifiers) + space(t.Definition != nil)
	}
	return ""
}

func space(wanted bool) string {
	if wanted {
		return " "
	}
	return ""
}

// typeTail is what follows the body: the names of a typedef.
func typeTail(names []*lang.TypeDefinition) string {
	first := names[0]
	if first.Tag != "typedef" {
		return ";"
	}
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = strings.TrimSpace(declarator(name.Declaration, name.Name, name.Dimensions) +
			attributesText(name.Packed, name.Aligned))
	}
	return " " + strings.Join(texts, ", ") + ";"
}

// bodyHead is `struct name ` before the braces.
func bodyHead(t *lang.TypeDefinition) string {
	return strings.TrimSpace(t.Tag+" "+t.Name) + " "
}

// inlineBody is a struct, union or enum on one line, and nothing for a typedef of another
// type.
func inlineBody(t *lang.TypeDefinition) string {
	switch {
	case t.Tag == "typedef":
		return ""
	case t.Body.Source == nil:
		return t.Tag + attributesText(t.Packed, t.Aligned) + " " + t.Name
	case t.Tag == "enum":
		values := make([]string, len(t.Values))
		for i, value := range t.Values {
			values[i] = enumerator(value)
		}
		body := "{ " + strings.Join(values, ", ") + " }"
		return bodyHead(t) + body + attributesText(t.Packed, t.Aligned)
	}
	var b strings.Builder
	for _, group := range memberGroups(t.Members, sharesBody) {
		b.WriteString(" " + member(group) + ";")
	}
	return bodyHead(t) + "{" + b.String() + " }" + attributesText(t.Packed, t.Aligned)
}

func enumerator(value *lang.EnumeratorDefinition) string {
	if value.Value == nil {
		return value.Name
	}
	return value.Name + " = " + code(value.Value)
}

// memberGroups puts the members together that cannot be declared one by one.
func memberGroups(
	list []*lang.MemberDefinition, together func(a, b *lang.MemberDefinition) bool,
) (groups [][]*lang.MemberDefinition) {
	for len(list) > 0 {
		names := 1
		for names < len(list) && together(list[0], list[names]) {
			names++
		}
		groups = append(groups, list[:names])
		list = list[names:]
	}
	return groups
}

func sharesBody(a, b *lang.MemberDefinition) bool {
	return a.Definition != nil && a.Definition == b.Definition
}

func member(group []*lang.MemberDefinition) string {
	first := group[0]
	if first.Definition == nil {
		return memberHead(first) + memberTail(group)
	}
	return memberHead(first) + inlineBody(first.Definition) + memberTail(group)
}

func memberHead(m *lang.MemberDefinition) string {
	return m.Declaration.Specifiers + space(m.Definition != nil && m.Declaration.Specifiers != "")
}

func memberTail(group []*lang.MemberDefinition) string {
	texts := make([]string, len(group))
	for i, m := range group {
		texts[i] = memberDeclarator(m)
	}
	text := strings.Join(texts, ", ")
	return space(text != "") + text
}

func memberDeclarator(m *lang.MemberDefinition) string {
	text := declarator(m.Declaration, m.Name, m.Dimensions)
	if m.Bits != nil {
		text += " : " + code(m.Bits)
	}
	return strings.TrimSpace(text + attributesText(m.Packed, m.Aligned))
}

// declarator is a name with its stars and dimensions as it stands behind the type.
func declarator(d *lang.Declaration, name string, dimensions []lang.Expr) string {
	if d.Function != "" {
		return d.Pointers + d.Function
	}
	text := d.Pointers + name
	for _, size := range dimensions {
		text += "["
		if size != nil {
			text += code(size)
		}
		text += "]"
	}
	return text
}

func attributesText(packed bool, aligned lang.Expr) string {
	var list []string
	if packed {
		list = append(list, "packed")
	}
	if aligned != nil {
		list = append(list, "aligned("+code(aligned)+")")
	}
	if len(list) == 0 {
		return ""
	}
	return " __attribute__((" + strings.Join(list, ", ") + "))"
}

// typeBody writes braces with a line for each member, and the attributes.
func (f *formatter) typeBody(t *lang.TypeDefinition) {
	f.braces(t.Body, t.Body.End, len(t.Members)+len(t.Values) == 0, func() {
		for _, value := range t.Values {
			f.start(value.Span.Start, value.Span.End)
			f.out.WriteString(enumerator(value) + ",")
			f.end(value.Span.End)
		}
		for _, group := range memberGroups(t.Members, f.inseparable) {
			f.member(group)
		}
	})
	f.out.WriteString(attributesText(t.Packed, t.Aligned))
}

// inseparable members share a body, or a declaration that directives cut through.
func (f *formatter) inseparable(a, b *lang.MemberDefinition) bool {
	return sharesBody(a, b) ||
		sameDeclaration(a.Declaration, b.Declaration) && f.torn(a.Declaration.Whole)
}

func (f *formatter) member(group []*lang.MemberDefinition) {
	first := group[0]
	span := first.Declaration.Whole
	var bodies []diag.Span
	head := span.End
	if first.Definition != nil {
		bodies, head = bracesOf(first.Definition), first.Definition.Body.Start
	}
	if f.torn(span, bodies...) {
		f.start(span.Start, span.Start)
		f.asWritten(span)
		f.end(span.End)
		return
	}
	if len(group) == 1 {
		span = first.Span
	}
	_, fits := f.fits(span, func() string { return member(group) })
	if fits || first.Definition == nil {
		f.start(span.Start, span.End)
		f.out.WriteString(member(group))
	} else {
		f.start(span.Start, head)
		f.out.WriteString(memberHead(first) + bodyHead(first.Definition))
		f.typeBody(first.Definition)
		f.out.WriteString(memberTail(group))
	}
	f.out.WriteByte(';')
	f.end(span.End)
}
