package sema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// outside is the instance in which expressions are checked that stand in no clause, as in
// a probe.
func outside() *Instance {
	probe := &builtin.ProbeType{Info: builtin.Info{Name: "constant"}}
	instance := &Instance{Clause: &lang.Clause{}, Site: &builtin.Site{Scope: builtin.Scope{Probe: probe}}}
	instance.begin()
	return instance
}

// For returns the constants as the clause of an instance sees them, after it was checked.
func (c *Constants) For(instance *Instance) *Constants {
	constants := *c
	constants.literal = func(e lang.Expr) lang.Expr {
		if name, ok := e.(*lang.Name); ok {
			return instance.literals[instance.Bare[name]]
		}
		return instance.literals[e.(*lang.Call)]
	}
	constants.typed = func(call *lang.Call) *types.Type { return instance.Types[call] }
	return &constants
}

// literalOf checks a call first, for the table may know then which literal it stands for.
func (c *checker) literalOf(e lang.Expr) lang.Expr {
	f := c.builtinOf(e)
	if f == nil || f.Literal == nil {
		return nil
	}
	call, ok := e.(*lang.Call)
	if !ok {
		if !f.Bare {
			return nil
		}
		call = c.instance.bare(e.(*lang.Name))
	}
	c.expression(call)
	return c.instance.literals[call]
}

// Named returns the type that an argument names, or that it has.
func (h hooks) Named(e lang.Expr) *types.Type {
	t, names := h.typeArgument(lang.Unparen(e))
	switch {
	case !names:
		return h.expression(e)
	case t == nil:
		return types.NoValue
	case t.Kind == types.None:
		h.Errorf(e.Range(), "no value has the type void")
	}
	return t
}

// typeArgument reports whether an argument names a type, and returns that unless it was
// refused.
func (c *checker) typeArgument(e lang.Expr) (*types.Type, bool) {
	switch e := e.(type) {
	case *lang.TypeExpr:
		return c.namedType(e.Type), true
	case *lang.Name:
		return c.typeWord(e)
	case *lang.Index:
		return c.arrayArgument(e)
	}
	return nil, false
}

// arrayArgument is the array that `a[2]` names where a macro was given a type for a.
func (c *checker) arrayArgument(e *lang.Index) (*types.Type, bool) {
	elem, names := c.typeArgument(lang.Unparen(e.X))
	if !names || elem == nil || elem.Size == 0 {
		return nil, names
	}
	n, known := c.Integer(e.I)
	if !known || n < 1 || n > maxValueSize/int64(elem.Size) {
		c.Errorf(e.I.Range(), "an array of %s has from 1 to %d elements", elem, maxValueSize/elem.Size)
		return nil, true
	}
	return types.NewArray(elem, int(n)), true
}

// typeWord is the type that a bare word names, unless it is a variable of the table.
func (c *checker) typeWord(name *lang.Name) (*types.Type, bool) {
	if f := c.builtinOf(name); f != nil && f.Bare || c.shadows(name.Name, 0) {
		return nil, false
	}
	written := &lang.TypeName{Name: name.Name, Array: -1, Span: name.Span}
	if d := c.Constants.definition(name.Name, name.Span); d != nil && d.Type != nil {
		t := c.namedType(written)
		return t, t != nil
	}
	t, err := c.typeNamed(written)
	return t, err == nil && t != nil
}

// Parameter declares a named parameter of the script and returns what the user gave for
// it.
func (c *checker) Parameter(p builtin.Parameter) (text string, valued, given bool) {
	i := slices.IndexFunc(c.parameters, func(known builtin.Parameter) bool { return known.Name == p.Name })
	switch {
	case i < 0:
		c.parameters = append(c.parameters, p)
	case c.parameters[i].Kind != p.Kind || c.parameters[i].Default != p.Default:
		c.conflict(p.Span, c.parameters[i].Span, fmt.Sprintf("the parameter %s has another default elsewhere", p.Name), "")
	case p.Doc != "":
		c.parameters[i].Doc = p.Doc
	}
	for _, argument := range c.options.Named {
		if name, value, valued := strings.Cut(argument, "="); name == p.Name {
			text, given = value, true
			return text, valued, given
		}
	}
	return "", false, false
}

// wantsHelp reports whether the user asked for the script's parameters, and the script
// has no other use for --help.
func (c *checker) wantsHelp() bool {
	return slices.Contains(c.options.Named, "help") && !slices.Contains(c.parameterNames(), "help")
}

func (c *checker) parameterNames() []string {
	var names []string
	for _, p := range c.parameters {
		names = append(names, p.Name)
	}
	return names
}

// unknownParameters reports named parameters that the script does not ask for.
func (c *checker) unknownParameters() {
	names := c.parameterNames()
	for _, argument := range c.options.Named {
		name, _, _ := strings.Cut(argument, "=")
		if slices.Contains(names, name) {
			continue
		}
		c.Errorf(diag.Span{}, "the script has no parameter --%s", name)
		switch near := diag.Nearest(name, slices.Values(names), 3); {
		case len(near) > 0:
			c.Hint("did you mean --%s?", strings.Join(near, " or --"))
		case len(names) > 0:
			c.Hint("it has --%s", strings.Join(names, ", --"))
		}
	}
}

// help describes the script: by its leading comment or its usage text, and its
// parameters.
func (c *checker) help(script *lang.Script) string {
	var parts []string
	if text := lang.LeadingComment(script); text != "" {
		parts = append(parts, text)
	}
	if c.Settings.Usage != "" {
		parts = append(parts, c.Settings.Usage)
	}
	return strings.Join(append(parts, c.parameterHelp()), "\n\n")
}

func (c *checker) parameterHelp() string {
	if len(c.parameters) == 0 {
		return "The script has no named parameters."
	}
	var b strings.Builder
	b.WriteString("Named parameters of the script:")
	for _, p := range c.parameters {
		fmt.Fprintf(&b, "\n  %-24s %s", "--"+p.Name+valueText(p.Kind), strings.TrimSpace(p.Doc+" (default "+p.Default+")"))
	}
	return b.String()
}

func valueText(kind types.Kind) string {
	switch kind {
	case types.Bool:
		return ""
	case types.String:
		return "=TEXT"
	}
	return "=NUMBER"
}
