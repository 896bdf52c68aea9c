package sema

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// expression returns the type of e, checking it once. NoValue means that an error was
// reported or that a map's type is not known yet.
func (c *checker) expression(e lang.Expr) *types.Type {
	if t, done := c.instance.Types[e]; done {
		return t
	}
	t := c.typeOf(e)
	if t == nil {
		t = types.NoValue
	}
	switch e.(type) {
	case *lang.Name, *lang.Call, *lang.Field:
		t = c.inUsualMemory(t)
	}
	c.instance.Types[e] = t
	return t
}

func (c *checker) typeOf(e lang.Expr) *types.Type {
	switch e := e.(type) {
	case *lang.Integer:
		return integerType(e)
	case *lang.Decimal:
		c.Errorf(e.Span, "%s", lang.NoFloating)
		c.Hint("%s", lang.FloatHint)
		return nil
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
	f := c.builtinOf(e)
	if f != nil && f.Bare {
		t := c.inPlaceOf(e, c.instance.bare(e))
		if arguments, ok := originOf(t).(*builtin.Arguments); ok && c.instance.container != e {
			return c.allArguments(e, t, arguments)
		}
		return t
	}
	if c.callsBare(e.Name) {
		return c.inPlaceOf(e, c.instance.bare(e))
	}
	if e.Name == "true" || e.Name == "false" {
		return types.Boolean
	}
	if value, ok := c.Constants.defined(e); ok {
		return c.defined(e, value)
	}
	if value, t, ok := c.target.Constant(e.Name); ok {
		return constantType(value, t)
	}
	if _, err := c.target.Named(&lang.TypeName{Name: e.Name, Span: e.Span}); err == nil {
		c.Errorf(e.Span, "%s is a type, and a value is wanted here", e.Name)
		return nil
	}
	if d := c.Constants.definition(e.Name, e.Span); d != nil {
		c.emptyDefine(e, d)
		return nil
	}
	c.Errorf(e.Span, "%s is not known: no builtin, constant or enum value has this name", e.Name)
	if f != nil || builtin.AggregationNamed(e.Name) != nil || c.functions[e.Name] != nil {
		c.Hint("it is a function: %s()", e.Name)
	} else if hint, foreign := builtin.ForeignWord(e.Name); foreign {
		c.Hint("%s", hint)
	} else if c.Scope().Passes(e.Name) {
		c.Hint("it is an argument of the traced function: write args.%s", e.Name)
	} else {
		c.nearest(e.Name, slices.Concat(builtin.Names(), c.Constants.names(), c.target.NearestConstant(e.Name)))
	}
	return nil
}

// callsBare reports whether a word alone is a call of the script's own: of a macro
// without parameters, or of a function that hides a variable of the table.
func (c *checker) callsBare(name string) bool {
	if m := c.macros[name]; m != nil && len(m.Params) == 0 {
		return true
	}
	f := builtin.FunctionNamed(name)
	return f != nil && f.Bare && c.ownFunction(name, 0) != nil
}

func originOf(t *types.Type) any {
	if t == nil {
		return nil
	}
	return t.Origin
}

// emptyDefine reports a name whose #define gives it no value.
func (c *checker) emptyDefine(e *lang.Name, d *lang.Directive) {
	message := fmt.Sprintf("the #define of %s gives it no value", e.Name)
	if text := strings.TrimSpace(d.Text.Text()); text != "" {
		message = fmt.Sprintf("%s is defined as %s, which is no value", e.Name, text)
	}
	c.report(diag.Diagnostic{Span: e.Span, Message: message, Related: []diag.Related{{Span: d.NameSpan, Message: "defined here"}}})
}

// defined is the type of what the script defines a name as.
func (c *checker) defined(e *lang.Name, value lang.Expr) *types.Type {
	if slices.Contains(c.instance.expanding, e.Name) {
		c.Errorf(e.Span, "%s is defined by itself", e.Name)
		return nil
	}
	if !c.writeOut(e) {
		return nil
	}
	c.instance.expanding = append(c.instance.expanding, e.Name)
	c.Constants.within(e.Span, func() { c.inPlaceOf(e, value) })
	c.instance.expanding = c.instance.expanding[:len(c.instance.expanding)-1]
	c.instance.Instead[e] = value
	return c.expression(value)
}

// inPlaceOf checks what a name stands for: a statement, where the name is one.
func (c *checker) inPlaceOf(e *lang.Name, value lang.Expr) *types.Type {
	if c.instance.called == lang.Expr(e) {
		c.instance.called = lang.Unparen(value)
	}
	return c.expression(value)
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
		if f := builtin.FunctionNamed(e.Name); f != nil && f.Bare {
			c.Hint("what is built in has no $: %s", e.Name)
			return nil
		}
		c.nearest("$"+e.Name, c.instance.scope.names())
		return nil
	}
	c.mention(e, v)
	if v.untyped && v.Type.Kind == types.None {
		c.untyped = append(c.untyped, e)
	}
	return v.Type
}

