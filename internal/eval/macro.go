package eval

import (
	"fmt"
	"reflect"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// expand returns a copy of the script without macros and defined names. Every node of it
// is there once.
func expand(script *lang.Script) *lang.Script {
	e := &expander{macros: map[string]*lang.Macro{}, directives: script.Directives}
	for _, m := range script.Macros {
		e.macros[m.Name] = m
	}
	whole := *script
	plain := &copier{expander: e}
	whole.Clauses = copied(plain, script.Clauses)
	whole.Functions = copied(plain, script.Functions)
	return &whole
}

type expander struct {
	macros     map[string]*lang.Macro
	directives []*lang.Directive
	expansions int
}

// defined is what the last #define before its use makes of a name; nil where there is
// none or an #undef came later.
func (e *expander) defined(n *lang.Name) (value lang.Expr) {
	for _, d := range e.directives {
		if d.Name == n.Name && d.Span.Start < n.Span.Start && (d.Keyword == "define" || d.Keyword == "undef") {
			value = d.Value
		}
	}
	return value
}

// copier copies syntax, putting arguments for the parameters of one macro. The variables
// that the macro's body makes for itself get a suffix, so that they meet no others.
type copier struct {
	*expander
	arguments map[string]lang.Expr // by name, with its $ or @
	suffix    string
}

func copied[T any](c *copier, node T) T {
	return c.copy(reflect.ValueOf(&node).Elem()).Interface().(T)
}

var (
	spanType   = reflect.TypeFor[diag.Span]()
	sourceType = reflect.TypeFor[*diag.Source]()
)

func (c *copier) copy(v reflect.Value) reflect.Value {
	if v.Type() == spanType || v.Type() == sourceType {
		return v
	}
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return v
		}
		if v.Kind() == reflect.Interface {
			return c.copy(v.Elem()).Convert(v.Type())
		}
		if other := c.replace(v.Interface()); other != nil {
			return reflect.ValueOf(other)
		}
		fresh := reflect.New(v.Type().Elem())
		fresh.Elem().Set(c.copy(v.Elem()))
		return fresh
	case reflect.Struct:
		fresh := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			fresh.Field(i).Set(c.copy(v.Field(i)))
		}
		return fresh
	case reflect.Slice:
		return c.copySlice(v)
	}
	return v
}

func (c *copier) copySlice(v reflect.Value) reflect.Value {
	if v.IsNil() {
		return v
	}
	fresh := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	for i := range v.Len() {
		fresh.Index(i).Set(c.copy(v.Index(i)))
	}
	return fresh
}

// replace returns what stands in place of a node, nil where it is copied.
func (c *copier) replace(node any) lang.Expr {
	switch n := node.(type) {
	case *lang.Variable:
		if argument := c.arguments["$"+n.Name]; argument != nil {
			return copied(&copier{expander: c.expander}, argument)
		}
		if c.suffix != "" {
			return &lang.Variable{Name: n.Name + c.suffix, Span: n.Span}
		}
	case *lang.Map:
		if argument, ok := c.arguments["@"+n.Name].(*lang.Map); ok {
			return &lang.Map{Name: argument.Name, Keys: copied(c, n.Keys), Span: n.Span}
		}
	case *lang.Name:
		return c.named(n)
	case *lang.Call:
		if macro := c.macros[n.Name]; macro != nil && fits(n, len(macro.Params)) {
			return c.expansion(macro, copied(c, n.Args))
		}
	}
	return nil
}

func (c *copier) named(n *lang.Name) lang.Expr {
	if argument := c.arguments[n.Name]; argument != nil {
		return &lang.Paren{X: copied(&copier{expander: c.expander}, argument), Span: n.Span}
	}
	if value := c.defined(n); value != nil {
		c.count()
		return &lang.Paren{X: copied(&copier{expander: c.expander}, value), Span: n.Span}
	}
	if macro := c.macros[n.Name]; macro != nil && len(macro.Params) == 0 {
		return c.expansion(macro, nil)
	}
	return nil
}

// fits reports whether a call means what the script declares with so many parameters: it
// hides what is built in only where the number of arguments is the same.
func fits(call *lang.Call, parameters int) bool {
	return len(call.Args) == parameters || builtin.FunctionNamed(call.Name) == nil
}

// count bounds expansion, which a macro that uses itself would never end.
func (c *copier) count() {
	if c.expansions++; c.expansions > 10_000 {
		panic(unknown{text: "macros expand without end"})
	}
}

func (c *copier) expansion(macro *lang.Macro, arguments []lang.Expr) lang.Expr {
	c.count()
	inner := &copier{expander: c.expander, arguments: map[string]lang.Expr{}, suffix: fmt.Sprintf("#%d", c.expansions)}
	for i, parameter := range macro.Params {
		inner.arguments[parameterName(parameter)] = lang.Unparen(arguments[i])
	}
	return copied(inner, macro.Body)
}

func parameterName(parameter lang.Expr) string {
	switch p := parameter.(type) {
	case *lang.Variable:
		return "$" + p.Name
	case *lang.Map:
		return "@" + p.Name
	case *lang.Name:
		return p.Name
	}
	return ""
}
