package sema

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/target"
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
	case *lang.Record:
		return c.record(e)
	case *lang.BlockExpr:
		return c.blockExpression(e, e == c.instance.called)
	case *lang.TypeExpr:
		c.Errorf(e.Span, "%s is a type, and a value is wanted here", e.Type.Span.Text())
		return nil
	case *lang.Paren:
		return c.expression(e.X)
	}
	panic("sema: an expression without a rule")
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
	if m := c.macros[e.Name]; m != nil && len(m.Params) == 0 {
		return c.expression(c.instance.bare(e))
	}
	if e.Name == "true" || e.Name == "false" {
		return types.Boolean
	}
	if value, ok := c.defined(e); ok {
		return c.expression(value)
	}
	if value, t, ok := c.target.Constant(e.Name); ok {
		return constantType(value, t)
	}
	c.Errorf(e.Span, "%s is not known: no builtin, constant or enum value has this name", e.Name)
	if builtin.FunctionNamed(e.Name) != nil || builtin.AggregationNamed(e.Name) != nil || c.functions[e.Name] != nil {
		c.Hint("it is a function: %s()", e.Name)
	} else {
		c.nearest(e.Name, slices.Concat(builtin.Names(), c.Constants.names(), c.target.NearestConstant(e.Name)))
	}
	return nil
}

// defined returns what the script defines a name as, unless that leads back to the name.
func (c *checker) defined(e *lang.Name) (lang.Expr, bool) {
	value, ok := c.Constants.defined(e)
	if !ok {
		return nil, false
	}
	if slices.Contains(c.instance.expanding, e.Name) {
		c.Errorf(e.Span, "%s is defined by itself", e.Name)
		return nil, false
	}
	c.instance.expanding = append(c.instance.expanding, e.Name)
	c.Constants.within(e.Span, func() { c.expression(value) })
	c.instance.expanding = c.instance.expanding[:len(c.instance.expanding)-1]
	c.instance.Defined[e] = value
	return value, true
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
	c.mention(e, v)
	if v.untyped && v.Type.Kind == types.None {
		c.Errorf(e.Span, "$%s has no type, for nothing is assigned to it", e.Name)
		c.Hint("let $%s : uint64", e.Name)
	}
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
		return c.addressOf(e, t)
	case e.Op == "comptime":
		return c.comptime(e, t)
	case !t.Integer():
		c.Errorf(e.Span, "%s does not apply to %s", e.Op, t)
		return nil
	case e.Op == "-":
		return negated(e.X, t)
	}
	return promoted(t)
}

// negated keeps -1 an int. What may be the smallest int, or an unsigned number, has a negative of 64 bits.
func negated(e lang.Expr, t *types.Type) *types.Type {
	_, literal := lang.Unparen(e).(*lang.Integer)
	switch {
	case t.Size == 8 && !t.Signed:
		return t
	case t.Size < 4 || t.Kind == types.Bool || t.Size == 4 && literal:
		return types.Int32
	}
	return types.Int64
}

func (c *checker) dereference(e *lang.Unary, t *types.Type) *types.Type {
	if t.Kind != types.Pointer || t.Elem == nil || t.Elem.Size == 0 {
		c.Errorf(e.Span, "* wants a pointer to something, not %s", t)
		return nil
	}
	return inherit(t.Elem, t)
}

