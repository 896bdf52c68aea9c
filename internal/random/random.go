// Package random writes well-typed scripts at random, for tests that compile and run
// them.
//
// A script is a function of its seed and the features allowed. It uses what package eval
// can evaluate: every operator and statement, variables and maps of numbers, booleans,
// texts, tuples and records, functions and macros of its own, and those builtins of the
// table (compiler/builtin) whose signatures take such values and whose results can be
// foretold; a builtin that is added to the table with such a signature, and to eval, is
// used here from then on.
//
// # What keeps scripts right
//
// Each variable and map has one shape from its first line to its end. Divisors are never
// a constant zero. Loops count themselves down, and a body has no more than a few rounds.
// A loop over a map, whose order is not defined, only adds up. What the compiler refuses
// of these scripts is a mistake in it or here.
//
// Minimise makes a script that fails as small as it can.
package random

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/builtin"
)

// Features are the constructs that a script may use, by name. Probe has a script for
// each.
type Features map[string]bool

// Probe are the smallest scripts with each feature, which a compiler that has it takes.
var Probe = map[string]string{
	"while":     `BEGIN { $i = 0; while ($i < 3) { $i++; if ($i == 2) { continue } if ($i == 3) { break } } @a = $i }`,
	"range":     `BEGIN { for ($i : 0..3) { @a += $i } }`,
	"map loop":  `BEGIN { @m[1] = 2; for ($kv : @m) { @a += $kv.1 + $kv.0 } }`,
	"unroll":    `BEGIN { unroll(2) { @a++ } }`,
	"let":       `BEGIN { let $x = 5; let $y; $y = $x; @a = $y }`,
	"let type":  `BEGIN { let $x : uint8 = 5; $x = 7; @a = $x }`,
	"discard":   `BEGIN { _ = pid + 1; @a = 1 }`,
	"block":     `BEGIN { $y = { let $x = 5; $x + 1 }; @a = $y }`,
	"if value":  `BEGIN { $y = if (pid > 3) { 1 } else { 2 }; @a = $y }`,
	"part":      `BEGIN { $t = (1, "a"); @a = $t.0; @b = $t.1 }`,
	"record":    `BEGIN { $t = (a = 1, b = "x"); @a = $t.a; @b = $t.b }`,
	"tuple ==":  `BEGIN { $t = (1, 2); @a = $t == (1, 2) }`,
	"array":     `BEGIN { $a = (uint8[8])12345; @a = $a[0]; @b = (uint64)$a }`,
	"function":  `fn f($a : int64, $b : uint8) : int64 { if ($a > 5) { return 1 } return $a + $b } BEGIN { @a = f(1, 2) }`,
	"macro":     `macro m(x, $v) { $v += x; x + 1 } BEGIN { $x = 1; @a = m(2, $x) }`,
	"glob":      `BEGIN { @a = comm =~ "p*" }`,
	"has_key":   `BEGIN { @m[1] = 1; @a = has_key(@m, 1) }`,
	"len":       `BEGIN { @m[1] = 1; @a = len(@m) }`,
	"aggregate": `BEGIN { @c = count(); @a = (int64)@c }`,
	"deleted":   `BEGIN { @m[1] = 1; $d = delete(@m, 1); @a = $d }`,
	"struct":    `struct s { int x; }; BEGIN { $p = (struct s *)uptr(0x700000000040); @a = $p->x }`,
}

// Allowed are the features whose probes the judge takes. Why it does not take the others
// is returned, too.
func Allowed(judge func(script string) error) (allowed Features, refused map[string]error) {
	allowed, refused = Features{}, map[string]error{}
	for name, script := range Probe {
		if err := judge(script); err != nil {
			refused[name] = err
		} else {
			allowed[name] = true
		}
	}
	return allowed, refused
}

// Script writes the script of a seed.
func Script(seed uint64, features Features) string {
	g := &generator{
		Rand:     rand.New(rand.NewPCG(seed, 0)),
		features: features,
	}
	g.budget = 6 + g.IntN(24)
	g.structure()
	g.constants()
	g.prepare()
	g.functions()
	g.macros()
	clauses := g.clauses()
	return g.declarations.String() + clauses
}

// generator is a script on its way.
type generator struct {
	*rand.Rand
	features     Features
	declarations strings.Builder
	body         strings.Builder
	indent       int
	scopes       [][]holder // variables, by block
	maps         []holder
	aggregations []holder
	fns          []callable
	members      []string // numbers in the script's own struct

	constant  []string // names and other spellings of numbers
	macroList []callable
	names     int
	budget    int    // statements that may still be written
	depth     int    // of expressions
	loops     int    // around the place at hand
	deepest   int    // of the function or macro at hand, with what it calls
	quiet     bool   // no expression here may change anything
	inside    string // "function", "macro" or empty
	result    shape  // of the function
}

// holder is a variable or map.
type holder struct {
	name  string
	shape shape
	key   []shape
	fixed bool // a loop's own
	bits  int  // of a hist
}

// callable is a function or macro of the script.
type callable struct {
	name       string
	parameters []shape
	byName     []bool // a macro's `$x`: only a variable can be passed
	result     shape
	loops      int // how deep they stand in it
}

func (g *generator) has(feature string) bool { return g.features[feature] }

// chance is true n times in a hundred.
func (g *generator) chance(n int) bool { return g.IntN(100) < n }

