package sema

import (
	"math"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// expression returns the type of e, checking it once. NoValue means that an error was reported
// or that a map's type is not known yet.
func (c *checker) expression(e lang.Expr) *types.Type {
	if t, done := c.instance.Types[e]; done {
		return t
	}
	t := c.typeOf(e)
	if t == nil {
		t = types.NoValue
	}
	c.instance.Types[e] = t
	return t
}

func (c *checker) typeOf(e lang.Expr) *types.Type {
	switch e := e.(type) {
	case *lang.Integer:
		return integerType(e)
	case *lang.String:
		return types.NewString(len(e.Value) + 1)
	case *lang.Name:
		return c.name(e)
	case *lang.Variable:
		return c.variable(e)
	case *lang.Positional:
		return c.positional(e)
	case *lang.PositionalCount:
		return types.Int32
	case *lang.Map:
		return c.readMap(e)
	case *lang.Unary:
		return c.unary(e)
	case *lang.IncDec:
		return c.incDec(e)
	case *lang.Binary:
		return c.binary(e)
	case *lang.Ternary:
		return c.ternary(e)
	case *lang.Call:
		return c.call(e)
	case *lang.Field:
		return c.field(e)
	case *lang.Index:
		return c.index(e)
	case *lang.Cast:
		return c.cast(e)
	case *lang.Tuple:
		return c.tuple(e)
	case *lang.Paren:
		return c.expression(e.X)
	}
	c.Errorf(e.Range(), "this expression is not supported yet")
	return nil
}

// integerType follows C: the first of int, long and unsigned long that holds the value.
func integerType(e *lang.Integer) *types.Type {
	switch {
	case e.Unsigned || e.Value > math.MaxInt64:
		return types.Uint64
	case e.Value > math.MaxInt32:
		return types.Int64
	}
	return types.Int32
}

func (c *checker) name(e *lang.Name) *types.Type {
	if f := builtin.FunctionNamed(e.Name); f != nil && f.Bare {
		return c.expression(c.instance.bare(e))
	}
	if e.Name == "true" || e.Name == "false" {
		return types.Boolean
	}
	if constantName(e.Name) {
		if value, t, ok := c.target.Constant(e.Name); ok {
			return constantType(value, t)
		}
	}
	c.Errorf(e.Span, "%s is not known: no builtin, constant or enum value has this name", e.Name)
	if builtin.FunctionNamed(e.Name) != nil || builtin.AggregationNamed(e.Name) != nil {
		c.Hint("it is a function: %s()", e.Name)
	} else {
		c.nearest(e.Name, builtin.Names())
	}
	return nil
}

func constantType(value int64, t *types.Type) *types.Type {
	if t != nil {
		return t
	}
	return integerType(&lang.Integer{Value: uint64(value)})
}

func (c *checker) variable(e *lang.Variable) *types.Type {
	v := c.instance.scope.find(e.Name)
	if v == nil {
		c.Errorf(e.Span, "$%s is used before anything was assigned to it", e.Name)
		c.nearest("$"+e.Name, c.instance.scope.names())
		return nil
	}
	c.instance.Variables[e] = v
	return v.Type
}

func (c *checker) positional(e *lang.Positional) *types.Type {
	if n, number := c.Constants.parameter(e.Index); number {
		return integerType(&lang.Integer{Value: uint64(max(n, -n))})
	}
	text, _ := c.Constants.Text(e)
	return types.NewString(len(text) + 1)
}

func (c *checker) unary(e *lang.Unary) *types.Type {
	t := c.expression(e.X)
	switch {
	case t.Kind == types.None:
		return nil
	case e.Op == "*":
		return c.dereference(e, t)
	case e.Op == "!" && t.Scalar():
		return types.Boolean
	case e.Op == "&":
		c.Errorf(e.Span, "the address of a value cannot be taken")
		return nil
	case !t.Integer():
		c.Errorf(e.Span, "%s does not apply to %s", e.Op, t)
		return nil
	case e.Op == "-" && !(t.Size == 8 && !t.Signed):
		return sized(t.Size, true)
	}
	return promoted(t)
}

// sized keeps -1 an int and makes of smaller types the int that C promotes them to.
func sized(size int, signed bool) *types.Type { return types.NewInt(max(size, 4), signed) }

func (c *checker) dereference(e *lang.Unary, t *types.Type) *types.Type {
	if t.Kind != types.Pointer || t.Elem == nil || t.Elem.Size == 0 {
		c.Errorf(e.Span, "* wants a pointer to something, not %s", t)
		return nil
	}
	return inherit(t.Elem, t)
}

func (c *checker) incDec(e *lang.IncDec) *types.Type {
	c.assignTarget(e.X, types.Int64, e.Span, true)
	return types.Int64
}

func (c *checker) binary(e *lang.Binary) *types.Type {
	x, y := c.expression(e.X), c.expression(e.Y)
	if x.Kind == types.None || y.Kind == types.None {
		return nil
	}
	switch e.Op {
	case "&&", "||":
		c.truth(e.X, x)
		c.truth(e.Y, y)
		return types.Boolean
	case "==", "!=", "<", "<=", ">", ">=":
		return c.comparison(e, x, y)
	}
	return c.arithmetic(e, x, y)
}

func (c *checker) comparison(e *lang.Binary, x, y *types.Type) *types.Type {
	equality := e.Op == "==" || e.Op == "!="
	switch {
	case equality && c.probeNames(e, x, y):
	case x.Kind == types.ProbeName || y.Kind == types.ProbeName:
		c.Errorf(e.Span, "a %s can only be compared with a literal text, by == or !=", types.Probe)
		return nil
	case x.Scalar() && y.Scalar():
	case equality && x.Kind == types.String && y.Kind == types.String:
	default:
		c.Errorf(e.Span, "%s cannot compare %s with %s", e.Op, x, y)
		if x.Kind == types.String && y.Kind == types.String {
			c.Hint("strings can be compared with == and !=")
		}
		return nil
	}
	return types.Boolean
}

// probeNames reports whether the comparison is one of indices: of two names, or of one with a text known here.
func (c *checker) probeNames(e *lang.Binary, x, y *types.Type) bool {
	_, xText := c.Text(e.X)
	_, yText := c.Text(e.Y)
	return x.Kind == types.ProbeName && (y.Kind == types.ProbeName || yText) || y.Kind == types.ProbeName && xText
}

func (c *checker) arithmetic(e *lang.Binary, x, y *types.Type) *types.Type {
	if x.Kind == types.Pointer && y.Integer() && (e.Op == "+" || e.Op == "-") {
		return types.NewPointer(x.Elem)
	}
	if !x.Integer() || !y.Integer() {
		c.Errorf(e.Span, "%s does not apply to %s and %s", e.Op, x, y)
		c.arithmeticHint(e, x, y)
		return nil
	}
	if (e.Op == "/" || e.Op == "%") && c.zero(e.Y) {
		return nil
	}
	if e.Op == "<<" || e.Op == ">>" {
		return types.NewInt(8, promoted(x).Signed)
	}
	return types.NewInt(8, Signed(x, y))
}

// zero reports a divisor that is known to be zero.
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
		if side.t.Kind == types.Pointer {
			c.Hint("cast the pointer to a number first: (uint64)%s", side.e.Range().Text())
			return
		}
	}
}