// addressOf is the type of `&x`: of a $variable, or of what lies in the memory of the kernel or a process.
func (c *checker) addressOf(e *lang.Unary, t *types.Type) *types.Type {
	x := lang.Unparen(e.X)
	pointer := types.NewPointer(own(t))
	switch x := x.(type) {
	case *lang.Variable:
		if v := c.instance.Variables[x]; v != nil {
			c.share(v)
		}
		return pointer
	case *lang.Field, *lang.Index, *lang.Unary:
		if member, ok := x.(*lang.Field); ok && c.isBitfield(member) {
			c.Errorf(e.Span, "a bitfield has no address")
			return nil
		}
		pointer.User = t.User
		if c.foreign(x) {
			return pointer
		}
	}
	c.Errorf(e.Span, "%s has no address", e.X.Range().Text())
	c.Hint("variables have one, and what a pointer leads to: &$x, &$p->member")
	return nil
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

// Foreign reports whether a value lies in the memory of the kernel or of a process: behind a pointer.
func (i *Instance) Foreign(e lang.Expr) bool {
	switch e := lang.Unparen(e).(type) {
	case *lang.Field:
		return i.Types[e.X].Kind == types.Pointer || i.arguments(e.X) || i.Foreign(e.X)
	case *lang.Index:
		return i.Types[e.X].Kind == types.Pointer || i.Foreign(e.X)
	case *lang.Unary:
		return e.Op == "*"
	}
	return false
}

func (i *Instance) arguments(e lang.Expr) bool {
	_, ok := i.Types[e].Origin.(*builtin.Arguments)
	return ok
}

func (c *checker) foreign(e lang.Expr) bool { return c.instance.Foreign(e) }

// comptime demands a value that is known before tracing starts.
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
	if v, ok := lang.Unparen(e.X).(*lang.Variable); ok {
		if known := c.instance.scope.find(v.Name); known != nil && known.Type.Kind == types.Pointer {
			c.assignTarget(v, moved(known.Type), e.Span, true)
			return known.Type
		}
	}
	c.assignTarget(e.X, types.Int64, e.Span, true)
	return c.stepped(e.X)
}

// stepped is the type of what ++ or -- changed.
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
		return nil
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

func (c *checker) comparison(e *lang.Binary, x, y *types.Type) *types.Type {
	equality := e.Op == "==" || e.Op == "!="
	switch {
	case equality && c.probeNames(e, x, y):
	case x.Kind == types.ProbeName || y.Kind == types.ProbeName:
		c.Errorf(e.Span, "a %s can only be compared with a literal text, by == or !=", types.Probe)
		return nil
	case x.Scalar() && y.Scalar():
	case x.Kind == types.String && y.Kind == types.String:
	case equality && comparable(x, y):
	default:
		c.Errorf(e.Span, "%s cannot compare %s with %s", e.Op, x, y)
		return nil
	}
	return types.Boolean
}

// comparable reports whether two values of the types are equal when their bytes are.
func comparable(x, y *types.Type) bool {
	switch x.Kind {
	case types.Tuple, types.Record, types.Array, types.Struct, types.MACAddress, types.NetworkAddress, types.UserSymbol,
		types.KernelStack, types.UserStack:
		_, ok := widen(x, y)
		return ok
	}
	return false
}

// probeNames reports whether the comparison is one of indices: of two names, or of one with a text known here.
func (c *checker) probeNames(e *lang.Binary, x, y *types.Type) bool {
	_, xText := c.Text(e.X)
	_, yText := c.Text(e.Y)
	return x.Kind == types.ProbeName && (y.Kind == types.ProbeName || yText) || y.Kind == types.ProbeName && xText
}

