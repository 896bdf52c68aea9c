package random

import (
	"fmt"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/builtin"
)

// statements writes up to n statements, fewer when the script is long enough.
func (g *generator) statements(n int) {
	for range n {
		if g.budget <= 0 {
			return
		}
		g.budget--
		g.statement()
	}
}

func (g *generator) statement() {
	choices := []func() bool{
		g.declaration, g.declaration, g.assignment, g.assignment, g.update,
		g.branch, g.branch, g.nested, g.output, g.calling,
		g.whileLoop, g.rangeLoop, g.unrolled, g.leave, g.discarded, g.letDeclaration,
		g.mapAssignment, g.mapAssignment, g.mapUpdate, g.aggregation, g.deletion, g.mapLoop, g.report, g.leave,
	}
	for range 20 {
		if pick(g, choices)() {
			return
		}
	}
}

func (g *generator) declare(v holder) {
	last := len(g.scopes) - 1
	g.scopes[last] = append(g.scopes[last], v)
}

func (g *generator) declaration() bool {
	v := holder{name: g.fresh("$v"), shape: g.holding()}
	g.line("%s = %s;", v.name, g.expression(v.shape))
	g.declare(v)
	return true
}

func (g *generator) letDeclaration() bool {
	v := holder{name: g.fresh("$l"), shape: g.holding()}
	switch {
	case !g.has("let"):
		return false
	case g.has("let type") && g.chance(30):
		v.shape = shape{kind: "number"}
		g.line("let %s : int64 = (int64)%s;", v.name, g.operand(v.shape))
	case g.chance(30):
		g.line("let %s;", v.name)
		g.line("%s = %s;", v.name, g.expression(v.shape))
	default:
		g.line("let %s = %s;", v.name, g.expression(v.shape))
	}
	g.declare(v)
	return true
}

func (g *generator) assignment() bool {
	s := g.shape(2)
	name, ok := g.changeable(s)
	if ok {
		g.line("%s = %s;", name, g.expression(s))
	}
	return ok
}

var updates = []string{"+=", "-=", "*=", "&=", "|=", "^=", "<<=", ">>="}

func (g *generator) update() bool {
	name, ok := g.changeable(shape{kind: "number"})
	if ok {
		g.change(name)
	}
	return ok
}

// change updates a variable or an entry of a map.
func (g *generator) change(name string) {
	switch g.IntN(4) {
	case 0:
		g.line("%s%s;", name, pick(g, []string{"++", "--"}))
	case 1:
		g.line("%s %s %s;", name, pick(g, []string{"/=", "%="}), g.divisor())
	default:
		g.line("%s %s %s;", name, pick(g, updates), g.expression(shape{kind: "number"}))
	}
}

func (g *generator) branch() bool {
	g.line("if (%s) {", g.expression(shape{kind: "bool"}))
	g.within(func() { g.statements(1 + g.IntN(3)) })
	for g.chance(25) {
		g.line("} else if (%s) {", g.expression(shape{kind: "bool"}))
		g.within(func() { g.statements(1 + g.IntN(2)) })
	}
	if g.chance(40) {
		g.line("} else {")
		g.within(func() { g.statements(1 + g.IntN(3)) })
	}
	g.line("}")
	return true
}

func (g *generator) nested() bool {
	g.line("{")
	g.within(func() { g.statements(1 + g.IntN(3)) })
	g.line("}")
	return true
}

func (g *generator) output() bool {
	if g.inside != "" {
		return false
	}
	g.quietly(func() {
		if name, ok := g.held(shape{kind: "struct"}); ok && g.chance(30) {
			g.line("print(%s);", name)
			return
		}
		if g.chance(30) {
			g.line("print((%s, %s));", g.expression(g.shape(1)), g.expression(g.shape(1)))
			return
		}
		n, s := shape{kind: "number"}, shape{kind: "text"}
		g.line(`printf("%%d %%s %%x\n", %s, %s, %s);`, g.expression(n), g.expression(s), g.expression(n))
	})
	return true
}

// calling uses a function or macro for its effect.
func (g *generator) calling() bool {
	all := append(append([]callable(nil), g.fns...), g.macroList...)
	if len(all) == 0 {
		return false
	}
	called := pick(g, all)
	text, ok := g.call(called)
	if ok {
		v := holder{name: g.fresh("$v"), shape: called.result}
		g.line("%s = %s;", v.name, text)
		g.declare(v)
	}
	return ok
}

