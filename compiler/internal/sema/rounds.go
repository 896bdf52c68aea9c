package sema

import (
	"slices"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// stage is what the search for types takes as evidence. Each begins when the one before
// found no more and left a map or variable open: one that something of unknown type is
// assigned to, such as @i by `@i = @i + 1`.
type stage int

const (
	// proved: only operands whose types are known.
	proved stage = iota
	// likely: an operator or function, whatever its operands are: `!@f` is a bool,
	// `@i + 1` a number, `@m ? 5 : @m` what 5 is, str_concat(@s, "x") a string.
	likely
	// assumed: what is still open is a number, as in `@a = @b` and `@b = @a`.
	assumed
)

// rounds finds the types of all maps and variables.
func (c *checker) rounds() {
	first := c.diagnostics
	for c.stage = proved; ; c.stage++ {
		if c.stage == assumed {
			c.assume()
		}
		if !c.inferTypes(first) {
			c.tooManyRounds()
			return
		}
		if c.stage == assumed || c.diagnostics.HasErrors() || !c.leftOpen() {
			break
		}
	}
	c.reportUntyped()
}

// inferTypes checks every instance until the types stand still.
func (c *checker) inferTypes(first diag.Diagnostics) bool {
	for c.round = range maxRounds {
		c.reset()
		c.diagnostics = slices.Clone(first)
		c.changed = false
		for _, m := range c.maps {
			m.open = false
		}
		for _, instance := range c.Instances {
			c.checkInstance(instance)
		}
		if !c.changed {
			return true
		}
	}
	return false
}

func (c *checker) tooManyRounds() {
	c.reset()
	c.Errorf(c.Instances[0].Clause.Probes[0].Span, "the maps and variables of this script take their types from each other in more than %d steps", maxRounds)
	c.Hint("let assignments stand before what reads them")
}

// reportUntyped reports what is read and never assigned. What is assigned a wrong value
// was reported already.
func (c *checker) reportUntyped() {
	for _, e := range c.untyped {
		switch e := e.(type) {
		case *lang.Map:
			if m := c.maps[e.Name]; m == nil || m.Value == nil && !m.open {
				c.Errorf(e.Span, "nothing is ever assigned to @%s", e.Name)
				c.nearest("@"+e.Name, c.mapNames())
			}
		case *lang.Variable:
			if !c.opened(e) {
				c.Errorf(e.Span, "$%s has no type, for nothing is assigned to it", e.Name)
				c.Hint("let $%s : uint64", e.Name)
			}
		}
	}
}

// opened reports whether something is assigned to a variable in some instance of its
// clause.
func (c *checker) opened(e *lang.Variable) bool {
	for _, instance := range c.Instances {
		if v := instance.Variables[e]; v != nil && v.open {
			return true
		}
	}
	return false
}

// leftOpen reports whether a map or variable has no type yet, or one with unknown parts.
func (c *checker) leftOpen() bool {
	for _, m := range c.maps {
		if m.open {
			return true
		}
	}
	for _, instance := range c.Instances {
		for _, v := range instance.declared {
			if v.open {
				return true
			}
		}
	}
	return false
}

// assume makes a number of what is open.
func (c *checker) assume() {
	for _, m := range c.maps {
		if m.open {
			m.Value = number(m.Value)
		}
	}
	for _, instance := range c.Instances {
		for _, v := range instance.declared {
			if v.open {
				v.Type = number(v.Type)
			}
		}
	}
}

// number puts a number where a type or its parts are not known.
func number(t *types.Type) *types.Type {
	switch {
	case t == nil || t.Kind == types.None:
		return types.Int64
	case tuple(t):
		return rebuilt(t, number)
	}
	return t
}

// partial reports whether a part of a tuple or record is not known.
func partial(t *types.Type) bool {
	if t.Kind == types.None {
		return true
	}
	return tuple(t) && slices.ContainsFunc(t.Fields, func(field types.Field) bool { return partial(field.Type) })
}

// guessed is the type of an operand: of one that is not known that of a number, where the
// operator alone is evidence.
func (c *checker) guessed(t *types.Type) *types.Type {
	if t.Kind == types.None && c.stage != proved {
		return types.Int64
	}
	return t
}
