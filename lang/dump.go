package lang

import (
	"fmt"
	"strconv"
	"strings"
)

// Dump shows the tree: a line for each clause and statement, expressions as
// s-expressions.
func Dump(script *Script) string {
	d := &dumper{}
	for _, setting := range script.Settings {
		d.line(0, "config", setting.Name, expression(setting.Value))
	}
	for _, i := range script.Imports {
		d.line(0, "import", strconv.Quote(i.Path))
	}
	for _, directive := range script.Directives {
		d.directive(directive)
	}
	for _, definition := range script.Types {
		d.definition(0, definition)
	}
	for _, m := range script.Maps {
		d.line(0, "map", expression(m.Map), group(m.Kind, m.Args...))
	}
	for _, function := range script.Functions {
		d.function(function)
	}
	for _, macro := range script.Macros {
		d.line(0, "macro", group(macro.Name, macro.Params...))
		d.value(1, macro.Body)
	}
	for _, clause := range script.Clauses {
		d.clause(clause)
	}
	return d.String()
}

type dumper struct{ strings.Builder }

func (d *dumper) line(depth int, words ...string) {
	d.WriteString(strings.Repeat("  ", depth))
	d.WriteString(strings.Join(words, " "))
	d.WriteByte('\n')
}

// directive shows the names that are defined; the conditions have been decided.
func (d *dumper) directive(directive *Directive) {
	words := []string{directive.Keyword, directive.Name}
	if directive.Value != nil {
		words = append(words, expression(directive.Value))
	}
	if directive.Type != nil {
		words = append(words, strconv.Quote(directive.Type.String()))
	}
	if directive.Keyword == "define" || directive.Keyword == "undef" {
		d.line(0, words...)
	}
}

func (d *dumper) definition(depth int, definition *TypeDefinition) {
	words := []string{definition.Tag}
	if definition.Name != "" {
		words = append(words, definition.Name)
	}
	words = append(words, shape(definition.Type, definition.Pointers, definition.Dimensions)...)
	words = append(words, attributes(definition.Packed, definition.Aligned)...)
	if definition.Declared {
		words = append(words, "declared")
	}
	d.line(depth, words...)
	if definition.Definition != nil {
		d.definition(depth+1, definition.Definition)
	}
	for _, member := range definition.Members {
		d.member(depth+1, member)
	}
	for _, value := range definition.Values {
		if value.Value != nil {
			d.line(depth+1, "value", value.Name, expression(value.Value))
		} else {
			d.line(depth+1, "value", value.Name)
		}
	}
}

func (d *dumper) member(depth int, member *MemberDefinition) {
	words := []string{"member"}
	if member.Name != "" {
		words = append(words, member.Name)
	}
	words = append(words, shape(member.Type, member.Pointers, member.Dimensions)...)
	if member.Bits != nil {
		words = append(words, "bits", expression(member.Bits))
	}
	d.line(depth, append(words, attributes(member.Packed, member.Aligned)...)...)
	if member.Definition != nil {
		d.definition(depth+1, member.Definition)
	}
}

// shape is what a declaration makes of a type: pointers to it and arrays of those.
func shape(of *TypeName, pointers int, dimensions []Expr) (words []string) {
	if of != nil {
		words = append(words, strconv.Quote(of.String()))
	}
	if pointers > 0 {
		words = append(words, strings.Repeat("*", pointers))
	}
	for _, size := range dimensions {
		if size == nil {
			words = append(words, "[]")
		} else {
			words = append(words, "["+expression(size)+"]")
		}
	}
	return words
}

func attributes(packed bool, aligned Expr) (words []string) {
	if packed {
		words = append(words, "packed")
	}
	if aligned != nil {
		words = append(words, "aligned "+expression(aligned))
	}
	return words
}

func (d *dumper) function(function *Function) {
	words := []string{"fn", function.Name}
	for _, param := range function.Params {
		words = append(words, "$"+param.Variable.Name, strconv.Quote(param.Type.String()))
	}
	if function.Result != nil {
		words = append(words, "=>", strconv.Quote(function.Result.String()))
	}
	d.line(0, words...)
	d.block(1, function.Body)
}

// value shows a block and its value.
func (d *dumper) value(depth int, b *BlockExpr) {
	d.block(depth, &Block{Statements: b.Statements})
	if b.Value != nil {
		d.line(depth, "=>", expression(b.Value))
	}
}

func (d *dumper) clause(clause *Clause) {
	d.line(0, "clause")
	for _, probe := range clause.Probes {
		d.line(1, "probe", probeParts(probe))
	}
	if clause.Predicate != nil {
		d.line(1, "predicate", expression(clause.Predicate))
	}
	d.block(1, clause.Body)
}

func probeParts(probe *Probe) string {
	words := make([]string, len(probe.Parts))
	for i, part := range probe.Parts {
		words[i] = probePart(part)
	}
	return strings.Join(words, " ")
}

func probePart(part ProbePart) string {
	switch {
	case part.Expr != nil:
		return expression(part.Expr)
	case part.Pieces == nil:
		return strconv.Quote(part.Text)
	}
	words := make([]string, len(part.Pieces))
	for i, piece := range part.Pieces {
		words[i] = probePart(piece)
	}
	return "(join " + strings.Join(words, " ") + ")"
}

func (d *dumper) block(depth int, block *Block) {
	if block.Angle {
		d.line(depth, "block <>")
	} else {
		d.line(depth, "block")
	}
	for _, statement := range block.Statements {
		d.statement(depth+1, statement)
	}
}