func (c *checker) positional(e *lang.Positional) *types.Type {
	if _, number := c.Constants.parameter(e.Index); number {
		return c.Constants.parameterType(e.Index)
	}
	text, _ := c.Constants.Text(e)
	return types.NewString(len(text) + 1)
}

// negated keeps -1 an int. What may be the smallest int, or an unsigned number, has a
// negative of 64 bits. addressOf is the type of `&x`: of a $variable, or of what lies in
// the memory of the kernel or a process. Foreign reports whether a value lies in the
// memory of the kernel or of a process: behind a pointer. comptime demands a value that
// is known before tracing starts. stepped is the type of what ++ or -- changed.
// comparable reports whether two values of the types are equal when their bytes are.
// probeNames reports whether the comparison is one of indices: of two names, or of one
// with a text known here. moved is the type of a pointer some elements further, which the
// verifier does not know by its type any more. zero reports a divisor that is known to be
// zero. promoted is C's integer promotion: what is smaller than an int becomes one.
// Signed reports whether an operation on both types is signed, by C's usual arithmetic
// conversions. condition checks an expression that decides.
func (c *checker) condition(e lang.Expr) { c.truth(e, c.expression(e)) }

func (c *checker) truth(e lang.Expr, t *types.Type) {
	if t.Kind != types.None && !t.Scalar() {
		c.Errorf(e.Range(), "%s is neither true nor false", t)
		c.truthHint(e, t)
	}
}

// truthHint suggests the comparison that was meant.
func (c *checker) truthHint(e lang.Expr, t *types.Type) {
	switch text := e.Range().Text(); {
	case tuple(t):
		c.Hint("whether a map has a key is has_key(@map, %s)", lang.Unparen(e).Range().Text())
	case t.Kind == types.String:
		c.Hint("compare it: %s == \"text\", or %s != \"\"", text, text)
	case t.Kind == types.Struct:
		c.Hint("compare a member of it: %s.MEMBER", text)
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
		return c.knownOutcome(first, second)
	}
	if !c.storable(x, first) || !c.storable(e.Y, second) {
		return nil
	}
	t, ok := widen(c.keep(first, false), c.keep(second, false))
	if !ok {
		c.Errorf(e.Span, "the two outcomes of ? : have different types, %s and %s", first, second)
		return nil
	}
	return t
}

