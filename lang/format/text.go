package format

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/lang"
)

// The functions of this file write nodes on one line.

func inlineConfig(script *lang.Script) string {
	if len(script.Settings) == 0 {
		return "config = { }"
	}
	list := make([]string, len(script.Settings))
	for i, setting := range script.Settings {
		list[i] = setting.Name + " = " + code(setting.Value)
	}
	return "config = { " + strings.Join(list, "; ") + " }"
}

func mapDeclaration(m *lang.MapDeclaration) string {
	return "let " + code(m.Map) + " = " + m.Kind + "(" + commaList(m.Args) + ");"
}

func functionHeader(function *lang.Function) string {
	params := make([]string, len(function.Params))
	for i, param := range function.Params {
		params[i] = "$" + param.Variable.Name
		if param.Type != nil {
			params[i] += " : " + typeText(param.Type)
		}
	}
	header := "fn " + function.Name + "(" + strings.Join(params, ", ") + ")"
	if function.Result != nil {
		header += " : " + typeText(function.Result)
	}
	return header
}

// clauseHeader is the probes, each on its line when they are too long for one, and the
// predicate.
func clauseHeader(clause *lang.Clause) string {
	predicate := ""
	if clause.Predicate != nil {
		predicate = " /" + code(clause.Predicate) + "/"
	}
	line := strings.Join(probes(clause.Probes), ", ") + predicate
	if utf8.RuneCountInString(line)+2 > width {
		line = strings.Join(probes(clause.Probes), ",\n") + predicate
	}
	return line
}

func probes(list []*lang.Probe) []string {
	texts := make([]string, len(list))
	for i, probe := range list {
		parts := make([]string, len(probe.Parts))
		for j, part := range probe.Parts {
			parts[j] = partText(part)
		}
		texts[i] = strings.Join(parts, ":")
	}
	return texts
}

func partText(part lang.ProbePart) string {
	switch {
	case part.Expr != nil:
		return code(part.Expr)
	case part.Pieces == nil:
		return part.Span.Text()
	}
	pieces := make([]string, len(part.Pieces))
	for i, piece := range part.Pieces {
		pieces[i] = partText(piece)
	}
	return strings.Join(pieces, "")
}

func inlineBlock(block *lang.Block) string {
	text := inlineStatements(block.Statements)
	if last := len(block.Statements) - 1; last >= 0 && !endsWithBlock(block.Statements[last]) {
		text = strings.TrimSuffix(text, ";")
	}
	if block.Angle {
		return "<" + text + " >"
	}
	return "{" + text + " }"
}

// inlineValueBlock keeps the last semicolon: without it, the last statement would be a
// value.
func inlineValueBlock(block *lang.BlockExpr) string {
	text := inlineStatements(block.Statements)
	if block.Value != nil {
		text += " " + code(block.Value)
	}
	return "{" + text + " }"
}

func inlineStatements(list []lang.Statement) string {
	var b strings.Builder
	for _, statement := range list {
		b.WriteString(" " + inlineStatement(statement))
		if !endsWithBlock(statement) {
			b.WriteByte(';')
		}
	}
	return b.String()
}

func endsWithBlock(statement lang.Statement) bool {
	switch statement.(type) {
	case *lang.If, *lang.While, *lang.For, *lang.Unroll, *lang.Block:
		return true
	}
	return false
}

func inlineStatement(statement lang.Statement) string {
	switch s := statement.(type) {
	case *lang.Let:
		return let(s)
	case *lang.Assign:
		return code(s.Target) + " " + string(s.Op) + " " + code(s.Value)
	case *lang.Discard:
		return "_ = " + code(s.Value)
	case *lang.ExprStatement:
		return code(s.X)
	case *lang.Break:
		return "break"
	case *lang.Continue:
		return "continue"
	case *lang.Return:
		if s.Value == nil {
			return "return"
		}
		return "return " + code(s.Value)
	case *lang.Block:
		return inlineBlock(s)
	case *lang.While:
		return "while " + code(s.Cond) + " " + inlineBlock(s.Body)
	case *lang.For:
		return forHeader(s) + " " + inlineBlock(s.Body)
	case *lang.Unroll:
		return unrollHeader(s) + " " + inlineBlock(s.Body)
	case *lang.If:
		text := "if " + code(s.Cond) + " " + inlineBlock(s.Then)
		if s.Else != nil {
			text += " else " + inlineStatement(s.Else)
		}
		return text
	}
	return ""
}