func (g *generator) whileLoop() bool {
	if !g.has("while") || g.loops > 1 {
		return false
	}
	counter := holder{name: g.fresh("$i"), shape: shape{kind: "number"}, fixed: true}
	g.line("%s = 0;", counter.name)
	g.declare(counter)
	condition := fmt.Sprintf("%s < %d", counter.name, g.IntN(6))
	if g.chance(30) {
		g.loop(func() { condition += " && " + g.expression(shape{kind: "bool"}) })
	}
	g.line("while (%s) {", condition)
	g.within(func() {
		g.line("%s++;", counter.name)
		g.loopBody()
	})
	g.line("}")
	return true
}

func (g *generator) rangeLoop() bool {
	if !g.has("range") || g.loops > 1 {
		return false
	}
	counter := holder{name: g.fresh("$i"), shape: shape{kind: "number"}, fixed: true}
	low := g.IntN(5) - 2
	high := fmt.Sprint(low + g.IntN(6))
	if g.chance(20) {
		high = fmt.Sprintf("(uint8)%s %% %d", g.operand(shape{kind: "number"}), 1+g.IntN(6))
		low = 0
	}
	g.line("for (%s : %d..(%s)) {", counter.name, low, high)
	g.within(func() {
		g.declare(counter)
		g.loopBody()
	})
	g.line("}")
	return true
}

func (g *generator) unrolled() bool {
	if !g.has("unroll") || g.loops > 1 {
		return false
	}
	g.line("unroll(%d) {", 1+g.IntN(3))
	g.within(func() {
		g.loop(func() { g.statements(1 + g.IntN(3)) })
	})
	g.line("}")
	return true
}

func (g *generator) loopBody() {
	g.loop(func() {
		g.statements(1 + g.IntN(3))
		if g.chance(30) {
			g.line("if (%s) { %s; }", g.expression(shape{kind: "bool"}), pick(g, []string{"break", "continue"}))
			g.statements(1)
		}
	})
}

// loop writes what stands in one.
func (g *generator) loop(write func()) {
	g.loops++
	g.deepest = max(g.deepest, g.loops)
	write()
	g.loops--
}

// mapLoop adds up, since the order is not defined.
func (g *generator) mapLoop() bool {
	m := g.keyedMap()
	if !g.has("map loop") || g.inside == "macro" || g.loops > 0 || m.shape.kind != "number" || len(m.key) == 0 {
		return false
	}
	sum, mix, pair := g.fresh("$s"), g.fresh("$x"), g.fresh("$kv")
	g.line("%s = 0;", sum)
	g.line("%s = 0;", mix)
	g.line("for (%s : %s) {", pair, m.name)
	g.loop(func() {})
	g.indent++
	g.line("%s += %s.1;", sum, pair)
	if len(m.key) == 1 && m.key[0].kind == "number" {
		g.line("if (%s.0 > 5) { %s ^= %s.0; }", pair, mix, pair)
	}
	g.indent--
	g.line("}")
	g.declare(holder{name: sum, shape: shape{kind: "number"}})
	g.declare(holder{name: mix, shape: shape{kind: "number"}})
	return true
}

func (g *generator) leave() bool {
	if g.inside == "macro" || !g.chance(15) {
		return false
	}
	value := ""
	if g.inside == "function" {
		value = " " + g.expression(g.result)
	}
	if g.chance(10) {
		g.line("if (%s) { exit(); }", g.expression(shape{kind: "bool"}))
		return true
	}
	g.line("if (%s) { return%s; }", g.expression(shape{kind: "bool"}), value)
	return true
}

// report has something done to a map when the event is read, which the programs do not
// see.
func (g *generator) report() bool {
	if g.inside == "macro" || !g.chance(25) {
		return false
	}
	m := g.keyedMap()
	if len(m.key) != 1 || m.shape.kind != "number" || m.key[0].kind != "number" {
		g.line("%s(%s);", pick(g, []string{"print", "clear", "zero"}), m.name)
		return true
	}
	g.quietly(func() { g.line("print(%s%s);", m.name, g.keys(m)) })
	g.line(`printa("%%d %%@d %%@d\n", %s, %s);`, m.name, m.name)
	return true
}

func (g *generator) discarded() bool {
	if g.has("discard") {
		g.line("_ = %s;", g.expression(g.shape(1)))
	}
	return g.has("discard")
}

