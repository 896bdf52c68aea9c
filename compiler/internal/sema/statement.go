package sema

import (
	"maps"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
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
	outer := c.instance.scope
	c.instance.scope = &scope{variables: map[string]*Variable{}, outer: outer}
	for _, s := range b.Statements {
		c.statement(s)
	}
	c.instance.scope = outer
}

func (c *checker) statement(s lang.Statement) {
	switch s := s.(type) {
	case *lang.Block:
		c.block(s)
	case *lang.If:
		c.condition(s.Cond)
		c.block(s.Then)
		if s.Else != nil {
			c.statement(s.Else)
		}
	case *lang.ExprStatement:
		c.instance.called, _ = lang.Unparen(s.X).(*lang.Call)
		c.expression(s.X)
	case *lang.Assign:
		c.assign(s)
	case *lang.Return:
		if s.Value != nil {
			c.Errorf(s.Value.Range(), "only a function returns a value")
		}
	default:
		c.Errorf(s.Range(), "this statement is not supported yet")
	}
}

func (c *checker) assign(s *lang.Assign) {
	if call, ok := lang.Unparen(s.Value).(*lang.Call); ok {
		if a := builtin.AggregationNamed(call.Name); a != nil {
			c.aggregate(s, call, a)
			return
		}
	}
	t := c.expression(s.Value)
	if t.Kind == types.None || !c.storable(s.Value, t) {
		c.declareUnknown(s.Target)
		return
	}
	if s.Op != "=" && !t.Integer() {
		c.Errorf(s.Value.Range(), "%s wants a number, not %s", s.Op, t)
		return
	}
	if (s.Op == "/=" || s.Op == "%=") && c.zero(s.Value) {
		return
	}
	if s.Op != "=" && t.Kind != types.Int {
		t = types.Int64
	}
	c.assignTarget(s.Target, t, s.Value.Range(), s.Op != "=")
}

// declareUnknown keeps one error from causing a second: a variable whose value is wrong is declared all
// the same, and the key of a map counts.
func (c *checker) declareUnknown(target lang.Expr) {
	switch target := target.(type) {
	case *lang.Map:
		c.useKey(c.mapNamed(target.Name), target)
	case *lang.Variable:
		if c.instance.scope.find(target.Name) == nil {
			c.instance.scope.variables[target.Name] = &Variable{Name: target.Name, Type: types.NoValue, Span: target.Span}
		}
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
		return
	}
	t := a.Check(hooks{c}, call)
	c.instance.Types[call] = t
	if t.Kind != types.None {
		c.assignMap(m, t, s.Value.Range())
	}
}

// assignTarget gives a variable or map a value of type t; update means that the old value is read.
func (c *checker) assignTarget(target lang.Expr, t *types.Type, span lang.Span, update bool) {
	switch target := target.(type) {
	case *lang.Map:
		if update && c.aggregated(target) {
			return
		}
		c.assignMap(target, stored(t), span)
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
	c.Errorf(m.Span, "@%s is a %s: it grows only by @%s = %s(...)", m.Name, known.Value, m.Name, known.Value)
	return true
}

func (c *checker) assignVariable(e *lang.Variable, t *types.Type, span lang.Span, update bool) {
	v := c.instance.scope.find(e.Name)
	if v == nil && update {
		c.variable(e)
		return
	}
	if v == nil {
		v = c.declare(e)
	}
	c.instance.Variables[e] = v
	v.assigned++
	kept := keep(t, v.assigned == 1)
	if v.Type.Kind == types.None {
		v.Type = kept
		return
	}
	wider, ok := widen(v.Type, kept)
	if !ok {
		c.report(lang.Diagnostic{
			Span:    span,
			Message: "$" + e.Name + " is " + v.Type.String() + " and cannot become " + t.String(),
			Related: []lang.Related{{Span: v.Span, Message: "first assigned here"}},
		})
		return
	}
	if !wider.Equal(v.Type) || wider.Trusted != v.Type.Trusted {
		v.Type, c.changed = wider, true
	}
}

// declare returns the variable of an earlier round, whose type may be wider by now.
func (c *checker) declare(e *lang.Variable) *Variable {
	v := c.instance.declared[e]
	if v == nil {
		v = &Variable{Name: e.Name, Type: types.NoValue, Span: e.Span}
		c.instance.declared[e] = v
	}
	c.instance.scope.variables[e.Name] = v
	return v
}

// keep is stored, but a variable that is assigned once may stay a pointer that the verifier trusts.
func keep(t *types.Type, once bool) *types.Type {
	if t.Kind == types.Pointer && t.Trusted && once {
		return t
	}
	return stored(t)
}

// storable reports a value that no variable, map or tuple holds.
func (c *checker) storable(e lang.Expr, t *types.Type) bool {
	if t.Scalar() || t.Kind == types.String || t.Kind == types.Tuple {
		return true
	}
	text := e.Range().Text()
	c.Errorf(e.Range(), "%s cannot be copied", t)
	switch {
	case t.Aggregation():
		c.Hint("an aggregation is printed by print(%s)", text)
	case t.Kind == types.Struct:
		c.Hint("take the member you want: %s.MEMBER", text)
	case t.Kind == types.Array:
		c.Hint("take an element: %s[0]", text)
	}
	return false
}

// stored is the type in which a value is kept in a map or variable: integers take 8 bytes.
func stored(t *types.Type) *types.Type {
	switch t.Kind {
	case types.Int:
		return types.NewInt(8, t.Signed || t.Size < 8)
	case types.Pointer:
		pointer := *t
		pointer.Trusted = false
		return &pointer
	case types.String:
		return types.NewString((t.Size + 7) / 8 * 8)
	}
	return t
}

// widen returns a type that holds values of both.
func widen(a, b *types.Type) (*types.Type, bool) {
	if a.Kind == types.Pointer && b.Kind == types.Pointer {
		wider := *a
		wider.Trusted = a.Trusted && b.Trusted
		return &wider, true
	}
	if a.Equal(b) {
		return a, true
	}
	switch {
	case a.Kind == types.String && b.Kind == types.String:
		return types.NewString(max(a.Size, b.Size)), true
	case a.Scalar() && b.Scalar() && a.Integer() && b.Integer():
		return types.NewInt(8, (a.Signed || a.Size < 8) && (b.Signed || b.Size < 8)), true
	case a.Aggregation() && a.Kind == b.Kind && a.Kind != types.LinearHist:
		return types.NewAggregation(a.Kind, a.Signed || b.Signed), true
	case a.Kind == types.Tuple && b.Kind == types.Tuple && len(a.Fields) == len(b.Fields):
		return widenTuple(a, b)
	}
	return nil, false
}

func widenTuple(a, b *types.Type) (*types.Type, bool) {
	parts := make([]*types.Type, len(a.Fields))
	for i := range a.Fields {
		part, ok := widen(a.Fields[i].Type, b.Fields[i].Type)
		if !ok {
			return nil, false
		}
		parts[i] = part
	}
	return types.NewTuple(parts...), true
}