func let(s *lang.Let) string {
	text := "let $" + s.Variable.Name
	if s.Type != nil {
		text += " : " + typeText(s.Type)
	}
	if s.Value != nil {
		text += " = " + code(s.Value)
	}
	return text
}

func forHeader(s *lang.For) string {
	over := ""
	if s.Map != nil {
		over = code(s.Map)
	} else {
		over = code(s.Low) + ".." + code(s.High)
	}
	return "for ($" + s.Variable.Name + " : " + over + ")"
}

func unrollHeader(s *lang.Unroll) string {
	if _, ok := s.Count.(*lang.Paren); ok {
		return "unroll" + code(s.Count)
	}
	return "unroll " + code(s.Count)
}

// code is an expression in the style: literals as they were written, one space around
// infix operators.
func code(x lang.Expr) string {
	switch x := x.(type) {
	case *lang.Map:
		if len(x.Keys) == 0 {
			return "@" + x.Name
		}
		return "@" + x.Name + "[" + commaList(x.Keys) + "]"
	case *lang.Unary:
		return prefixed(string(x.Op), code(x.X))
	case *lang.IncDec:
		if x.Prefix {
			return string(x.Op) + code(x.X)
		}
		return code(x.X) + string(x.Op)
	case *lang.Binary:
		return code(x.X) + " " + string(x.Op) + " " + code(x.Y)
	case *lang.Ternary:
		return ternary(x)
	case *lang.BlockExpr:
		return inlineValueBlock(x)
	case *lang.Call:
		return x.Name + "(" + commaList(x.Args) + ")"
	case *lang.Field:
		if x.Arrow {
			return code(x.X) + "->" + x.Name
		}
		return code(x.X) + "." + x.Name
	case *lang.Index:
		return code(x.X) + "[" + code(x.I) + "]"
	case *lang.Cast:
		return "(" + typeText(x.Type) + ")" + code(x.X)
	case *lang.Tuple:
		if len(x.Elems) == 1 {
			return "(" + code(x.Elems[0]) + ",)"
		}
		return "(" + commaList(x.Elems) + ")"
	case *lang.Record:
		return record(x)
	case *lang.TypeExpr:
		return typeText(x.Type)
	case *lang.Paren:
		return "(" + code(x.X) + ")"
	}
	return x.Range().Text()
}

func ternary(x *lang.Ternary) string {
	switch {
	case x.If:
		return "if " + code(x.Cond) + " " + code(x.X) + " else " + code(x.Y)
	case x.X == nil:
		return code(x.Cond) + " ?: " + code(x.Y)
	}
	return code(x.Cond) + " ? " + code(x.X) + " : " + code(x.Y)
}

func record(x *lang.Record) string {
	fields := make([]string, len(x.Fields))
	for i, field := range x.Fields {
		fields[i] = field.Name + " = " + code(field.Value)
	}
	return "(" + strings.Join(fields, ", ") + ")"
}

// prefixed keeps - -x and & &x from becoming other tokens, and `comptime x` two words.
func prefixed(op, operand string) string {
	if unicode.IsLetter(rune(op[0])) || strings.HasPrefix(operand, op) {
		return op + " " + operand
	}
	return op + operand
}

func commaList(list []lang.Expr) string {
	texts := make([]string, len(list))
	for i, x := range list {
		texts[i] = code(x)
	}
	return strings.Join(texts, ", ")
}

// typeText is a type in the style, which is that of its String but for the expression of
// a typeof.
func typeText(t *lang.TypeName) string {
	if t.Of == nil {
		return t.String()
	}
	around := *t
	around.Of = nil
	return "typeof(" + code(t.Of) + ")" + around.String()
}
