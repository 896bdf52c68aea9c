package sema

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Constants evaluates expressions of literals, positional parameters and the kernel's
// constants.
type Constants struct {
	args    []string
	target  *target.Target
	defines map[string][]*lang.Directive
	sizes   map[*lang.Directive]int // in nodes
	depth   int                     // of defines of defines
	use     diag.Span               // of the first of them
	// hidden reports a call of a name of the table that means the script's own.
	hidden func(name string, args int) bool
	// literal returns the literal that a call, or a word for one, stands for, or nil;
	// typed the type of a call.
	literal func(lang.Expr) lang.Expr
	typed   func(*lang.Call) *types.Type
}

// maxDefines bounds how far a #define leads through others.
const maxDefines = 100

// define enters the #define and #undef lines of a script.
func (c *Constants) define(directives []*lang.Directive) {
	c.defines, c.sizes = map[string][]*lang.Directive{}, map[*lang.Directive]int{}
	for _, d := range directives {
		if d.Keyword == "define" || d.Keyword == "undef" {
			c.defines[d.Name] = append(c.defines[d.Name], d)
		}
	}
}

// definition returns the #define that holds for a name where it is used: the last one
// before, unless it was undone. What an imported file defines holds everywhere.
func (c *Constants) definition(name string, use diag.Span) *lang.Directive {
	if c.depth > 0 {
		use = c.use
	}
	var last *lang.Directive
	for _, d := range c.defines[name] {
		if d.Span.Source != use.Source || d.Span.Start < use.Start {
			last = d
		}
	}
	if last == nil || last.Keyword == "undef" {
		return nil
	}
	return last
}

// defined returns the expression that a name is defined as.
func (c *Constants) defined(name *lang.Name) (lang.Expr, bool) {
	d := c.definition(name.Name, name.Span)
	if d == nil || d.Value == nil {
		return nil, false
	}
	return d.Value, true
}

// follow evaluates what a name is defined as, unless that leads in a circle. Names in the
// text of a #define mean what they do where it is used, as in C.
func (c *Constants) follow(name *lang.Name, evaluate func(lang.Expr)) {
	value, defined := c.defined(name)
	if !defined || c.depth == maxDefines {
		return
	}
	c.within(name.Span, func() { evaluate(value) })
}

func (c *Constants) within(use diag.Span, evaluate func()) {
	if c.depth == 0 {
		c.use = use
	}
	c.depth++
	evaluate()
	c.depth--
}

func (c *Constants) names() []string { return slices.Collect(maps.Keys(c.defines)) }

// Text returns the value of a literal string, or of str($1).
func (c *Constants) Text(e lang.Expr) (string, bool) {
	switch e := lang.Unparen(e).(type) {
	case *lang.String:
		return e.Value, true
	case *lang.Positional:
		if _, number := c.parameter(e.Index); !number {
			return c.argument(e.Index), true
		}
	case *lang.Field:
		if value := c.literalField(e); value != nil {
			return c.Text(value)
		}
	case *lang.Call:
		if p, ok := c.soleParameter(e); ok {
			return c.argument(p.Index), true
		}
		if text, ok := c.rest(e); ok {
			return text, true
		}
		if literal := c.literal(e); literal != nil {
			return c.Text(literal)
		}
	case *lang.Name:
		return c.definedText(e)
	case *lang.Unary:
		if e.Op == "comptime" {
			return c.Text(e.X)
		}
	}
	return "", false
}

func (c *Constants) definedText(name *lang.Name) (text string, ok bool) {
	if literal := c.literal(name); literal != nil {
		return c.Text(literal)
	}
	c.follow(name, func(value lang.Expr) { text, ok = c.Text(value) })
	return text, ok
}

// soleParameter recognises a function whose only argument is a positional parameter: the
// one place where the parameter is text even when it looks like a number.
func (c *Constants) soleParameter(call *lang.Call) (*lang.Positional, bool) {
	f := builtin.FunctionNamed(call.Name)
	if f == nil || !f.ParameterText || len(call.Args) != 1 || c.hidden(call.Name, 1) {
		return nil, false
	}
	p, ok := lang.Unparen(call.Args[0]).(*lang.Positional)
	return p, ok
}

// rest is the text of str($1 + n): a parameter that is no number, without its first n
// bytes.
func (c *Constants) rest(call *lang.Call) (string, bool) {
	f := builtin.FunctionNamed(call.Name)
	if f == nil || !f.ParameterText || len(call.Args) != 1 || c.hidden(call.Name, 1) {
		return "", false
	}
	return c.parameterSuffix(call.Args[0])
}