// promoted is C's integer promotion: what is smaller than an int becomes one.
func promoted(t *types.Type) *types.Type {
	if !t.Integer() {
		return types.Uint64
	}
	if t.Size < 4 || t.Kind == types.Bool {
		return types.Int32
	}
	return t
}

// Signed reports whether an operation on both types is signed, by C's usual arithmetic conversions.
func Signed(x, y *types.Type) bool {
	x, y = promoted(x), promoted(y)
	switch {
	case x.Size > y.Size:
		return x.Signed
	case y.Size > x.Size:
		return y.Signed
	}
	return x.Signed && y.Signed
}

// condition checks an expression that decides.
func (c *checker) condition(e lang.Expr) { c.truth(e, c.expression(e)) }

func (c *checker) truth(e lang.Expr, t *types.Type) {
	if t.Kind != types.None && !t.Scalar() {
		c.Errorf(e.Range(), "%s is neither true nor false", t)
	}
}

func (c *checker) ternary(e *lang.Ternary) *types.Type {
	c.condition(e.Cond)
	x := e.X
	if x == nil {
		x = e.Cond
	}
	first, second := c.expression(x), c.expression(e.Y)
	if first.Kind == types.None || second.Kind == types.None {
		return nil
	}
	if !c.storable(x, first) || !c.storable(e.Y, second) {
		return nil
	}
	t, ok := widen(stored(first), stored(second))
	if !ok {
		c.Errorf(e.Span, "the two outcomes have different types: %s and %s", first, second)
		return nil
	}
	return t
}

func (c *checker) tuple(e *lang.Tuple) *types.Type {
	parts := make([]*types.Type, len(e.Elems))
	for i, elem := range e.Elems {
		t := c.expression(elem)
		if t.Kind == types.None || !c.storable(elem, t) {
			return nil
		}
		parts[i] = stored(t)
	}
	return types.NewTuple(parts...)
}

func (c *checker) call(e *lang.Call) *types.Type {
	if f := builtin.FunctionNamed(e.Name); f != nil {
		if !c.arity(e, f.MinArgs, f.MaxArgs, f.Signature) {
			return nil
		}
		if f.Unsafe && !c.Settings.Unsafe {
			c.Errorf(e.NameSpan, "%s() changes the system and is allowed only with --unsafe", e.Name)
		}
		t := f.Check(hooks{c}, e)
		if f.Void() && e != c.instance.called {
			c.Errorf(e.Span, "%s() has no value", e.Name)
		}
		return t
	}
	if a := builtin.AggregationNamed(e.Name); a != nil {
		c.Errorf(e.Span, "%s() must be assigned to a map", e.Name)
		c.Hint("@ = %s", e.Span.Text())
		return nil
	}
	c.Errorf(e.NameSpan, "there is no function %s", e.Name)
	c.nearest(e.Name, builtin.Names())
	return nil
}