func pick[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

func (g *generator) fresh(prefix string) string {
	g.names++
	return fmt.Sprintf("%s%d", prefix, g.names)
}

func (g *generator) line(format string, arguments ...any) {
	g.body.WriteString(strings.Repeat("\t", g.indent))
	fmt.Fprintf(&g.body, format, arguments...)
	g.body.WriteByte('\n')
}

func (g *generator) within(write func()) {
	g.indent++
	g.scopes = append(g.scopes, nil)
	write()
	g.scopes = g.scopes[:len(g.scopes)-1]
	g.indent--
}

// prepare chooses the maps.
func (g *generator) prepare() {
	for range 2 + g.IntN(4) {
		m := holder{name: g.fresh("@m"), shape: g.holding()}
		for range g.IntN(3) {
			m.key = append(m.key, g.shape(1))
		}
		if len(m.key) > 0 && g.chance(15) {
			fmt.Fprintf(&g.declarations, "let %s = %s(1000);\n", m.name, pick(g, []string{"hash", "lruhash"}))
		}
		g.maps = append(g.maps, m)
	}
	for range g.IntN(3) {
		a := holder{name: g.fresh("@a"), shape: shape{kind: pick(g, aggregationNames)}, bits: g.IntN(6)}
		for range g.IntN(3) {
			a.key = append(a.key, g.shape(1))
		}
		g.aggregations = append(g.aggregations, a)
	}
	g.aggregations = append(g.aggregations, holder{name: "@calls", shape: shape{kind: "count"}})
}

// aggregationNames are those of the table, but for the one that depends on the time.
var aggregationNames = func() (names []string) {
	for _, a := range builtin.Aggregations() {
		if a.Record != builtin.TimeSeries {
			names = append(names, a.Name)
		}
	}
	return names
}()

// clauses writes the bodies. The first lines give every map its type.
func (g *generator) clauses() string {
	g.body.Reset()
	g.line("BEGIN {")
	g.within(func() {
		g.introduce()
		g.statements(8 + g.IntN(8))
	})
	g.line("}")
	if g.chance(20) {
		g.line("BEGIN%s {", g.predicate())
		g.within(func() { g.statements(2 + g.IntN(4)) })
		g.line("}")
	}
	if g.chance(30) {
		g.line("END%s {", g.predicate())
		g.within(func() { g.statements(3 + g.IntN(4)) })
		g.line("}")
	}
	return g.body.String()
}

// constants declares an enum and a macro for a number, and a limit for texts.
func (g *generator) constants() {
	g.constant = []string{"sizeof(int16)", "sizeof(uint64)", "bswap((uint16)0x1234)"}
	if len(g.members) > 0 {
		g.constant = append(g.constant, "sizeof(struct r)")
	}
	if g.chance(20) {
		fmt.Fprintf(&g.declarations, "config = { max_strlen = %d }\n", pick(g, []int{64, 200, 2000}))
	}
	if g.chance(40) {
		fmt.Fprintf(&g.declarations, "enum e { FIRST = %d, SECOND, THIRD = %d };\n", g.IntN(300)-100, g.Uint32N(1<<30))
		g.constant = append(g.constant, "FIRST", "SECOND", "THIRD")
	}
	if g.chance(40) {
		fmt.Fprintf(&g.declarations, "#define NUMBER (%s + %d)\n", g.literal(), g.IntN(100))
		g.constant = append(g.constant, "NUMBER")
	}
}

// introduce assigns to every map once, from what needs no map but, now and then, itself.
func (g *generator) introduce() {
	maps, aggregations := g.maps, g.aggregations
	g.maps, g.aggregations = []holder{{name: "@none", shape: shape{kind: "none"}}}, []holder{{name: "@none", shape: shape{kind: "hist"}}}
	for _, m := range maps {
		g.line("%s%s = %s;", m.name, g.keys(m), g.introduction(m))
	}
	for _, a := range aggregations {
		g.line("%s", g.observation(a))
	}
	g.maps, g.aggregations = maps, aggregations
}

func (g *generator) introduction(m holder) string {
	itself := m.name + g.keys(m)
	switch {
	case !g.chance(25):
	case m.shape.kind == "number":
		return fmt.Sprintf(pick(g, []string{"%s + 1", "-%s", "(%s < 5 ? 5 : %[1]s)", "(7 ^ %s)", "(%s ?: 3)"}), itself)
	case m.shape.kind == "bool":
		return "!" + itself
	case m.shape.kind == "text":
		return fmt.Sprintf(`(%s == "" ? %q : %[1]s)`, itself, pick(g, texts))
	}
	return g.expression(m.shape)
}

func (g *generator) predicate() string {
	if !g.chance(40) {
		return ""
	}
	condition := ""
	g.quietly(func() { condition = g.expression(shape{kind: "bool"}) })
	return " /(" + condition + ")/"
}

// quietly writes expressions that change nothing: those of a predicate, and the arguments
// of a printf, which are evaluated in no order that a script may count on.
func (g *generator) quietly(write func()) {
	before := g.quiet
	g.quiet = true
	write()
	g.quiet = before
}

func (g *generator) keys(m holder) string {
	if len(m.key) == 0 {
		return ""
	}
	parts := make([]string, len(m.key))
	for i, key := range m.key {
		parts[i] = g.expression(key)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
