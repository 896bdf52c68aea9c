package random

import "strings"

// shape is what the values of a variable or map have in common: which of them can be
// assigned to each other.
type shape struct {
	kind  string // "number", "bool", "text", "tuple", "record", "struct"; of an aggregation its name
	parts []shape
	names []string
}

func (g *generator) shape(depth int) shape {
	switch n := g.IntN(12); {
	case n < 6 || depth == 0 && n > 9:
		return shape{kind: "number"}
	case n < 7:
		return shape{kind: "bool"}
	case n < 9 || depth == 0:
		return shape{kind: "text"}
	case n == 9 && g.has("record"):
		return g.compound("record", depth)
	}
	return g.compound("tuple", depth)
}

// holding is the shape of a variable or map.
func (g *generator) holding() shape {
	if len(g.members) > 0 && g.chance(10) {
		return shape{kind: "struct"}
	}
	return g.shape(2)
}

// passing is the shape of a parameter, and how it is written.
func (g *generator) passing() (shape, string) {
	switch g.IntN(8) {
	case 0:
		return shape{kind: "bool"}, "bool"
	case 1:
		return shape{kind: "text"}, "string[64]"
	}
	return shape{kind: "number"}, pick(g, numberTypes)
}

func (g *generator) compound(kind string, depth int) shape {
	s := shape{kind: kind}
	for i := range 2 + g.IntN(2) {
		s.parts = append(s.parts, g.shape(depth-1))
		s.names = append(s.names, string(rune('a'+i)))
	}
	return s
}

func (s shape) same(t shape) bool {
	if s.kind != t.kind || len(s.parts) != len(t.parts) {
		return false
	}
	for i := range s.parts {
		if !s.parts[i].same(t.parts[i]) {
			return false
		}
	}
	return true
}

// part is how the i-th part of a value is reached.
func (s shape) part(i int) string {
	if s.kind == "record" {
		return "." + s.names[i]
	}
	return "." + string(rune('0'+i))
}

// compose writes a tuple or record of the given parts.
func (s shape) compose(parts []string) string {
	if s.kind == "record" {
		for i := range parts {
			parts[i] = s.names[i] + " = " + parts[i]
		}
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// written is the type of a number or text in a declaration.
var numberTypes = []string{"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