func (g *generator) mapAssignment() bool {
	if g.inside == "macro" {
		return false
	}
	m := pick(g, g.maps)
	g.line("%s%s = %s;", m.name, g.keys(m), g.expression(m.shape))
	return true
}

func (g *generator) mapUpdate() bool {
	m := pick(g, g.maps)
	if g.inside == "macro" || m.shape.kind != "number" {
		return false
	}
	g.change(m.name + g.keys(m))
	return true
}

func (g *generator) aggregation() bool {
	if g.inside == "macro" {
		return false
	}
	g.line("%s", g.observation(pick(g, g.aggregations)))
	return true
}

func (g *generator) observation(a holder) string {
	arguments := ""
	if builtin.AggregationNamed(a.shape.kind).MaxArgs > 0 {
		arguments = "(int64)" + g.operand(shape{kind: "number"})
	}
	if further := furtherArguments[a.shape.kind]; further != nil {
		arguments += further(a.bits)
	}
	return fmt.Sprintf("%s%s = %s(%s);", a.name, g.keys(a), a.shape.kind, arguments)
}

// furtherArguments are those after the number, by a number from 0 to 5 that the map has.
var furtherArguments = map[string]func(bits int) string{
	"lhist": func(int) string { return ", -10, 100, 7" },
	"hist": func(bits int) string {
		if bits == 0 {
			return ""
		}
		return fmt.Sprintf(", %d", bits)
	},
	"quantiles": func(bits int) string {
		return []string{"", ", 50", ", 99.9", ", 0, 25.5, 100", ", 1, 2, 3", ", 99, 50"}[bits]
	},
}

func (g *generator) deletion() bool {
	m := g.keyedMap()
	if g.inside == "macro" || len(m.key) == 0 {
		return false
	}
	if len(m.key) == 1 && m.key[0].kind == "number" && g.chance(50) {
		g.line("delete(%s, %s);", m.name, g.expression(m.key[0]))
		return true
	}
	g.line("delete(%s%s);", m.name, g.keys(m))
	return true
}

// functions writes the script's own, which may call those before them.
func (g *generator) functions() {
	for range g.IntN(3) {
		if !g.has("function") {
			return
		}
		g.function()
	}
}

func (g *generator) function() {
	result, written := g.passing()
	f := callable{name: g.fresh("f"), result: result}
	var parameters []string
	var holders []holder
	for range g.IntN(4) {
		name := g.fresh("$p")
		shape, t := g.passing()
		f.parameters, f.byName = append(f.parameters, shape), append(f.byName, false)
		parameters = append(parameters, name+" : "+t)
		holders = append(holders, holder{name: name, shape: shape})
	}
	g.inside, g.result, g.deepest = "function", f.result, 0
	g.body.Reset()
	g.line("fn %s(%s) : %s {", f.name, strings.Join(parameters, ", "), written)
	g.within(func() {
		for _, h := range holders {
			g.declare(h)
		}
		g.statements(g.IntN(4))
		g.line("return %s;", g.expression(f.result))
	})
	g.line("}")
	g.inside, f.loops = "", g.deepest
	g.declarations.WriteString(g.body.String())
	g.fns = append(g.fns, f)
}

// macros writes the script's own. An expression that is passed by name is used in one
// place only, since it may change something.
func (g *generator) macros() {
	for range g.IntN(3) {
		if g.has("macro") {
			g.macro()
		}
	}
}

func (g *generator) macro() {
	m := callable{name: g.fresh("m"), result: shape{kind: "number"}, parameters: []shape{{kind: "number"}}, byName: []bool{false}}
	parameters := []string{"x"}
	changed := g.fresh("$q")
	if g.chance(50) {
		parameters = append(parameters, changed)
		m.parameters, m.byName = append(m.parameters, shape{kind: "number"}), append(m.byName, true)
	}
	g.inside, g.deepest = "macro", 0
	g.body.Reset()
	g.line("macro %s(%s) {", m.name, strings.Join(parameters, ", "))
	g.within(func() {
		local := holder{name: g.fresh("$w"), shape: shape{kind: "number"}}
		g.line("let %s = x;", local.name)
		g.declare(local)
		if len(parameters) > 1 {
			g.declare(holder{name: changed, shape: shape{kind: "number"}})
		}
		g.statements(g.IntN(3))
		g.line("%s", g.expression(m.result))
	})
	g.line("}")
	g.inside, m.loops = "", g.deepest
	g.declarations.WriteString(g.body.String())
	g.macroList = append(g.macroList, m)
}
