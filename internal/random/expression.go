package random

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/internal/eval"
)

const (
	maxDepth = 5 // of expressions
	maxLoops = 5 // how deep the language lets them stand
)

// expression writes a value of the shape.
func (g *generator) expression(s shape) string {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > maxDepth {
		return g.leaf(s)
	}
	if s.kind == "struct" {
		return g.structValue(s)
	}
	if text, ok := g.common(s); ok {
		return text
	}
	switch s.kind {
	case "number":
		return g.number()
	case "bool":
		return g.condition()
	case "text":
		return g.text()
	}
	return g.composed(s)
}

// structValue is one that is kept, or one from memory.
func (g *generator) structValue(s shape) string {
	if held, ok := g.held(s); ok && g.chance(40) {
		return held
	}
	if g.inside != "macro" && g.chance(30) {
		if mapped, ok := g.mapped(s); ok {
			return mapped
		}
	}
	return g.whole()
}

func (g *generator) composed(s shape) string {
	if s.kind == "struct" {
		return g.whole()
	}
	parts := make([]string, len(s.parts))
	for i, part := range s.parts {
		parts[i] = g.expression(part)
	}
	return s.compose(parts)
}

// leaf is a value without operators.
func (g *generator) leaf(s shape) string {
	if held, ok := g.held(s); ok && g.chance(60) {
		return held
	}
	switch s.kind {
	case "number":
		return g.literal()
	case "bool":
		return pick(g, []string{"true", "false"})
	case "text":
		return strconv.Quote(pick(g, texts))
	}
	return g.composed(s)
}

var texts = []string{"", "a", "pony", "pon", "ponytrace", "a much longer text than that", "x y", "pony\ttab", "0123456789abcde", "0123456789abcdef"}

// held is a variable, or the part of one, that has the shape.
func (g *generator) held(s shape) (string, bool) {
	var found []string
	for _, scope := range g.scopes {
		for _, v := range scope {
			found = g.reachable(found, v.name, v.shape, s)
		}
	}
	if len(found) == 0 {
		return "", false
	}
	return pick(g, found), true
}

func (g *generator) reachable(found []string, name string, from, wanted shape) []string {
	if from.same(wanted) {
		found = append(found, name)
	}
	if from.kind == "struct" && wanted.kind == "number" {
		for _, member := range g.members {
			found = append(found, name+"."+member)
		}
	}
	if g.has("part") {
		for i, part := range from.parts {
			found = g.reachable(found, name+from.part(i), part, wanted)
		}
	}
	return found
}

// common are the ways to make a value that every shape has.
func (g *generator) common(s shape) (string, bool) {
	switch n := g.IntN(100); {
	case n < 25:
		return g.held(s)
	case n < 33 && g.inside != "macro":
		return g.mapped(s)
	case n < 38:
		return fmt.Sprintf("(%s ? %s : %s)", g.expression(shape{kind: "bool"}), g.expression(s), g.expression(s)), true
	case n < 40 && g.has("if value"):
		return fmt.Sprintf("(if (%s) { %s } else { %s })", g.expression(shape{kind: "bool"}), g.expression(s), g.expression(s)), true
	case n < 42 && g.has("block"):
		return g.block(s), true
	case n < 46 && !g.quiet:
		return g.called(g.fns, s)
	case n < 49 && !g.quiet:
		return g.called(g.macroList, s)
	case n < 55:
		return g.builtin(s)
	}
	return "", false
}

