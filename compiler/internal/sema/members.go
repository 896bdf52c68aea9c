package sema

import (
	"slices"
	"strconv"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

func (i *Instance) Foreign(e lang.Expr) bool {
	switch e := lang.Unparen(e).(type) {
	case *lang.Field:
		if argument := i.Argument(e); argument != nil {
			return argument.InMemory()
		}
		return i.Types[e.X].Kind == types.Pointer || i.Foreign(e.X)
	case *lang.Index:
		return i.Types[e.X].Kind == types.Pointer || i.Foreign(e.X)
	case *lang.Unary:
		return e.Op == "*"
	}
	return false
}

// Argument returns the argument of the probe that a field access means; nil where it
// means a member.
func (i *Instance) Argument(e *lang.Field) *builtin.Argument {
	arguments, ok := originOf(i.Types[e.X]).(*builtin.Arguments)
	if !ok {
		return nil
	}
	argument, _ := arguments.Named(e.Name)
	return argument
}

// varying returns the argument that an expression means if only the record has its
// length.
func (c *checker) varying(e lang.Expr) *builtin.Argument {
	if field, ok := lang.Unparen(e).(*lang.Field); ok {
		if argument := c.instance.Argument(field); argument != nil && argument.Length != nil {
			return argument
		}
	}
	return nil
}

func (c *checker) foreign(e lang.Expr) bool { return c.instance.Foreign(e) }

// inherit is the type of what lies in memory that another type leads to. An address that
// is found there leads to the same memory, unless it is declared as one of a process.
//
//go:noinline
func inherit(t, from *types.Type) *types.Type {
	if !t.User && !t.Kernel {
		t = t.Beside(from)
	}
	if !from.Trusted {
		return t
	}
	child := *t
	switch t.Kind {
	case types.Struct, types.Array:
		child.Trusted = true
	case types.Pointer:
		child.Trusted = !t.User && t.Elem != nil && t.Elem.Kind == types.Struct && t.Elem.Size > 0
	}
	return &child
}

func (c *checker) field(e *lang.Field) *types.Type {
	c.instance.container = lang.Unparen(e.X)
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
	if member.Missing != "" {
		c.Errorf(e.NameSpan, "%s of %s %s", e.Name, t, member.Missing)
		return nil
	}
	return c.target.Whole(inherit(member.Type, t))
}

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
		return exact(field.Type)
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
	if !c.Target.Typed() && t.Kind == types.Pointer {
		c.Errorf(e.X.Range(), "what %s points at is not known: this kernel does not describe its types, as it has no BTF (/sys/kernel/btf/vmlinux)", e.X.Range().Text())
		c.Hint("define the struct in the script, and cast: ((struct NAME *)%s)->%s", e.X.Range().Text(), e.Name)
		return
	}
	c.Errorf(e.X.Range(), "%s has no members: it is %s", e.X.Range().Text(), t)
	switch text := lang.Unparen(e.X).Range().Text(); {
	case c.countsBytes(e.X):
		c.Hint("%s is an address some bytes further: say what is there, as in ((struct NAME *)(%s))->%s; args.NAME + n moves by whole elements", text, text, e.Name)
	case t.Kind == types.Int:
		c.Hint("say what it points at: ((struct NAME *)%s)->%s", text, e.Name)
	}
}

// countsBytes reports whether an expression computes with the value of a register.
func (c *checker) countsBytes(e lang.Expr) bool {
	sum, ok := lang.Unparen(e).(*lang.Binary)
	return ok && (c.expression(sum.X).Register || c.expression(sum.Y).Register)
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
	if argument.Missing != "" {
		c.Errorf(e.NameSpan, "%s of the %s %s", e.Name, t.Name, argument.Missing)
		return nil
	}
	return c.target.Whole(argument.Type)
}

// allArguments is what args means by itself: a record of what it has.
func (c *checker) allArguments(name *lang.Name, t *types.Type, arguments *builtin.Arguments) *types.Type {
	all := &lang.Record{Span: name.Span}
	for _, argument := range arguments.Fields {
		if argument.Missing != "" {
			c.Notice("args leaves out %s of the %s: it %s", argument.Name, t.Name, argument.Missing)
			continue
		}
		whole := &lang.Name{Name: name.Name, Span: name.Span}
		value := &lang.Field{X: whole, Name: argument.Name, NameSpan: name.Span, Span: name.Span}
		all.Fields = append(all.Fields, lang.RecordField{Name: argument.Name, NameSpan: name.Span, Value: value})
	}
	if len(all.Fields) == 0 {
		c.Errorf(name.Span, "there are no %s", t.Name)
		return nil
	}
	c.instance.Instead[name] = all
	return c.expression(all)
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
	case tuple(t):
		return c.indexedPart(e, t)
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
		c.indexFromZero(e, i)
		return types.NewInt(1, true)
	case t.Kind == types.Buffer && t.Elem != nil:
		return t.Elem
	case t.Kind == types.Buffer:
		c.indexFromZero(e, i)
		return types.NewInt(1, false)
	}
	c.Errorf(e.X.Range(), "%s has no elements: it is %s", lang.Unparen(e.X).Range().Text(), t)
	if t.Integer() {
		c.Hint("say what it points at: ((uint8 *)%s)[%s]", e.X.Range().Text(), e.I.Range().Text())
	}
	return nil
}

// indexedPart is the type of `(a, b)[0]`, which is another spelling of `(a, b).0`.
func (c *checker) indexedPart(e *lang.Index, t *types.Type) *types.Type {
	n, known := c.Integer(e.I)
	switch {
	case t.Kind == types.Record:
		c.Errorf(e.I.Range(), "the fields of a record are reached by name")
		c.Hint("%s.%s", e.X.Range().Text(), t.Fields[0].Name)
		return nil
	case !known:
		c.Errorf(e.I.Range(), "the index of a tuple must be known before tracing starts, because its parts differ in type")
		c.Hint("an array holds values of one type, a map any number of them: @x[%s]", e.I.Range().Text())
		return nil
	case n < 0 || n >= int64(len(t.Fields)):
		c.Errorf(e.I.Range(), "the tuple has %s, counted from 0", counted(len(t.Fields), "part"))
		return nil
	}
	part, same := c.instance.Instead[e].(*lang.Field)
	if name := strconv.FormatInt(n, 10); !same || part.Name != name {
		part = &lang.Field{X: e.X, Name: name, NameSpan: e.I.Range(), Span: e.Span}
		c.instance.Instead[e] = part
	}
	return c.expression(part)
}

// indexFromZero reports an index that is known to lie before the first byte.
func (c *checker) indexFromZero(e *lang.Index, i *types.Type) {
	if n, known := c.Integer(e.I); known && n < 0 && i.Signed {
		c.Errorf(e.I.Range(), "bytes are counted from 0")
	}
}