// knownOutcome is the type of a choice one of whose outcomes is not known yet.
func (c *checker) knownOutcome(first, second *types.Type) *types.Type {
	known := first
	if known.Kind == types.None {
		known = second
	}
	if c.stage == proved || known.Kind == types.None || known.Aggregation() || known.Size == 0 {
		return nil
	}
	return c.keep(known, false)
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
func (c *checker) parts(span diag.Span, elems []lang.Expr) ([]*types.Type, bool) {
	parts, size, known := make([]*types.Type, len(elems)), 0, true
	for i, elem := range elems {
		t := c.expression(elem)
		if t.Kind == types.None && c.stage == likely {
			parts[i] = t
			continue
		}
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
		names[i], values[i] = field.Name, field.Value
	}
	parts, ok := c.parts(e.Span, values)
	if !ok {
		return nil
	}
	return types.NewRecord(names, parts)
}

// blockExpression checks `{ statements; value }`. As a statement it needs no value.
//
//go:noinline
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
	if f := c.builtinOf(e); f != nil {
		if !c.arity(e, f.MinArgs, f.MaxArgs, f.Signature) {
			c.ownArity(e)
			return nil
		}
		if f.Unsafe && !c.Settings.Unsafe {
			c.Errorf(e.NameSpan, "%s() changes the system and is allowed only with --unsafe", e.Name)
		}
		statement := e == c.instance.called
		wrong := len(c.diagnostics)
		t := c.resultType(f, e)
		if strings.Contains(f.Signature, "(string format") && len(e.Args) > 0 {
			c.unquoted(e.Args[0], types.NewString(1))
		}
		if f.Literal != nil && t != nil && t.Kind != types.None {
			t = c.literally(e, f.Literal(hooks{c}, e), t)
		}
		if f.Void() && !statement {
			c.Errorf(e.Span, "%s() has no value", e.Name)
		}
		if m := f.Macro(len(e.Args)); m != nil && len(c.diagnostics) == wrong {
			return c.callSource(e, f, m, t, statement)
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
	if hint := c.meantCall(e); hint != "" {
		c.Hint("%s", hint)
		return nil
	}
	c.nearestFunction(e.Name)
	return nil
}

// nearestFunction hints at functions that look alike. They are looked up once: a macro
// may be copied a hundred thousand times before its errors are found.
func (c *checker) nearestFunction(name string) {
	near, known := c.alike[name]
	if !known {
		names := slices.Concat(builtin.Names(), slices.Collect(maps.Keys(c.functions)), slices.Collect(maps.Keys(c.macros)))
		near = diag.Nearest(name, slices.Values(names), 3)
		c.alike[name] = near
	}
	if len(near) > 0 {
		c.Hint("did you mean %s?", either(near))
	}
}

// meantCall suggests what a call of a name that is no function is in other languages:
// int(x), quantize(x).
func (c *checker) meantCall(e *lang.Call) string {
	written := &lang.TypeName{Name: e.Name, Array: -1, Span: e.NameSpan}
	if _, err := c.target.Named(written); err == nil && len(e.Args) == 1 {
		return fmt.Sprintf("a cast is written (%s)%s", e.Name, e.Args[0].Range().Text())
	}
	hint, _ := builtin.ForeignWord(e.Name)
	return hint
}

// literally keeps what a call stands for. A record of literals is computed in its place.
func (c *checker) literally(e *lang.Call, literal lang.Expr, t *types.Type) *types.Type {
	c.instance.literals[e] = literal
	if record, ok := literal.(*lang.Record); ok {
		c.instance.Instead[e] = record
		return c.expression(record)
	}
	return t
}

// resultType is the type of a call. That of one with an argument that is not known may be
// in the signature.
func (c *checker) resultType(f *builtin.Function, e *lang.Call) *types.Type {
	t := f.Check(hooks{c}, e)
	if t != nil && t.Kind != types.None || c.stage == proved || f.Void() {
		return t
	}
	name, _, _ := strings.Cut(f.Signature, " "+f.Name+"(")
	if name == "string" {
		return types.NewString(8)
	}
	written, err := c.target.Named(&lang.TypeName{Name: name, Array: -1, Span: e.Span})
	if err != nil || written.Size == 0 {
		return t
	}
	return written
}

// ownArity hints at the script's own function or macro of a name that the table has as
// well.
func (c *checker) ownArity(e *lang.Call) {
	if f := c.functions[e.Name]; f != nil {
		c.Hint("the script's own %s takes %s", e.Name, counted(len(f.Params), "argument"))
	} else if m := c.macros[e.Name]; m != nil {
		c.Hint("the script's own %s takes %s", e.Name, counted(len(m.Params), "argument"))
	}
}

func (c *checker) arity(e *lang.Call, low, high int, signature string) bool {
	if n := len(e.Args); n >= low && (high < 0 || n <= high) {
		return true
	}
	c.Errorf(e.Span, "wrong number of arguments: %s", signature)
	return false
}

// inherit gives what is reached through a pointer or inside a struct the trust of the
// whole. Part returns the field of a tuple or record that a name or number means.
// castType resolves the type of a cast; `[]` takes its length from the value. castable:
// numbers and pointers become each other; integers and arrays of the same size do, for
// that is what they look like in memory; a text is cut, padded or read as an array of
// bytes. namedType resolves a written type, or reports why it cannot. A string without a
// size has that of the setting. definedType resolves a name that a #define gives to a
// type, with the pointers and the array of its use. wrapped adds the pointers and the
// array of a written type.