func (c *checker) arithmetic(e *lang.Binary, x, y *types.Type) *types.Type {
	if x.Kind == types.Pointer && y.Kind == types.Pointer && e.Op == "-" {
		return types.Int64
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
	if e.Op == "<<" || e.Op == ">>" {
		return types.NewInt(8, promoted(x).Signed)
	}
	return types.NewInt(8, Signed(x, y))
}

// moved is the type of a pointer some elements further, which the verifier does not know by its type any more.
func moved(pointer *types.Type) *types.Type {
	t := *pointer
	t.Trusted = false
	return &t
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
	statement := e == c.instance.called
	c.condition(e.Cond)
	if statement && e.X != nil {
		c.effect(e.X)
		c.effect(e.Y)
		return nil
	}
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
	t, ok := widen(c.stored(first), c.stored(second))
	if !ok {
		c.Errorf(e.Span, "the two outcomes have different types: %s and %s", first, second)
		return nil
	}
	return t
}

// effect checks an expression that need not have a value.
func (c *checker) effect(e lang.Expr) {
	c.instance.called = lang.Unparen(e)
	c.expression(e)
}

func (c *checker) tuple(e *lang.Tuple) *types.Type {
	parts, ok := c.parts(e.Span, e.Elems)
	if !ok {
		return nil
	}
	return types.NewTuple(parts...)
}

// parts returns the types of the parts of a tuple or record.
func (c *checker) parts(span lang.Span, elems []lang.Expr) ([]*types.Type, bool) {
	parts, size, known := make([]*types.Type, len(elems)), 0, true
	for i, elem := range elems {
		t := c.expression(elem)
		if t.Kind == types.None || !c.storable(elem, t) {
			known = false
			continue
		}
		parts[i] = c.stored(t)
		size += parts[i].Size
	}
	if size > maxValueSize {
		c.Errorf(span, "this has %d bytes, and a value has %d at most", size, maxValueSize)
		known = false
	}
	return parts, known
}

func (c *checker) record(e *lang.Record) *types.Type {
	names, values := make([]string, len(e.Fields)), make([]lang.Expr, len(e.Fields))
	for i, field := range e.Fields {
		if slices.Contains(names[:i], field.Name) {
			c.Errorf(field.NameSpan, "the record has a field %s already", field.Name)
			return nil
		}
		names[i], values[i] = field.Name, field.Value
	}
	parts, ok := c.parts(e.Span, values)
	if !ok {
		return nil
	}
	return types.NewRecord(names, parts)
}

// blockExpression checks `{ statements; value }`. As a statement it needs no value.
func (c *checker) blockExpression(e *lang.BlockExpr, statement bool) (t *types.Type) {
	c.inScope(c.instance.scope, func() {
		c.statements(e.Statements)
		switch {
		case e.Value == nil && !statement:
			c.Errorf(e.Span, "this block has no value")
			c.Hint("its last statement, without a semicolon, is the value")
		case e.Value != nil:
			if statement {
				c.instance.called = lang.Unparen(e.Value)
			}
			t = c.expression(e.Value)
		}
	})
	return t
}

func (c *checker) call(e *lang.Call) *types.Type {
	if f := builtin.FunctionNamed(e.Name); f != nil {
		if !c.arity(e, f.MinArgs, f.MaxArgs, f.Signature) {
			return nil
		}
		if f.Unsafe && !c.Settings.Unsafe {
			c.Errorf(e.NameSpan, "%s() changes the system and is allowed only with --unsafe", e.Name)
		}
		statement := e == c.instance.called
		t := f.Check(hooks{c}, e)
		if f.Literal != nil && t != nil && t.Kind != types.None {
			c.instance.literals[e] = f.Literal(hooks{c}, e)
		}
		if f.Void() && !statement {
			c.Errorf(e.Span, "%s() has no value", e.Name)
		}
		return t
	}
	if f := c.functions[e.Name]; f != nil {
		return c.callFunction(e, f)
	}
	if m := c.macros[e.Name]; m != nil {
		return c.callMacro(e, m)
	}
	if a := builtin.AggregationNamed(e.Name); a != nil {
		c.Errorf(e.Span, "%s() must be assigned to a map", e.Name)
		c.Hint("@ = %s", e.Span.Text())
		return nil
	}
	c.Errorf(e.NameSpan, "there is no function %s", e.Name)
	c.nearest(e.Name, slices.Concat(builtin.Names(), slices.Collect(maps.Keys(c.functions)), slices.Collect(maps.Keys(c.macros))))
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
	if tuple(t) {
		return c.part(e, t)
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

// Part returns the field of a tuple or record that a name or number means.
func Part(t *types.Type, name string) (types.Field, bool) {
	if n, err := strconv.Atoi(name); err == nil && t.Kind == types.Tuple && n < len(t.Fields) {
		return t.Fields[n], true
	}
	for _, field := range t.Fields {
		if field.Name == name && name != "" {
			return field, true
		}
	}
	return types.Field{}, false
}

func (c *checker) part(e *lang.Field, t *types.Type) *types.Type {
	field, ok := Part(t, e.Name)
	switch {
	case ok:
		return field.Type
	case t.Kind == types.Tuple:
		c.Errorf(e.NameSpan, "the tuple has %s, counted from .0", counted(len(t.Fields), "part"))
	default:
		c.Errorf(e.NameSpan, "the record has no field %s", e.Name)
		names := make([]string, len(t.Fields))
		for i, field := range t.Fields {
			names[i] = field.Name
		}
		c.nearest(e.Name, names)
	}
	return nil
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
	case t.Kind == types.String:
		return types.NewInt(1, true)
	case t.Kind == types.Buffer:
		return types.NewInt(1, false)
	}
	c.Errorf(e.X.Range(), "%s has no elements", t)
	return nil
}

func (c *checker) cast(e *lang.Cast) *types.Type {
	from := c.expression(e.X)
	to := c.castType(e, from)
	if from.Kind == types.None || to == nil {
		return nil
	}
	if !castable(from, to) {
		c.Errorf(e.Span, "%s cannot be cast to %s", from, to)
		if from.Kind == types.Struct && to.Kind == types.Struct {
			c.Hint("cast a pointer and follow it: *(%s *)&x", to)
		}
		return nil
	}
	if to.Kind == types.Pointer && from.User {
		user := *to
		user.User = true
		return &user
	}
	return to
}

// castType resolves the type of a cast; `[]` takes its length from the value.
func (c *checker) castType(e *lang.Cast, from *types.Type) *types.Type {
	if e.Type.Array != 0 || e.Type.Of != nil {
		return c.namedType(e.Type)
	}
	elem := *e.Type
	elem.Array = -1
	t := c.namedType(&elem)
	if t == nil || t.Size == 0 || from.Size%t.Size != 0 {
		return t
	}
	return types.NewArray(t, from.Size/t.Size)
}

// castable: numbers and pointers become each other; integers and arrays of the same size do, for that is what
// they look like in memory; a text is cut, padded or read as an array of bytes.
func castable(from, to *types.Type) bool {
	switch {
	case from.Scalar() && to.Scalar(), from.Equal(to):
		return true
	case to.Kind == types.Array && from.Integer(), from.Kind == types.Array && to.Integer():
		return from.Size == to.Size || to.Kind == types.Array && to.Size <= 8 && powerOfTwo(to.Size)
	case to.Kind == types.String && from.Kind == types.String:
		return true
	case to.Kind == types.Array && from.Kind == types.Array:
		return from.Size == to.Size
	case to.Kind == types.String && from.Kind == types.Array, to.Kind == types.Array && from.Kind == types.String:
		return from.Size == to.Size
	}
	_, ok := widen(to, from)
	return ok
}

func powerOfTwo(n int) bool { return n > 0 && n&(n-1) == 0 }

// namedType resolves a written type, or reports why it cannot. A string without a size has that of the setting.
func (c *checker) namedType(name *lang.TypeName) *types.Type {
	if name.Of != nil {
		return c.typeOfExpression(name)
	}
	if d := c.Constants.definition(name.Name, name.Span); d != nil && d.Type != nil && name.Tag == "" && c.Constants.depth < maxDefines {
		return c.definedType(name, d)
	}
	t, err := c.target.Named(name)
	var unknown *target.UnknownType
	switch {
	case errors.As(err, &unknown):
		c.report(lang.Diagnostic{Span: name.Span, Message: "this kernel has no type " + unknown.Name, Hint: unknown.Hint()})
		return nil
	case err != nil:
		c.Errorf(name.Span, "%v", err)
		return nil
	case t.Kind == types.String && t.Size == 0:
		return types.NewString(c.Settings.MaxStringSize)
	}
	return c.bounded(name, t)
}

// definedType resolves a name that a #define gives to a type, with the pointers and the array of its use.
func (c *checker) definedType(name *lang.TypeName, d *lang.Directive) *types.Type {
	var t *types.Type
	c.Constants.within(name.Span, func() {
		if d.Type.Name == name.Name && d.Type.Tag == "" {
			c.Errorf(name.Span, "%s is defined by itself", name.Name)
			return
		}
		t = c.namedType(d.Type)
	})
	if t == nil {
		return nil
	}
	return c.bounded(name, wrapped(t, name))
}

// wrapped adds the pointers and the array of a written type.
func wrapped(t *types.Type, name *lang.TypeName) *types.Type {
	for range name.Pointers {
		t = types.NewPointer(t)
	}
	if name.Array > 0 {
		t = types.NewArray(t, name.Array)
	}
	return t
}

func (c *checker) bounded(name *lang.TypeName, t *types.Type) *types.Type {
	if t.Size > maxValueSize {
		c.Errorf(name.Span, "%s is larger than a value can be, %d bytes", name.Span.Text(), maxValueSize)
		return nil
	}
	return t
}

func (c *checker) typeOfExpression(name *lang.TypeName) *types.Type {
	t := types.NoValue
	if e, ok := name.Of.(*lang.TypeExpr); ok {
		t = c.namedType(e.Type)
	} else {
		t = c.expression(name.Of)
	}
	if t == nil || t.Kind == types.None {
		return nil
	}
	return c.bounded(name, wrapped(own(t), name))
}
