package sema

import (
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// declarations is what a script declares outside of its clauses.
type declarations struct {
	functions map[string]*lang.Function
	macros    map[string]*lang.Macro
}

func (c *checker) declare(script *lang.Script) {
	c.functions, c.macros = map[string]*lang.Function{}, map[string]*lang.Macro{}
	c.target = c.target.Define(script.Types, c.constantOn, func(span diag.Span, message, hint string) {
		c.report(diag.Diagnostic{Span: span, Message: message, Hint: hint})
	})
	c.Constants.target = c.target
	c.Info.Target = c.target
	for _, f := range script.Functions {
		c.declareFunction(f)
	}
	for _, m := range script.Macros {
		c.declareMacro(m)
	}
	for _, m := range script.Maps {
		c.declareMap(m)
	}
}

// constantOn evaluates an expression of a type's definition, where only what was defined
// before is known.
func (c *checker) constantOn(on *target.Target, e lang.Expr) (int64, bool) {
	constants := *c.Constants
	constants.target = on
	return constants.Integer(e)
}

// ownFunction and ownMacro return what a call of so many arguments means among the
// script's own; nil where it means something built in. A name that both have belongs to
// the script's where the number of arguments is its.
func (d *declarations) ownFunction(name string, args int) *lang.Function {
	f := d.functions[name]
	if f == nil || len(f.Params) != args && builtin.FunctionNamed(name) != nil {
		return nil
	}
	return f
}

func (d *declarations) ownMacro(name string, args int) *lang.Macro {
	m := d.macros[name]
	if m == nil || len(m.Params) != args && builtin.FunctionNamed(name) != nil {
		return nil
	}
	return m
}

// shadows reports whether the script has its own meaning of a name with so many arguments
// that is built in as well.
func (d *declarations) shadows(name string, args int) bool {
	return d.ownFunction(name, args) != nil || d.ownMacro(name, args) != nil
}

// bodyOf returns the body of the function or macro of a name.
func (d *declarations) bodyOf(name string) any {
	if f := d.functions[name]; f != nil {
		return f.Body
	}
	return d.macros[name].Body
}

// builtinOf returns the entry that a node names, called or bare; nil where the script has
// its own.
func (d *declarations) builtinOf(node any) *builtin.Function {
	name, args := "", 0
	switch node := node.(type) {
	case *lang.Name:
		name = node.Name
	case *lang.Call:
		name, args = node.Name, len(node.Args)
	}
	if d.shadows(name, args) {
		return nil
	}
	return builtin.FunctionNamed(name)
}

// free reports whether a name can be declared: it is no aggregation and not declared yet.
func (c *checker) free(name string, span diag.Span) bool {
	switch {
	case builtin.AggregationNamed(name) != nil:
		c.Errorf(span, "%s is built in", name)
		c.Hint("take another name")
		return false
	case c.functions[name] != nil:
		c.twice(name, span, c.functions[name].NameSpan)
		return false
	case c.macros[name] != nil:
		c.twice(name, span, c.macros[name].NameSpan)
		return false
	}
	return true
}

func (c *checker) twice(name string, span, first diag.Span) {
	c.report(diag.Diagnostic{Span: span, Message: name + " is declared twice",
		Related: []diag.Related{{Span: first, Message: "first declared here"}}})
}

func (c *checker) declareFunction(f *lang.Function) {
	if c.free(f.Name, f.NameSpan) {
		c.functions[f.Name] = f
	}
}

func (c *checker) declareMacro(m *lang.Macro) {
	if c.free(m.Name, m.NameSpan) {
		c.macros[m.Name] = m
	}
}

// declareMap enters `let @a = kind(size)`.
func (c *checker) declareMap(d *lang.MapDeclaration) {
	m := c.mapNamed(d.Map.Name)
	if m.Kind != nil {
		c.Errorf(d.Map.Span, "@%s is declared twice", m.Name)
		return
	}
	if m.Kind = builtin.MapKindNamed(d.Kind); m.Kind == nil {
		c.Errorf(d.KindSpan, "there is no kind of map %s", d.Kind)
		c.nearest(d.Kind, builtin.MapKindNames())
		return
	}
	if len(d.Args) != 1 {
		c.Errorf(d.Span, "a map is declared with the number of its keys: let @%s = %s(1000)", m.Name, d.Kind)
		return
	}
	n, known := c.Integer(d.Args[0])
	if !known || n < 1 || n > builtin.MaxMapKeys {
		c.Errorf(d.Args[0].Range(), "the number of keys is a number from 1 to %d", builtin.MaxMapKeys)
		return
	}
	m.Size = int(n)
}

// noValue reports an expression that a value is wanted of, where nothing was reported
// yet.
func (c *checker) noValue(e lang.Expr) {
	if len(c.diagnostics)+len(c.untyped) == 0 && !c.changed {
		c.Errorf(e.Range(), "%s has no value", e.Range().Text())
	}
}

// computed is the type in which an expression sees the value of a map: of an aggregation
// the one number that stands for it.
func (c *checker) computed(e *lang.Map, m *Map) (*types.Type, bool) {
	if !m.Value.Aggregation() {
		return m.Value, true
	}
	if m.Value.Composite() {
		c.Errorf(e.Span, "@%s is a %s, which is not one number", m.Name, m.Value)
		c.Hint("print(%s) prints it", e.Span.Text())
		return nil, false
	}
	if !m.Computed {
		m.Computed, c.changed = true, true
	}
	return types.NewInt(8, m.Value.Signed), true
}