// parameterSuffix is what follows some bytes of a parameter that is no number: $1 + n, n
// + $1, and sums of these.
func (c *Constants) parameterSuffix(e lang.Expr) (string, bool) {
	switch e := lang.Unparen(e).(type) {
	case *lang.Positional:
		return c.Text(e)
	case *lang.Binary:
		if e.Op != "+" {
			return "", false
		}
		text, sum := c.parameterSuffix(e.X)
		offset := e.Y
		if !sum {
			text, sum = c.parameterSuffix(e.Y)
			offset = e.X
		}
		n, known := c.Integer(offset)
		if !sum || !known || n < 0 {
			return "", false
		}
		return text[min(n, int64(len(text))):], true
	}
	return "", false
}

func (c *Constants) argument(index int) string {
	if index < 1 || index > len(c.args) {
		return ""
	}
	return c.args[index-1]
}

// parameter returns a positional parameter as a number; one that was not given is 0.
func (c *Constants) parameter(index int) (int64, bool) {
	text := c.argument(index)
	if index >= 1 && index > len(c.args) {
		return 0, true
	}
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		unsigned, err := strconv.ParseUint(text, 0, 64)
		return int64(unsigned), err == nil
	}
	return n, true
}

// Integer returns the value of an integer expression that is known at compile time.
func (c *Constants) Integer(e lang.Expr) (int64, bool) {
	switch e := lang.Unparen(e).(type) {
	case *lang.Integer:
		return int64(e.Value), true
	case *lang.Positional:
		return c.parameter(e.Index)
	case *lang.PositionalCount:
		return int64(len(c.args)), true
	case *lang.Name:
		return c.named(e)
	case *lang.Unary:
		return c.unary(e)
	case *lang.Binary:
		return c.binary(e)
	case *lang.Ternary:
		return c.ternary(e)
	case *lang.Field:
		if value := c.literalField(e); value != nil {
			return c.Integer(value)
		}
	case *lang.Call:
		if literal := c.literal(e); literal != nil {
			return c.Integer(literal)
		}
	}
	return 0, false
}

// literalField returns the literal that a field of a record of literals is; nil where
// there is none.
func (c *Constants) literalField(e *lang.Field) lang.Expr {
	x := lang.Unparen(e.X)
	switch x.(type) {
	case *lang.Name, *lang.Call:
	default:
		return nil
	}
	record, ok := c.literal(x).(*lang.Record)
	if !ok {
		return nil
	}
	for _, field := range record.Fields {
		if field.Name == e.Name {
			return field.Value
		}
	}
	return nil
}

func (c *Constants) named(e *lang.Name) (int64, bool) {
	name := e.Name
	switch name {
	case "true":
		return 1, true
	case "false":
		return 0, true
	}
	if _, defined := c.defined(e); defined {
		return c.definedInteger(e)
	}
	if builtin.FunctionNamed(name) != nil {
		return 0, false
	}
	value, _, ok := c.target.Constant(name)
	return value, ok
}

func (c *Constants) definedInteger(name *lang.Name) (n int64, ok bool) {
	c.follow(name, func(value lang.Expr) { n, ok = c.Integer(value) })
	return n, ok
}

func (c *Constants) unary(e *lang.Unary) (int64, bool) {
	x, ok := c.Integer(e.X)
	if !ok {
		return 0, false
	}
	switch e.Op {
	case "-":
		if c.typeOf(e).Size == 4 {
			return int64(int32(-x)), true
		}
		return -x, true
	case "~":
		if t := c.typeOf(e); t.Size == 4 && !t.Signed {
			return int64(^uint32(x)), true // of an enum without negative values
		}
		return ^x, true
	case "!":
		return boolean(x == 0), true
	case "comptime":
		return x, true
	}
	return 0, false
}