func (c *checker) arity(e *lang.Call, low, high int, signature string) bool {
	if n := len(e.Args); n >= low && (high < 0 || n <= high) {
		return true
	}
	c.Errorf(e.Span, "wrong number of arguments: %s", signature)
	return false
}

// inherit gives what is reached through a pointer or inside a struct the trust of the whole.
func inherit(t, from *types.Type) *types.Type {
	if !from.Trusted && !from.User {
		return t
	}
	child := *t
	child.User = from.User
	switch t.Kind {
	case types.Struct, types.Array:
		child.Trusted = from.Trusted
	case types.Pointer:
		child.User = t.User || from.User
		child.Trusted = from.Trusted && !child.User && t.Elem != nil && t.Elem.Kind == types.Struct && t.Elem.Size > 0
	case types.Int, types.Bool, types.Enum, types.String:
		child.User = false
	}
	return &child
}

func (c *checker) field(e *lang.Field) *types.Type {
	t := c.expression(e.X)
	if t.Kind == types.Pointer && t.Elem != nil {
		t = inherit(t.Elem, t)
	}
	if t.Kind == types.None {
		return nil
	}
	if t.Kind != types.Struct {
		c.notStruct(e, t)
		return nil
	}
	if arguments, ok := t.Origin.(*builtin.Arguments); ok {
		return c.argument(e, t, arguments)
	}
	member, ok := c.target.Member(t, e.Name)
	if !ok {
		c.Errorf(e.NameSpan, "%s has no member %s", t, e.Name)
		c.nearest(e.Name, c.target.MemberNames(t))
		return nil
	}
	return inherit(member.Type, t)
}

func (c *checker) notStruct(e *lang.Field, t *types.Type) {
	c.Errorf(e.X.Range(), "%s has no members: it is %s", e.X.Range().Text(), t)
	if t.Kind == types.Int {
		c.Hint("say what it points at: ((struct NAME *)%s)->%s", e.X.Range().Text(), e.Name)
	}
}

func (c *checker) argument(e *lang.Field, t *types.Type, arguments *builtin.Arguments) *types.Type {
	argument, ok := arguments.Named(e.Name)
	if !ok {
		c.Errorf(e.NameSpan, "%s is not among the %s", e.Name, t.Name)
		c.nearest(e.Name, arguments.Names())
		if c.diagnostics[len(c.diagnostics)-1].Hint == "" {
			c.Hint("there are %s", either(append(slices.Clone(arguments.Names()), "")[:max(1, len(arguments.Names()))]))
		}
		return nil
	}
	return argument.Type
}

func (c *checker) index(e *lang.Index) *types.Type {
	t, i := c.expression(e.X), c.expression(e.I)
	if t.Kind == types.None || i.Kind == types.None {
		return nil
	}
	if !i.Integer() {
		c.Errorf(e.I.Range(), "an index is a number, not %s", i)
		return nil
	}
	switch {
	case t.Kind == types.Array:
		if n, known := c.Integer(e.I); known && (n < 0 || n >= int64(t.Count)) && t.Count > 0 {
			c.Errorf(e.I.Range(), "the array has %d elements, counted from 0", t.Count)
		}
		return inherit(t.Elem, t)
	case t.Kind == types.Pointer && t.Elem != nil && t.Elem.Size > 0:
		pointer := *t
		pointer.Trusted = false
		return inherit(t.Elem, &pointer)
	}
	c.Errorf(e.X.Range(), "%s has no elements", t)
	return nil
}

func (c *checker) cast(e *lang.Cast) *types.Type {
	from := c.expression(e.X)
	to := c.namedType(e.Type)
	if from.Kind == types.None || to == nil {
		return nil
	}
	if !from.Scalar() || !to.Scalar() {
		c.Errorf(e.Span, "%s cannot be cast to %s", from, to)
		return nil
	}
	if to.Kind == types.Pointer && from.User {
		user := *to
		user.User = true
		return &user
	}
	return to
}

func (c *checker) namedType(name *lang.TypeName) *types.Type {
	if name.Array >= 0 {
		c.Errorf(name.Span, "nothing can be cast to an array")
		c.Hint("cast to a pointer and take its elements: ((%s *)x)[0]", name.Name)
		return nil
	}
	t, ok := c.target.Struct(name.Tag, name.Name)
	if !ok {
		c.Errorf(name.Span, "this kernel has no type %s", name.Span.Text())
		if near := c.target.NearestType(name.Name); len(near) > 0 {
			c.Hint("did you mean %s?", either(near))
		}
		return nil
	}
	for range name.Pointers {
		t = types.NewPointer(t)
	}
	return t
}