func (d *dumper) statement(depth int, statement Statement) {
	switch s := statement.(type) {
	case *Assign:
		d.line(depth, string(s.Op), expression(s.Target), expression(s.Value))
	case *ExprStatement:
		d.line(depth, "do", expression(s.X))
	case *Let:
		d.line(depth, words("let", s.Variable, s.Type, s.Value)...)
	case *Discard:
		d.line(depth, "discard", expression(s.Value))
	case *While:
		d.line(depth, "while", expression(s.Cond))
		d.block(depth+1, s.Body)
	case *For:
		d.line(depth, words("for", s.Variable, s.Low, s.High, s.Map)...)
		d.block(depth+1, s.Body)
	case *Unroll:
		d.line(depth, "unroll", expression(s.Count))
		d.block(depth+1, s.Body)
	case *Break:
		d.line(depth, "break")
	case *Continue:
		d.line(depth, "continue")
	case *Return:
		d.line(depth, words("return", s.Value)...)
	case *Block:
		d.block(depth, s)
	case *If:
		d.ifStatement(depth, s)
	}
}

func (d *dumper) ifStatement(depth int, s *If) {
	d.line(depth, "if", expression(s.Cond))
	d.block(depth+1, s.Then)
	for next, chained := s.Else.(*If); chained; next, chained = s.Else.(*If) {
		s = next
		d.line(depth, "else if", expression(s.Cond))
		d.block(depth+1, s.Then)
	}
	if s.Else != nil {
		d.line(depth, "else")
		d.statement(depth+1, s.Else)
	}
}

// words is the head and the nodes that are there.
func words(head string, nodes ...any) []string {
	list := []string{head}
	for _, node := range nodes {
		switch n := node.(type) {
		case *TypeName:
			if n != nil {
				list = append(list, strconv.Quote(n.String()))
			}
		case *Map:
			if n != nil {
				list = append(list, expression(n))
			}
		case Expr:
			list = append(list, expression(n))
		}
	}
	return list
}

func expression(x Expr) string {
	switch x := x.(type) {
	case *Integer:
		if x.Unsigned {
			return fmt.Sprintf("%du", x.Value)
		}
		return strconv.FormatUint(x.Value, 10)
	case *Decimal:
		return x.Text
	case *String:
		return strconv.Quote(x.Value)
	case *Name:
		return x.Name
	case *Variable:
		return "$" + x.Name
	case *Positional:
		return fmt.Sprintf("$%d", x.Index)
	case *PositionalCount:
		return "$#"
	case *Map:
		return "@" + x.Name + keys(x.Keys)
	case *Unary:
		return group(string(x.Op), x.X)
	case *IncDec:
		return incDec(x)
	case *Binary:
		return group(string(x.Op), x.X, x.Y)
	case *Ternary:
		if x.X == nil {
			return group("?:", x.Cond, x.Y)
		}
		if x.If {
			return group("if", x.Cond, x.X, x.Y)
		}
		return group("?", x.Cond, x.X, x.Y)
	case *Call:
		return group("call "+x.Name, x.Args...)
	case *Field:
		return group(fieldOperator(x)+x.Name, x.X)
	case *Index:
		return group("index", x.X, x.I)
	case *Cast:
		return group("cast "+strconv.Quote(x.Type.String()), x.X)
	case *Tuple:
		return group("tuple", x.Elems...)
	case *Record:
		return recordFields(x)
	case *BlockExpr:
		return blockExpr(x)
	case *TypeExpr:
		return group("type " + strconv.Quote(x.Type.String()))
	case *Paren:
		return group("paren", x.X)
	}
	return fmt.Sprintf("%T", x)
}

func recordFields(x *Record) string {
	fields := make([]string, len(x.Fields))
	for i, field := range x.Fields {
		fields[i] = "(" + field.Name + " " + expression(field.Value) + ")"
	}
	return "(record " + strings.Join(fields, " ") + ")"
}

func blockExpr(x *BlockExpr) string {
	d := &dumper{}
	d.block(0, &Block{Statements: x.Statements})
	text := strings.ReplaceAll(strings.TrimSpace(d.String()), "\n", ";")
	if x.Value != nil {
		text += " => " + expression(x.Value)
	}
	return "(" + text + ")"
}

func group(head string, args ...Expr) string {
	words := make([]string, len(args)+1)
	words[0] = head
	for i, arg := range args {
		words[i+1] = expression(arg)
	}
	return "(" + strings.Join(words, " ") + ")"
}

func keys(list []Expr) string {
	if len(list) == 0 {
		return ""
	}
	words := make([]string, len(list))
	for i, key := range list {
		words[i] = expression(key)
	}
	return "[" + strings.Join(words, ", ") + "]"
}

func incDec(x *IncDec) string {
	if x.Prefix {
		return group(string(x.Op), x.X)
	}
	return group("post"+string(x.Op), x.X)
}

func fieldOperator(x *Field) string {
	if x.Arrow {
		return "->"
	}
	return "."
}

// String is the type as C writes it: `struct request *`, `char[16]`. An expression in
// typeof() is as in a dump.
func (t *TypeName) String() string {
	var b strings.Builder
	if t.Tag != "" {
		b.WriteString(t.Tag + " ")
	}
	b.WriteString(t.Name)
	if t.Of != nil {
		b.WriteString("typeof(" + operandOf(t.Of) + ")")
	}
	if t.Pointers > 0 {
		b.WriteString(" " + strings.Repeat("*", t.Pointers))
	}
	switch {
	case t.Array > 0:
		fmt.Fprintf(&b, "[%d]", t.Array)
	case t.Array == 0:
		b.WriteString("[]")
	}
	return b.String()
}

// operandOf is what a typeof has in its parentheses.
func operandOf(x Expr) string {
	if named, ok := x.(*TypeExpr); ok {
		return named.Type.String()
	}
	return expression(x)
}
