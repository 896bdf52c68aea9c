package sema

import (
	"maps"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// scope is the variables of a block and those around it.
type scope struct {
	variables map[string]*Variable
	outer     *scope
}

func (s *scope) find(name string) *Variable {
	for ; s != nil; s = s.outer {
		if v := s.variables[name]; v != nil {
			return v
		}
	}
	return nil
}

func (s *scope) names() []string {
	var names []string
	for ; s != nil; s = s.outer {
		for name := range maps.Keys(s.variables) {
			names = append(names, "$"+name)
		}
	}
	slices.Sort(names)
	return names
}

func (c *checker) block(b *lang.Block) {
	c.inScope(c.instance.scope, func() { c.statements(b.Statements) })
}

// inScope runs check in a new scope inside of outer.
//
//go:noinline
func (c *checker) inScope(outer *scope, check func()) {
	before := c.instance.scope
	c.instance.scope = &scope{variables: map[string]*Variable{}, outer: outer}
	check()
	c.instance.scope = before
}

func (c *checker) statements(list []lang.Statement) {
	for len(list) > 0 {
		n := max(c.instance.Parts[list[0]], 1)
		if c.instance.Parts[list[0]] > 0 {
			c.partOfClause(list[:n])
		} else {
			c.statement(list[0])
		}
		list = list[n:]
	}
}

func (c *checker) statement(s lang.Statement) {
	switch s := s.(type) {
	case *lang.Block:
		c.block(s)
	case *lang.If:
		c.ifStatement(s)
	case *lang.ExprStatement:
		c.effect(s.X)
	case *lang.Discard:
		if t := c.expression(s.Value); t.Kind == types.None {
			c.noValue(s.Value)
		}
	case *lang.Let:
		c.let(s)
	case *lang.Assign:
		c.assign(s)
	case *lang.While:
		c.loop(s.Span, func() {
			c.condition(s.Cond)
			c.block(s.Body)
		})
	case *lang.For:
		c.forLoop(s)
	case *lang.Unroll:
		c.unroll(s)
	case *lang.Break:
		c.inLoop(s.Span, "break")
	case *lang.Continue:
		c.inLoop(s.Span, "continue")
	case *lang.Return:
		c.returns(s)
	}
}

// ifStatement checks both branches, whichever is taken.
func (c *checker) ifStatement(s *lang.If) {
	c.condition(s.Cond)
	taken, known := c.Integer(s.Cond)
	c.branch(known && taken == 0, s.Then)
	if s.Else != nil {
		c.branch(known && taken != 0, s.Else)
	}
}

func (c *checker) branch(skipped bool, s lang.Statement) {
	if skipped {
		c.instance.skipped++
		defer func() { c.instance.skipped-- }()
	}
	c.statement(s)
}

func (c *checker) assign(s *lang.Assign) {
	if call, ok := lang.Unparen(s.Value).(*lang.Call); ok {
		if a := builtin.AggregationNamed(call.Name); a != nil {
			c.aggregate(s, call, a)
			return
		}
	}
	t := c.expression(s.Value)
	if s.Op != "=" {
		t = asNumber(c.guessed(t))
	}
	if t.Kind == types.None || !c.storable(s.Value, t) {
		c.declareUnknown(s.Target)
		return
	}
	if s.Op != "=" && c.movesPointer(s, t) {
		return
	}
	if s.Op != "=" && !t.Integer() {
		c.Errorf(s.Value.Range(), "%s wants a number, not %s", s.Op, t)
		return
	}
	if (s.Op == "/=" || s.Op == "%=") && c.zero(s.Value) {
		return
	}
	if s.Op != "=" {
		t = arithmeticType(operator(s), c.known(s.Target), t)
	}
	c.assignTarget(s.Target, t, s.Value.Range(), s.Op != "=")
}

// operator is that of `x op= y`.
func operator(s *lang.Assign) lang.Operator { return s.Op[:len(s.Op)-1] }

// declareUnknown keeps one error from causing a second: a variable whose value is wrong
// is declared all the same, and the key of a map counts.
func (c *checker) declareUnknown(target lang.Expr) {
	switch target := target.(type) {
	case *lang.Map:
		m := c.mapNamed(target.Name)
		c.useKey(m, target)
		m.open = m.open || m.Value == nil
	case *lang.Variable:
		v := c.instance.scope.find(target.Name)
		if v == nil {
			v = c.declareVariable(target)
		}
		c.mention(target, v)
		v.open = v.Type.Kind == types.None
	}
}

func (c *checker) aggregate(s *lang.Assign, call *lang.Call, a *builtin.Aggregation) {
	m, ok := s.Target.(*lang.Map)
	if !ok || s.Op != "=" {
		c.Errorf(s.Span, "%s() must be assigned to a map with =", call.Name)
		c.Hint("@ = %s", call.Span.Text())
		return
	}
	if !c.arity(call, a.MinArgs, a.MaxArgs, a.Signature) {
		if a.MaxArgs == 0 && len(call.Args) == 1 {
			value := call.Args[0].Range().Text()
			c.Hint("sum(%s) adds values up, hist(%s) shows how they are spread", value, value)
		}
		return
	}
	t := a.Check(hooks{c}, call)
	c.instance.Types[call] = t
	if t.Kind != types.None && c.keepsParts(m, t) {
		c.assignMap(m, t, s.Value.Range())
	}
}

// keepsParts reports a map that drops keys, for rows that are kept in parts: the parts of
// one row would not go together.
func (c *checker) keepsParts(e *lang.Map, t *types.Type) bool {
	m := c.mapNamed(e.Name)
	if m.Kind == nil || !m.Kind.Recent || t.Record.Stored == nil {
		return true
	}
	c.Errorf(e.Span, "@%s drops keys, but %s() keeps the values of each key in parts, of which it would drop some", e.Name, t.Record.Name)
	c.Hint("let @%s = percpuhash(%d) drops none", e.Name, m.Size)
	return false
}

// assignTarget gives a variable or map a value of type t; update means that the old value
// is read.
func (c *checker) assignTarget(target lang.Expr, t *types.Type, span diag.Span, update bool) {
	switch target := target.(type) {
	case *lang.Map:
		if update && c.aggregated(target) {
			return
		}
		c.assignMap(target, c.stored(t), span)
		c.mapNamed(target.Name).Replaced = c.mapNamed(target.Name).Replaced || !update
	case *lang.Variable:
		c.assignVariable(target, t, span, update)
	}
}

func (c *checker) aggregated(m *lang.Map) bool {
	known := c.maps[m.Name]
	if known == nil || known.Value == nil || !known.Value.Aggregation() {
		return false
	}
	c.Errorf(m.Span, "@%s is a %s: it grows only by @%s = %s(...)", m.Name, known.Value, m.Name, known.Value.Record.Name)
	return true
}

func (c *checker) assignVariable(e *lang.Variable, t *types.Type, span diag.Span, update bool) {
	v := c.instance.scope.find(e.Name)
	if v == nil && update {
		c.variable(e)
		return
	}
	if v == nil {
		v = c.declareVariable(e)
	}
	c.mention(e, v)
	if v.Fixed {
		c.assignFixed(v, t, span)
		return
	}
	v.assigned++
	kept := c.keep(t, v.assigned == 1 && !v.Shared)
	if v.Type.Kind == types.None {
		v.Type = kept
		c.changed = true
	}
	v.open = v.open || partial(v.Type)
	wider, ok := c.widen(v.Type, kept)
	if !ok {
		c.report(diag.Diagnostic{
			Span:    span,
			Message: "$" + e.Name + " is " + v.Type.String() + " and cannot become " + t.String(),
			Hint:    textHint(v.Type, t),
			Related: []diag.Related{{Span: v.Span, Message: "first assigned here"}},
		})
		return
	}
	if !same(wider, v.Type) || wider.Trusted != v.Type.Trusted {
		v.Type, c.changed = wider, true
	}
}

// declareVariable returns the variable of an earlier round, whose type may be wider by
// now.
//
//go:noinline
func (c *checker) declareVariable(e *lang.Variable) *Variable {
	v := c.instance.declared[e]
	if v == nil {
		v = &Variable{Name: e.Name, Type: types.NoValue, Span: e.Span}
		c.instance.declared[e] = v
	}
	v.depth, v.part = c.instance.depth, c.instance.part
	c.instance.scope.variables[e.Name] = v
	return v
}

// mention enters that e is the variable v. One that is mentioned from another depth of
// loops or another part is shared.
func (c *checker) mention(e *lang.Variable, v *Variable) {
	c.instance.Variables[e] = v
	if v.depth != c.instance.depth || v.part != c.instance.part {
		c.share(v)
	}
}

func (c *checker) share(v *Variable) {
	if !v.Shared {
		v.Shared, c.changed = true, true
	}
	if v.Type.Trusted {
		v.Type = c.stored(v.Type)
	}
}

// let declares a variable in the innermost block, whatever has the name outside.
func (c *checker) let(s *lang.Let) {
	var value *types.Type
	if s.Value != nil {
		value = c.expression(s.Value)
	}
	if known := c.instance.scope.variables[s.Variable.Name]; known != nil {
		c.report(diag.Diagnostic{Span: s.Variable.Span, Message: "$" + s.Variable.Name + " is declared already in this block",
			Related: []diag.Related{{Span: known.Span, Message: "first declared here"}}})
		return
	}
	v := c.declareVariable(s.Variable)
	c.mention(s.Variable, v)
	v.untyped = s.Type == nil && s.Value == nil
	if s.Type != nil {
		c.fix(v, s.Type)
	}
	if value == nil || value.Kind == types.None || !c.storable(s.Value, value) {
		return
	}
	c.assignVariable(s.Variable, value, s.Value.Range(), false)
}

// fix gives a variable its declared type.
func (c *checker) fix(v *Variable, name *lang.TypeName) {
	t := c.namedType(name)
	if t == nil {
		return
	}
	if t.Size == 0 || t.Size > maxValueSize {
		c.Errorf(name.Span, "no variable can be %s", name.Span.Text())
		return
	}
	v.Type, v.Fixed = c.complete(t).Beside(v.Type), true
}

// assignFixed holds a value against the type that its variable was declared with.
func (c *checker) assignFixed(v *Variable, t *types.Type, span diag.Span) {
	v.assigned++
	if wider := inSpaceOf(v.Type, t); wider != v.Type {
		v.Type, c.changed = wider, true
	}
	if !convertible(t, v.Type) {
		c.report(diag.Diagnostic{Span: span, Message: "$" + v.Name + " is " + v.Type.String() + " and cannot become " + t.String(),
			Hint: textHint(v.Type, t), Related: []diag.Related{{Span: v.Span, Message: "declared here"}}})
	}
}

// movesPointer checks `$p += n` and `@p += n` on a pointer.
func (c *checker) movesPointer(s *lang.Assign, t *types.Type) bool {
	if s.Op != "+=" && s.Op != "-=" || !t.Integer() {
		return false
	}
	pointer := c.known(s.Target)
	if pointer.Kind != types.Pointer {
		return false
	}
	c.assignTarget(s.Target, moved(pointer), s.Span, true)
	return true
}

// known returns the type that a variable or map has from what was assigned to it so far.
func (c *checker) known(target lang.Expr) *types.Type {
	switch target := lang.Unparen(target).(type) {
	case *lang.Variable:
		if v := c.instance.scope.find(target.Name); v != nil {
			return v.Type
		}
	case *lang.Map:
		if m := c.maps[target.Name]; m != nil && m.Value != nil {
			return m.Value
		}
	}
	return types.NoValue
}