func boolean(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// ternary wants to know both outcomes: whether the choice is signed depends on the one
// not taken, too.
func (c *Constants) ternary(e *lang.Ternary) (int64, bool) {
	cond, known := c.Integer(e.Cond)
	x, y := cond, int64(0)
	if e.X != nil && known {
		x, known = c.Integer(e.X)
	}
	if known {
		y, known = c.Integer(e.Y)
	}
	if cond == 0 {
		return y, known
	}
	return x, known
}

func (c *Constants) binary(e *lang.Binary) (int64, bool) {
	x, xok := c.Integer(e.X)
	y, yok := c.Integer(e.Y)
	if !xok || !yok {
		return c.texts(e)
	}
	unsigned := !Signed(c.typeOf(e.X), c.typeOf(e.Y))
	switch e.Op {
	case "+":
		return x + y, true
	case "-":
		return x - y, true
	case "*":
		return x * y, true
	case "/", "%":
		return divide(e.Op, x, y, unsigned)
	case "<<":
		return x << (uint64(y) & 63), true
	case ">>":
		return shiftRight(x, y, !beyondSigned(c.typeOf(e.X))), true
	case "|":
		return x | y, true
	case "&":
		return x & y, true
	case "^":
		return x ^ y, true
	case "&&":
		return boolean(x != 0 && y != 0), true
	case "||":
		return boolean(x != 0 || y != 0), true
	}
	if unsigned {
		return compared(e.Op, cmp.Compare(uint64(x), uint64(y)))
	}
	return compared(e.Op, cmp.Compare(x, y))
}

// texts compares texts up to their first zero.
func (c *Constants) texts(e *lang.Binary) (int64, bool) {
	x, xok := c.Text(e.X)
	y, yok := c.Text(e.Y)
	if !xok || !yok {
		return 0, false
	}
	x, _, _ = strings.Cut(x, "\x00")
	y, _, _ = strings.Cut(y, "\x00")
	return compared(e.Op, cmp.Compare(x, y))
}

// compared is the value of a comparison whose sides are in the order that cmp.Compare
// returned.
func compared(op lang.Operator, order int) (int64, bool) {
	switch op {
	case "==":
		return boolean(order == 0), true
	case "!=":
		return boolean(order != 0), true
	case "<":
		return boolean(order < 0), true
	case "<=":
		return boolean(order <= 0), true
	case ">":
		return boolean(order > 0), true
	case ">=":
		return boolean(order >= 0), true
	}
	return 0, false
}

func shiftRight(x, y int64, signed bool) int64 {
	if signed {
		return x >> (uint64(y) & 63)
	}
	return int64(uint64(x) >> (uint64(y) & 63))
}

// divide is x / y or x % y as the machine computes them; nothing is known of a division
// by zero.
func divide(op lang.Operator, x, y int64, unsigned bool) (int64, bool) {
	switch {
	case y == 0:
		return 0, false
	case unsigned && op == "/":
		return int64(uint64(x) / uint64(y)), true
	case unsigned:
		return int64(uint64(x) % uint64(y)), true
	case op == "/":
		return x / y, true
	}
	return x % y, true
}

// typeOf is the type of an expression that Integer knows the value of, as the checker
// would find it.
func (c *Constants) typeOf(e lang.Expr) *types.Type {
	switch e := lang.Unparen(e).(type) {
	case *lang.Integer:
		return integerType(e)
	case *lang.Positional:
		return c.parameterType(e.Index)
	case *lang.Name:
		return c.nameType(e)
	case *lang.Unary:
		return c.unaryType(e)
	case *lang.Binary:
		return c.binaryType(e)
	case *lang.Ternary:
		return c.ternaryType(e)
	case *lang.Field:
		if value := c.literalField(e); value != nil {
			return c.typeOf(value)
		}
	case *lang.Call:
		return c.typed(e)
	}
	return types.Int32
}

// parameterType is the type of a positional parameter that is a number: that of a
// literal, where a literal can say it.
func (c *Constants) parameterType(index int) *types.Type {
	n, _ := c.parameter(index)
	switch text := c.argument(index); {
	case n < 0 && !strings.HasPrefix(text, "-"):
		return types.Uint64
	case n < -math.MaxInt32 || n > math.MaxInt32:
		return types.Int64
	}
	return types.Int32
}

func (c *Constants) nameType(name *lang.Name) *types.Type {
	if name.Name == "true" || name.Name == "false" {
		return types.Boolean
	}
	if _, defined := c.defined(name); defined {
		t := types.Int32
		c.follow(name, func(value lang.Expr) { t = c.typeOf(value) })
		return t
	}
	value, t, _ := c.target.Constant(name.Name)
	return constantType(value, t)
}

func (c *Constants) unaryType(e *lang.Unary) *types.Type {
	switch e.Op {
	case "!":
		return types.Boolean
	case "-":
		return negated(e.X, c.typeOf(e.X))
	case "comptime":
		return c.typeOf(e.X)
	}
	return inverted(c.typeOf(e.X))
}

func (c *Constants) binaryType(e *lang.Binary) *types.Type {
	switch e.Op {
	case "&&", "||", "==", "!=", "<", "<=", ">", ">=":
		return types.Boolean
	}
	return arithmeticType(e.Op, c.typeOf(e.X), c.typeOf(e.Y))
}

func (c *Constants) ternaryType(e *lang.Ternary) *types.Type {
	first := e.X
	if first == nil {
		first = e.Cond
	}
	x, y := c.typeOf(first), c.typeOf(e.Y)
	if x.Equal(y) {
		return x
	}
	return common(x, y)
}
