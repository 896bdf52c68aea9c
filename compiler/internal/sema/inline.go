package sema

import (
	"fmt"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// maxCopied bounds how many nodes of functions and macros are copied into a clause, those
// that they call included: two calls in each of twenty would be a million copies.
const maxCopied = 100_000

// Inline is a function copied to a call.
type Inline struct {
	Function *lang.Function
	Params   []*Variable
	Body     *lang.Block
	Result   *types.Type // NoValue without one
}

// copied reports whether one more copy may be made.
func (c *checker) copied(span diag.Span, name string) bool {
	if slices.Contains(c.instance.expanding, name) && c.callsItself(name) {
		c.Errorf(span, "%s calls itself, and a program in the kernel must end", name)
		c.Hint("a loop can do it: while, or for ($i : 0..n)")
		if builtin.FunctionNamed(name) != nil {
			c.Hint("what is built in has the name __builtin_%s as well", name)
		}
		return false
	}
	if c.instance.left < 0 {
		c.Errorf(span, "the functions and macros of this clause are too large together, those that they call included")
		return false
	}
	return true
}

// callsItself tells a function or macro whose body leads back to it from one that is only
// used in its own argument.
func (c *checker) callsItself(name string) (found bool) {
	c.reach(c.bodyOf(name), func(node any) {
		switch node := node.(type) {
		case *lang.Call:
			found = found || node.Name == name && c.shadows(name, len(node.Args))
		case *lang.Name:
			found = found || node.Name == name && c.callsBare(name)
		}
	})
	return found
}

// copier makes a copy of something, once for each call.
func (c *checker) copier(copying func(*lang.Substitution)) {
	s := &lang.Substitution{Left: c.instance.left}
	copying(s)
	c.instance.left -= (c.instance.left - s.Left) * c.instance.repeats
}

// callFunction checks a call of a function of the script.
func (c *checker) callFunction(e *lang.Call, f *lang.Function) *types.Type {
	if len(e.Args) != len(f.Params) {
		c.report(diag.Diagnostic{Span: e.Span, Message: takes(f.Name, len(f.Params), len(e.Args)),
			Related: []diag.Related{{Span: f.NameSpan, Message: "declared here"}}})
		return nil
	}
	statement := e == c.instance.called
	args := make([]*types.Type, len(e.Args))
	for i, arg := range e.Args {
		args[i] = c.expression(arg)
	}
	if !c.copied(e.NameSpan, f.Name) {
		return nil
	}
	inline := c.instance.Inlines[e]
	if inline == nil {
		inline = &Inline{Function: f, Result: types.NoValue}
		c.copier(func(s *lang.Substitution) { inline.Body = s.Block(f.Body) })
		c.instance.Inlines[e] = inline
	}
	if c.instance.left < 0 {
		return nil
	}
	c.checkInline(e, inline, args)
	if !statement && !returnsValue(f) {
		c.Errorf(e.Span, "%s has no value: its declaration names no type", f.Name)
		c.Hint("fn %s(...) : uint64 { ... }", f.Name)
	}
	return inline.Result
}

func (c *checker) checkInline(e *lang.Call, inline *Inline, args []*types.Type) {
	instance := c.instance
	called, loops := instance.called, instance.loops
	instance.loops = 0
	instance.inlined = append(instance.inlined, inline)
	instance.expanding = append(instance.expanding, inline.Function.Name)
	c.inScope(nil, func() {
		inline.Params = inline.Params[:0]
		for i, p := range inline.Function.Params {
			inline.Params = append(inline.Params, c.parameterOf(e, p, inline, args[i], i))
		}
		c.resultOf(inline)
		c.block(inline.Body)
	})
	instance.inlined = instance.inlined[:len(instance.inlined)-1]
	instance.expanding = instance.expanding[:len(instance.expanding)-1]
	instance.called, instance.loops = called, loops
}

// parameterOf declares a parameter of the copy. Its node is the argument's call and
// place, not the declaration's, which all copies share.
func (c *checker) parameterOf(e *lang.Call, p *lang.Param, inline *Inline, arg *types.Type, i int) *Variable {
	v := &Variable{Name: p.Variable.Name, Span: p.Variable.Span, Type: types.NoValue}
	if i < cap(inline.Params) && inline.Params[:cap(inline.Params)][i] != nil {
		v = inline.Params[:cap(inline.Params)][i]
	}
	v.depth, v.part = c.instance.depth, c.instance.part
	c.instance.scope.variables[v.Name] = v
	c.fix(v, p.Type)
	if arg.Kind != types.None && v.Type.Kind != types.None && c.storable(e.Args[i], arg) && !convertible(arg, v.Type) {
		c.report(diag.Diagnostic{Span: e.Args[i].Range(), Message: fmt.Sprintf("$%s of %s is %s, not %s", v.Name, e.Name, v.Type, arg),
			Related: []diag.Related{{Span: p.Span, Message: "declared here"}}})
	}
	v.Type = inSpaceOf(v.Type, arg)
	return v
}

func (c *checker) resultOf(inline *Inline) {
	if !returnsValue(inline.Function) {
		return
	}
	if t := c.namedType(inline.Function.Result); t != nil {
		inline.Result = c.complete(t)
	}
}

func returnsValue(f *lang.Function) bool {
	return f.Result != nil && (f.Result.Name != "void" || f.Result.Pointers > 0)
}

// returns checks `return` and `return value`.
func (c *checker) returns(s *lang.Return) {
	var value *types.Type
	if s.Value != nil {
		value = c.expression(s.Value)
	}
	if len(c.instance.inlined) == 0 {
		c.returnsClause(s, value)
		return
	}
	inline := c.instance.inlined[len(c.instance.inlined)-1]
	name := inline.Function.Name
	switch {
	case inline.Result.Kind == types.None && s.Value != nil:
		c.Errorf(s.Value.Range(), "%s has no result: its declaration names no type", name)
		c.Hint("fn %s(...) : uint64 { ... }", name)
	case inline.Result.Kind != types.None && s.Value == nil:
		c.Errorf(s.Span, "%s returns %s, and here is no value", name, inline.Result)
	case value != nil && value.Kind != types.None && !convertible(value, inline.Result):
		c.Errorf(s.Value.Range(), "%s returns %s, not %s", name, inline.Result, value)
	case value != nil:
		inline.Result = inSpaceOf(inline.Result, value)
	}
}

// returnsClause: bpftrace lets a clause return a number, which nobody sees.
func (c *checker) returnsClause(s *lang.Return, value *types.Type) {
	if value != nil && value.Kind != types.None && !value.Integer() {
		c.Errorf(s.Value.Range(), "a clause returns nothing, or a number that is ignored")
	}
}

// callMacro checks a macro where it is called.
func (c *checker) callMacro(e *lang.Call, m *lang.Macro) *types.Type {
	if !c.copied(e.NameSpan, m.Name) {
		return nil
	}
	body := c.expansionOf(e, m, diag.Span{})
	if body == nil || c.instance.left < 0 {
		return nil
	}
	statement := e == c.instance.called
	if body.Value == nil && !statement {
		c.report(diag.Diagnostic{Span: e.Span, Message: m.Name + " has no value, for the macro ends with a statement",
			Hint: "its last statement, without a semicolon, is the value", Related: []diag.Related{{Span: m.NameSpan, Message: "declared here"}}})
		statement = true
	}
	c.instance.expanding = append(c.instance.expanding, m.Name)
	t := c.blockExpression(body, statement)
	c.instance.expanding = c.instance.expanding[:len(c.instance.expanding)-1]
	if t == nil {
		t = types.NoValue
	}
	c.instance.Types[body] = t
	return t
}

// expansionOf returns the copy of a macro's body behind a call, which is made once.
func (c *checker) expansionOf(e *lang.Call, m *lang.Macro, place diag.Span) *lang.BlockExpr {
	body := c.instance.Expansions[e]
	if body == nil {
		if body = c.expandMacro(e, m, place); body != nil {
			c.instance.Expansions[e] = body
		}
	}
	return body
}

// callSource checks the call of an entry of the table that is written in the language,
// after the entry has checked the arguments. Its type of the result is the one checked,
// until that of the body is known.
func (c *checker) callSource(
	e *lang.Call, f *builtin.Function, m *lang.Macro, checked *types.Type, statement bool,
) *types.Type {
	if !f.Void() && (checked == nil || checked.Kind == types.None) || !c.copied(e.NameSpan, m.Name) {
		return checked
	}
	body := c.expansionOf(e, m, e.Span)
	if body == nil || c.instance.left < 0 {
		return nil
	}
	before := len(c.diagnostics)
	c.sources++
	t := c.blockExpression(body, statement)
	c.sources--
	if t == nil {
		t = types.NoValue
	}
	c.instance.Types[body] = t
	switch known := t.Kind != types.None; {
	case len(c.diagnostics) > before:
		c.blameCall(e, before, c.diagnostics[before].Message)
		return nil
	case known && !f.Void() && c.stage == proved && !t.Equal(checked):
		c.blameCall(e, before, fmt.Sprintf("it is %s, not %s", t, checked))
		return nil
	case known:
		return t
	}
	return checked
}

// blameCall makes one error about the outermost call of what is wrong in a body.
func (c *checker) blameCall(e *lang.Call, before int, reason string) {
	if c.sources > 0 {
		c.report(diag.Diagnostic{Span: e.Span, Message: reason})
		return
	}
	c.diagnostics = c.diagnostics[:before]
	c.Errorf(e.Span, "%s() cannot be computed here: %s", e.Name, reason)
}

// expandMacro copies the body with the arguments put in, or reports why they do not fit.
// The macro's own variables get names that no script can write, so that they meet none of
// the caller's. All nodes but the arguments get the place, if one is given.
func (c *checker) expandMacro(e *lang.Call, m *lang.Macro, place diag.Span) *lang.BlockExpr {
	if len(e.Args) != len(m.Params) {
		c.report(diag.Diagnostic{Span: e.Span, Message: takes(m.Name, len(m.Params), len(e.Args)),
			Related: []diag.Related{{Span: m.NameSpan, Message: "declared here"}}})
		return nil
	}
	var body *lang.BlockExpr
	c.copier(func(s *lang.Substitution) {
		s.At = place
		s.Variables, s.Maps, s.Names = map[string]*lang.Variable{}, map[string]*lang.Map{}, map[string]lang.Expr{}
		for i, param := range m.Params {
			if !c.passed(s, param, e.Args[i]) {
				return
			}
		}
		c.instance.macros++
		own := fmt.Sprintf("%s %d ", m.Name, c.instance.macros)
		s.Rename = func(name string) string { return own + name }
		body = s.BlockExpr(m.Body)
	})
	return body
}

// passed enters an argument of a macro.
func (c *checker) passed(s *lang.Substitution, param, arg lang.Expr) bool {
	switch param := param.(type) {
	case *lang.Variable:
		v, ok := lang.Unparen(arg).(*lang.Variable)
		if !ok {
			c.Errorf(arg.Range(), "the macro wants a $variable here, as $%s", param.Name)
		}
		s.Variables[param.Name] = v
		return ok
	case *lang.Map:
		m, ok := lang.Unparen(arg).(*lang.Map)
		if !ok || len(m.Keys) > 0 {
			c.Errorf(arg.Range(), "the macro wants a whole map here, as @%s", param.Name)
			return false
		}
		s.Maps[param.Name] = m
	case *lang.Name:
		s.Names[param.Name] = arg
	}
	return true
}

// takes says that a function or macro is given too few or too many arguments.
func takes(name string, wanted, given int) string {
	verb := "are"
	if given == 1 {
		verb = "is"
	}
	return fmt.Sprintf("%s takes %s, and %d %s given", name, counted(wanted, "argument"), given, verb)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