// mapped reads a map. The key may be one that is not there.
func (g *generator) mapped(s shape) (string, bool) {
	var found []holder
	for _, m := range g.maps {
		if m.shape.same(s) {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		return "", false
	}
	m := pick(g, found)
	return m.name + g.keys(m), true
}

func (g *generator) block(s shape) string {
	inner := g.shape(1)
	name := g.fresh("$b")
	first := g.expression(inner)
	g.scopes = append(g.scopes, []holder{{name: name, shape: inner}})
	value := g.expression(s)
	g.scopes = g.scopes[:len(g.scopes)-1]
	return fmt.Sprintf("{ %s = %s; %s }", name, first, value)
}

// called is a call of one of the script's own functions or macros.
func (g *generator) called(list []callable, s shape) (string, bool) {
	var found []callable
	for _, c := range list {
		if c.result.same(s) {
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		return "", false
	}
	return g.call(pick(g, found))
}

func (g *generator) call(c callable) (string, bool) {
	if g.loops+c.loops > maxLoops {
		return "", false
	}
	g.deepest = max(g.deepest, g.loops+c.loops)
	arguments := make([]string, len(c.parameters))
	for i, parameter := range c.parameters {
		if c.byName[i] {
			name, ok := g.changeable(parameter)
			if !ok {
				return "", false
			}
			arguments[i] = name
			continue
		}
		arguments[i] = g.expression(parameter)
	}
	return c.name + "(" + strings.Join(arguments, ", ") + ")", true
}

// builtin is a call of an entry of the table.
func (g *generator) builtin(s shape) (string, bool) {
	var found []signature
	for _, known := range signatures() {
		if known.result.same(s) {
			found = append(found, known)
		}
	}
	if len(found) == 0 {
		return "", false
	}
	chosen := pick(g, found)
	if len(chosen.parameters) == 0 {
		return chosen.name, true
	}
	arguments := make([]string, len(chosen.parameters))
	for i, parameter := range chosen.parameters {
		arguments[i] = g.argument(parameter)
	}
	return chosen.name + "(" + strings.Join(arguments, ", ") + ")", true
}

// argument is an expression for a parameter. A size may not be below zero.
func (g *generator) argument(parameter shape) string {
	if parameter.kind == "size" {
		return "(" + g.expression(shape{kind: "number"}) + " & 63)"
	}
	return g.expression(parameter)
}

// signature is a function of the table that takes and gives plain values.
type signature struct {
	name       string
	result     shape
	parameters []shape
}

// signatures reads the table.
func signatures() (list []signature) {
	for _, section := range builtin.Sections() {
		if section.Title != "Functions" && section.Title != "Variables" {
			continue
		}
		for _, entry := range section.Entries {
			if s, ok := readSignature(entry.Name, entry.Signature); ok && eval.Known(entry.Name) {
				list = append(list, s)
			}
		}
	}
	for _, name := range []string{"pid", "tid", "uid", "gid"} {
		list = append(list, signature{name: name, result: shape{kind: "number"}})
	}
	return list
}

// readSignature takes `uint64 name(string a, int b)`; ok is false for anything else.
func readSignature(name, text string) (s signature, ok bool) {
	head, rest, called := strings.Cut(text, "(")
	result, ok := shapeOf(strings.TrimSpace(strings.TrimSuffix(head, name)))
	s = signature{name: name, result: result}
	if !called || !ok {
		return s, ok
	}
	for parameter := range strings.SplitSeq(strings.TrimSuffix(rest, ")"), ",") {
		word, label, named := strings.Cut(strings.TrimSpace(parameter), " ")
		t, known := shapeOf(word)
		if label == "size" {
			t = shape{kind: "size"}
		}
		if !named || !known || strings.Contains(parameter, "[") {
			return s, false
		}
		s.parameters = append(s.parameters, t)
	}
	return s, true
}

func shapeOf(word string) (shape, bool) {
	switch {
	case word == "string" || strings.HasPrefix(word, "string["):
		return shape{kind: "text"}, true
	case word == "bool":
		return shape{kind: "bool"}, true
	case strings.HasPrefix(word, "int") || strings.HasPrefix(word, "uint"):
		return shape{kind: "number"}, true
	}
	return shape{}, false
}

var plainOperators = []string{"+", "-", "*", "&", "|", "^", "<<", ">>"}

func (g *generator) number() string {
	n := shape{kind: "number"}
	switch g.IntN(12) {
	case 0, 1:
		return g.literal()
	case 2, 3, 4:
		return fmt.Sprintf("(%s %s %s)", g.expression(n), pick(g, plainOperators), g.expression(n))
	case 5:
		return fmt.Sprintf("(%s %s %s)", g.expression(n), pick(g, []string{"/", "%"}), g.divisor())
	case 6:
		return pick(g, []string{"-", "~"}) + g.operand(n)
	case 7:
		return fmt.Sprintf("(%s)%s", pick(g, numberTypes), g.operand(n))
	case 8:
		return g.stepped()
	case 9:
		return fmt.Sprintf("(int64)%s", g.operand(shape{kind: "bool"}))
	case 10:
		return fmt.Sprintf("(%s ?: %s)", g.expression(n), g.expression(n))
	}
	return g.special()
}

// operand is an expression that binds tighter than any operator in front of it.
func (g *generator) operand(s shape) string { return "(" + g.expression(s) + ")" }

func (g *generator) literal() string {
	switch g.IntN(6) {
	case 0:
		return strconv.FormatUint(g.Uint64()>>g.IntN(64), 10)
	case 1:
		return fmt.Sprintf("%#x", g.Uint64()>>g.IntN(64))
	case 2:
		return pick(g, []string{"127", "128", "255", "256", "32767", "65535", "65536", "2147483647", "2147483648", "4294967295", "4294967296",
			"9223372036854775807", "9223372036854775808", "18446744073709551615"})
	case 3:
		return fmt.Sprintf("%du", g.IntN(100))
	}
	return strconv.Itoa(g.IntN(12))
}

// divisor is no constant zero.
func (g *generator) divisor() string {
	if name, ok := g.held(shape{kind: "number"}); ok && g.chance(50) {
		return name
	}
	if g.chance(50) {
		return strconv.Itoa(1 + g.IntN(20))
	}
	return "(" + g.expression(shape{kind: "number"}) + " | 1)"
}

// stepped is ++ or -- on what can be changed here.
func (g *generator) stepped() string {
	name, ok := g.changeable(shape{kind: "number"})
	if m := pick(g, g.maps); m.shape.kind == "number" && g.inside != "macro" && !g.quiet && g.chance(30) {
		name, ok = m.name+g.keys(m), true
	}
	if !ok || g.quiet {
		return g.literal()
	}
	if g.chance(50) {
		return "(" + name + pick(g, []string{"++", "--"}) + ")"
	}
	return "(" + pick(g, []string{"++", "--"}) + name + ")"
}

// changeable is a variable of the shape that is not a loop's own.
func (g *generator) changeable(s shape) (string, bool) {
	var found []string
	for _, scope := range g.scopes {
		for _, v := range scope {
			if !v.fixed && v.shape.same(s) {
				found = append(found, v.name)
			}
		}
	}
	if len(found) == 0 {
		return "", false
	}
	return pick(g, found), true
}

// special are numbers that only newer features make.
func (g *generator) special() string {
	switch {
	case g.has("array") && g.chance(30):
		return g.element()
	case g.has("struct") && g.chance(30):
		return g.pointee()
	case g.has("len") && g.chance(30) && g.inside != "macro" && len(g.keyedMap().key) > 0:
		return "len(" + g.keyedMap().name + ")"
	case g.has("aggregate") && g.chance(50) && g.inside != "macro":
		return g.aggregated()
	}
	if g.chance(20) {
		return fmt.Sprintf("%s(%s)", pick(g, []string{"sizeof", "bswap"}), g.operand(shape{kind: "number"}))
	}
	if g.chance(30) {
		return pick(g, g.constant)
	}
	return pick(g, []string{"pid", "tid", "uid", "$1", "$3", "$#"})
}

// element is one of an array, or a byte of a text.
func (g *generator) element() string {
	if name, ok := g.held(shape{kind: "text"}); ok && g.chance(20) {
		return name + "[0]"
	}
	switch n := g.operand(shape{kind: "number"}); g.IntN(5) {
	case 0:
		return fmt.Sprintf("((uint16[4])(uint64)%s)[%d]", n, g.IntN(4))
	case 1:
		return fmt.Sprintf("((int32[2])(uint64)%s)[%d]", n, g.IntN(2))
	case 2:
		return fmt.Sprintf("comm[%d]", g.IntN(16))
	default:
		return fmt.Sprintf("((uint8[8])(uint64)%s)[%d]", n, g.IntN(8))
	}
}

func (g *generator) keyedMap() holder {
	for _, m := range g.maps {
		if len(m.key) > 0 {
			return m
		}
	}
	return g.maps[0]
}

func (g *generator) aggregated() string {
	a := pick(g, g.aggregations)
	if builtin.AggregationNamed(a.shape.kind).Record.Composite {
		return g.literal()
	}
	return "(int64)" + a.name + g.keys(a)
}

func (g *generator) condition() string {
	n, b, t := shape{kind: "number"}, shape{kind: "bool"}, shape{kind: "text"}
	switch g.IntN(10) {
	case 0:
		return pick(g, []string{"true", "false"})
	case 1, 2, 3:
		return fmt.Sprintf("(%s %s %s)", g.expression(n), pick(g, []string{"<", "<=", ">", ">=", "==", "!="}), g.expression(n))
	case 4:
		return fmt.Sprintf("(%s %s %s)", g.expression(t), pick(g, []string{"==", "!=", "<", ">="}), g.expression(t))
	case 5, 6:
		return fmt.Sprintf("(%s %s %s)", g.expression(b), pick(g, []string{"&&", "||"}), g.expression(b))
	case 7:
		return "!" + g.operand(b)
	case 8:
		return "(bool)" + g.operand(n)
	}
	return g.specialCondition()
}

func (g *generator) specialCondition() string {
	switch s := g.compound("tuple", 1); {
	case g.has("glob") && g.chance(40):
		return fmt.Sprintf("(%s %s %q)", g.expression(shape{kind: "text"}), pick(g, []string{"=~", "!~"}), pick(g, []string{"po*", "*", "*y*", "p?ny", "*[a-f]", ""}))
	case g.has("tuple ==") && g.chance(40):
		return fmt.Sprintf("(%s %s %s)", g.expression(s), pick(g, []string{"==", "!="}), g.expression(s))
	case g.has("has_key") && g.inside != "macro":
		if m := g.keyedMap(); len(m.key) == 1 {
			return fmt.Sprintf("has_key(%s, %s)", m.name, g.expression(m.key[0]))
		}
	}
	return pick(g, []string{"pid", "tid", "$3"}) + " > 5"
}

func (g *generator) text() string {
	switch g.IntN(4) {
	case 0:
		return "comm"
	case 1:
		return pick(g, []string{"str($1)", "str($2)", "str($9)"})
	}
	return strconv.Quote(pick(g, texts))
}
