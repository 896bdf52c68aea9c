package sema

import (
	"fmt"
	"math"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

func (c *checker) unary(e *lang.Unary) *types.Type {
	t := c.expression(e.X)
	if e.Op == "-" || e.Op == "~" || e.Op == "!" {
		t = asNumber(c.guessed(t))
	}
	switch {
	case t.Kind == types.None:
		return nil
	case e.Op == "*":
		return c.dereference(e, t)
	case e.Op == "!" && t.Scalar():
		return types.Boolean
	case e.Op == "&":
		return c.addressOf(e, t)
	case e.Op == "comptime":
		return c.comptime(e, t)
	case !t.Integer():
		c.Errorf(e.Span, "%s does not apply to %s", e.Op, t)
		return nil
	case e.Op == "-":
		return negated(e.X, t)
	}
	return inverted(t)
}

// negated is the type of -x: the signed one from int32 on that has the values of x, or
// uint64.
func negated(e lang.Expr, t *types.Type) *types.Type {
	integer, literal := lang.Unparen(e).(*lang.Integer)
	switch {
	case literal && !integer.Unsigned && integer.Value == -math.MinInt64:
		return types.Int64
	case t.Size == 8:
		return types.NewInt(8, t.Signed)
	case t.Size == 4 && !t.Signed:
		return types.Int64
	}
	return types.Int32
}

// dereference is the type of `*p`. A number of 64 bits is the address of another, as in
// bpftrace: *kaddr("avenrun").
func (c *checker) dereference(e *lang.Unary, t *types.Type) *types.Type {
	if t.Kind == types.Int && t.Size == 8 {
		return types.Uint64.Beside(t)
	}
	if t.Kind != types.Pointer || t.Elem == nil || t.Elem.Size == 0 {
		c.Errorf(e.Span, "* wants a pointer to something, not %s", t)
		return nil
	}
	return inherit(t.Elem, t)
}

func (c *checker) addressOf(e *lang.Unary, t *types.Type) *types.Type {
	x := lang.Unparen(e.X)
	pointer := types.NewPointer(own(t))
	if argument := c.varying(x); argument != nil {
		pointer.Elem, pointer.Kernel = argument.Element(), true
		return pointer
	}
	if t.Register {
		pointer.Elem.Register = true
	}
	switch x := x.(type) {
	case *lang.Variable:
		if v := c.instance.Variables[x]; v != nil {
			c.share(v)
			v.Pointed = true
		}
		pointer.Kernel = true
		return pointer
	case *lang.Field, *lang.Index, *lang.Unary:
		if member, ok := x.(*lang.Field); ok && c.isBitfield(member) {
			c.Errorf(e.Span, "a bitfield has no address")
			return nil
		}
		if c.foreign(x) {
			return c.inUsualMemory(pointer.Beside(c.wayTo(x)))
		}
	}
	c.Errorf(e.Span, "%s has no address", e.X.Range().Text())
	c.Hint("variables have one, and what a pointer leads to: &$x, &$p->member")
	return nil
}

// wayTo is the type of the last address on the way to something in memory.
func (c *checker) wayTo(e lang.Expr) *types.Type {
	var whole lang.Expr
	switch e := lang.Unparen(e).(type) {
	case *lang.Field:
		whole = e.X
	case *lang.Index:
		whole = e.X
	case *lang.Unary:
		return c.instance.Types[e.X]
	default:
		return types.NoValue
	}
	if t := c.instance.Types[whole]; t.Kind == types.Pointer {
		return t
	}
	return c.wayTo(whole)
}

func (c *checker) isBitfield(e *lang.Field) bool {
	t := c.expression(e.X)
	if t.Kind == types.Pointer && t.Elem != nil {
		t = t.Elem
	}
	if t.Kind != types.Struct {
		return false
	}
	member, ok := c.target.Member(t, e.Name)
	return ok && member.BitSize > 0
}

func (c *checker) comptime(e *lang.Unary, t *types.Type) *types.Type {
	_, number := c.Integer(e.X)
	_, text := c.Text(e.X)
	if !number && !text {
		c.Errorf(e.X.Range(), "this is not known before tracing starts")
		return nil
	}
	return t
}

func (c *checker) incDec(e *lang.IncDec) *types.Type {
	if pointer := c.known(e.X); pointer.Kind == types.Pointer {
		c.assignTarget(lang.Unparen(e.X), moved(pointer), e.Span, true)
		return pointer
	}
	c.assignTarget(e.X, types.Int64, e.Span, true)
	return c.stepped(e.X)
}

func (c *checker) stepped(target lang.Expr) *types.Type {
	switch target := lang.Unparen(target).(type) {
	case *lang.Variable:
		if v := c.instance.Variables[target]; v != nil {
			return v.Type
		}
	case *lang.Map:
		if m := c.maps[target.Name]; m.Value != nil {
			return m.Value
		}
	}
	return types.NoValue
}

func (c *checker) binary(e *lang.Binary) *types.Type {
	x, y := c.expression(e.X), c.expression(e.Y)
	if x.Kind == types.None || y.Kind == types.None {
		return c.unknownOperand(e, x, y)
	}
	switch e.Op {
	case "&&", "||":
		c.truth(e.X, x)
		c.truth(e.Y, y)
		return types.Boolean
	case "==", "!=", "<", "<=", ">", ">=":
		return c.comparison(e, x, y)
	case "=~", "!~":
		return c.match(e, x, y)
	}
	return c.arithmetic(e, x, y)
}

// unknownOperand is the type of an operation whatever the operand is that is not known.
func (c *checker) unknownOperand(e *lang.Binary, x, y *types.Type) *types.Type {
	switch {
	case c.stage == proved:
		c.unquoted(e.X, y)
		c.unquoted(e.Y, x)
		return nil
	case conditional(e.Op):
		return types.Boolean
	}
	return c.arithmetic(e, c.guessed(x), c.guessed(y))
}

// unquoted suggests quotes for a word that is not known and stands beside a text.
func (c *checker) unquoted(e lang.Expr, other *types.Type) {
	name, ok := lang.Unparen(e).(*lang.Name)
	if !ok || other.Kind != types.String && other.Kind != types.ProbeName || len(c.diagnostics) == 0 {
		return
	}
	last := &c.diagnostics[len(c.diagnostics)-1]
	if last.Span == name.Span && last.Hint == "" && strings.Contains(last.Message, "is not known") {
		last.Hint = fmt.Sprintf("a text stands in quotes: %q", name.Name)
	}
}

// conditional reports whether an operator yields true or false.
func conditional(op lang.Operator) bool {
	switch op {
	case "&&", "||", "==", "!=", "<", "<=", ">", ">=", "=~", "!~":
		return true
	}
	return false
}

func (c *checker) comparison(e *lang.Binary, x, y *types.Type) *types.Type {
	equality := e.Op == "==" || e.Op == "!="
	switch {
	case equality && c.probeNames(e, x, y):
	case x.Kind == types.ProbeName || y.Kind == types.ProbeName:
		c.Errorf(e.Span, "a %s can only be compared with a literal text, by == or !=", types.Probe)
		return nil
	case x.Scalar() && y.Scalar():
	case types.Texts(x, y):
	case equality && comparable(x, y):
	default:
		c.Errorf(e.Span, "%s cannot compare %s with %s", e.Op, x, y)
		c.comparisonHint(e, x, y)
		return nil
	}
	return types.Boolean
}

// comparisonHint tells how to get at the text that is meant.
func (c *checker) comparisonHint(e *lang.Binary, x, y *types.Type) {
	side, other := e.X, x
	if x.Kind == types.String {
		side, other = e.Y, y
	}
	text := side.Range().Text()
	switch {
	case x.Kind != types.String && y.Kind != types.String:
	case other.Kind == types.Pointer, other.Kind == types.Int && other.Size == 8:
		c.Hint("read the text first: str(%s)", text)
	case other.Kind >= types.ErrorText && other.Kind <= types.UserName:
		c.Hint("compare the number that the name stands for")
	}
}

func comparable(x, y *types.Type) bool {
	switch x.Kind {
	case types.Tuple, types.Record, types.Array, types.Struct, types.MACAddress, types.NetworkAddress, types.UserSymbol,
		types.KernelStack, types.UserStack, types.Buffer:
		_, ok := widen(x, y)
		return ok
	}
	return false
}

func (c *checker) probeNames(e *lang.Binary, x, y *types.Type) bool {
	_, xText := c.Text(e.X)
	_, yText := c.Text(e.Y)
	return x.Kind == types.ProbeName && (y.Kind == types.ProbeName || yText) || y.Kind == types.ProbeName && xText
}

func (c *checker) arithmetic(e *lang.Binary, x, y *types.Type) *types.Type {
	if x.Kind == types.Pointer && y.Kind == types.Pointer && e.Op == "-" {
		return types.Int64
	}
	if x.Register || y.Register {
		x, y = asNumber(x), asNumber(y)
		if x.Integer() && y.Integer() && (e.Op == "+" || e.Op == "-") {
			return sumOf(types.Uint64, e.Op, x, y)
		}
	}
	if x.Kind == types.Pointer && y.Integer() && (e.Op == "+" || e.Op == "-") {
		return moved(x)
	}
	if y.Kind == types.Pointer && x.Integer() && e.Op == "+" {
		return moved(y)
	}
	if !x.Integer() || !y.Integer() {
		c.Errorf(e.Span, "%s does not apply to %s and %s", e.Op, x, y)
		c.arithmeticHint(e, x, y)
		return nil
	}
	if (e.Op == "/" || e.Op == "%") && c.zero(e.Y) {
		return nil
	}
	return arithmeticType(e.Op, x, y)
}

// sumOf is the type of x op y as an address: of the memory of the first that is one. What
// is multiplied is an index.
func sumOf(t *types.Type, op lang.Operator, x, y *types.Type) *types.Type {
	switch op {
	case "*", "/", "%":
		return t
	case "<<", ">>":
		return t.Beside(x)
	}
	if x.User || x.Kernel {
		return t.Beside(x)
	}
	return t.Beside(y)
}

// asNumber is what an operator makes of argN and retval, and of what they were assigned
// to.
func asNumber(t *types.Type) *types.Type {
	if !t.Register {
		return t
	}
	return types.Uint64.Beside(t)
}

func moved(pointer *types.Type) *types.Type {
	t := *pointer
	t.Trusted = false
	return &t
}

func (c *checker) zero(divisor lang.Expr) bool {
	n, known := c.Integer(divisor)
	if !known || n != 0 {
		return false
	}
	c.Errorf(divisor.Range(), "division by zero")
	return true
}

func (c *checker) arithmeticHint(e *lang.Binary, x, y *types.Type) {
	for _, side := range []struct {
		e lang.Expr
		t *types.Type
	}{{e.X, x}, {e.Y, y}} {
		switch {
		case side.t.Kind == types.Pointer:
			c.Hint("cast the pointer to a number first: (uint64)%s", side.e.Range().Text())
			return
		case side.t.Floating():
			c.Hint("programs in the kernel have no floating point")
			return
		}
	}
	if x.Kind == types.String && y.Kind == types.String && e.Op == "+" {
		c.Hint("texts are joined by str_concat(%s, %s)", e.X.Range().Text(), e.Y.Range().Text())
	}
}

// arithmeticType is the type of x op y: 64 bits, unsigned where one side is a uint64. A
// shift goes by what is shifted.
func arithmeticType(op lang.Operator, x, y *types.Type) *types.Type {
	if op == "<<" || op == ">>" {
		y = x
	}
	return sumOf(types.NewInt(8, Signed(x, y)), op, x, y)
}

// Signed reports whether an operation on both types is signed: every integer of fewer
// than 64 bits is an int64 to it.
func Signed(x, y *types.Type) bool { return !beyondSigned(x) && !beyondSigned(y) }

// beyondSigned reports whether values of the type may be larger than an int64: those of
// uint64, and addresses.
func beyondSigned(t *types.Type) bool {
	return t.Kind != types.None && (!t.Integer() || t.Size == 8 && !t.Signed)
}

// inverted is the type of ~x: C's, where what is smaller than an int becomes one (C11
// 6.3.1.1).
func inverted(t *types.Type) *types.Type {
	if t.Size < 4 || t.Kind == types.Bool {
		return types.Int32
	}
	return t
}
