package random

import (
	"fmt"
	"strings"
)

// structure declares a struct of numbers, arrays, bitfields and structs.
func (g *generator) structure() {
	if !g.has("struct") || g.chance(50) {
		return
	}
	var body strings.Builder
	for range 1 + g.IntN(5) {
		body.WriteString(g.member("") + " ")
	}
	attribute := ""
	if g.chance(20) {
		attribute = pick(g, []string{" __attribute__((packed))", " __attribute__((aligned(16)))"})
	}
	fmt.Fprintf(&g.declarations, "struct r { %s}%s;\n", body.String(), attribute)
}

// member declares one and notes how its numbers are reached behind the prefix.
func (g *generator) member(prefix string) string {
	name, t := g.fresh("n"), pick(g, numberTypes)
	path := prefix + name
	switch n := g.IntN(10); {
	case n < 2:
		count := 1 + g.IntN(4)
		g.members = append(g.members, fmt.Sprintf("%s[%d]", path, g.IntN(count)))
		return fmt.Sprintf("%s %s[%d];", t, name, count)
	case n < 4:
		g.members = append(g.members, path)
		return fmt.Sprintf("%s %s : %d;", t, name, 1+g.IntN(8))
	case n < 5 && prefix == "":
		return fmt.Sprintf("struct { %s %s } %s;", g.member(path+"."), g.member(path+"."), name)
	}
	g.members = append(g.members, path)
	return fmt.Sprintf("%s %s;", t, name)
}

// memory is where package oracle keeps numbers for scripts to read.
const memory = 0x7000_0000_0040

func (g *generator) address() string {
	return fmt.Sprintf("%#x + (uint8)%s", memory, g.operand(shape{kind: "number"}))
}

// whole reads a struct.
func (g *generator) whole() string { return fmt.Sprintf("(*(struct r *)uptr(%s))", g.address()) }

// pointee reads a number through a pointer.
func (g *generator) pointee() string {
	address := g.address()
	if len(g.members) == 0 || g.chance(30) {
		return fmt.Sprintf("(*(%s *)uptr(%s))", pick(g, numberTypes), address)
	}
	return fmt.Sprintf("((struct r *)uptr(%s))->%s", address, pick(g, g.members))
}
