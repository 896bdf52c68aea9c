package sema

import (
	"errors"
	"fmt"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

func (c *checker) cast(e *lang.Cast) *types.Type {
	from := c.expression(e.X)
	to := c.castType(e, from)
	if from.Kind == types.None && c.stage != proved && e.Type.Array != 0 {
		return to
	}
	if from.Kind == types.None || to == nil {
		return nil
	}
	if to.Kind == types.Pointer && (from.Kind == types.Array || from.Kind == types.String || from.Kind == types.Buffer) {
		return c.decay(e, from, to)
	}
	if !castable(from, to) {
		c.Errorf(e.Span, "%s cannot be cast to %s", from, to)
		if from.Kind == types.Struct && to.Kind == types.Struct {
			c.Hint("cast a pointer and follow it: *(%s *)&x", to)
		} else if to.Floating() {
			c.Hint("programs in the kernel have no floating point")
		}
		return nil
	}
	c.warnUnscaled(e, to)
	return c.addressed(e, from, to)
}

// addressed is the type of a cast: an address stays one of the same memory. Which NULL is
// meant, the other values tell.
func (c *checker) addressed(e *lang.Cast, from, to *types.Type) *types.Type {
	if from.User || from.Kernel {
		to = own(to)
	}
	to = to.Beside(from)
	if _, constant := c.Integer(e.X); constant {
		return to
	}
	return c.inUsualMemory(to)
}

// inUsualMemory makes a pointer that nothing else is known of one into the memory that
// probes of the kind are about: of the process for places in programs, else the kernel's.
func (c *checker) inUsualMemory(t *types.Type) *types.Type {
	if t.Kind != types.Pointer || t.User != t.Kernel || c.instance == nil || c.Scope().InEither() {
		return t
	}
	placed := *t
	placed.User = c.Scope().InUser()
	placed.Kernel = !placed.User
	return &placed
}

// decay is the type of an array that a cast makes a pointer of: to its first element, as
// in C.
func (c *checker) decay(e *lang.Cast, from, to *types.Type) *types.Type {
	address := c.addressOf(&lang.Unary{Op: "&", X: e.X, Span: e.Span}, from)
	if address == nil {
		return nil
	}
	return own(to).Beside(address)
}

// warnUnscaled warns of `(struct x *)(arg0 + 1)`: the cast shows that whole structs were
// meant.
func (c *checker) warnUnscaled(e *lang.Cast, to *types.Type) {
	sum, ok := lang.Unparen(e.X).(*lang.Binary)
	if !ok || to.Kind != types.Pointer || to.Elem == nil || to.Elem.Size == 0 {
		return
	}
	from := c.expression(sum.X)
	n, known := c.Integer(sum.Y)
	if !known || n%int64(to.Elem.Size) == 0 || !from.Register || !to.Elem.Equal(from.Elem) {
		return
	}
	text := sum.X.Range().Text()
	c.report(diag.Diagnostic{Span: sum.Span, Warning: true, Message: fmt.Sprintf(
		"%s counts bytes, and %s has %d; (%s)%s %s %d moves by whole ones", sum.Span.Text(), to.Elem, to.Elem.Size, to, text, sum.Op, n)})
}

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

func castable(from, to *types.Type) bool {
	switch {
	case to.Kind == types.None:
		return false
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

func (c *checker) namedType(name *lang.TypeName) *types.Type {
	if name.Of != nil {
		return c.typeOfExpression(name)
	}
	if d := c.Constants.definition(name.Name, name.Span); d != nil && d.Type != nil && name.Tag == "" && c.Constants.depth < maxDefines {
		return c.definedType(name, d)
	}
	t, err := c.typeNamed(name)
	var unknown *target.UnknownType
	switch {
	case errors.As(err, &unknown):
		owner := "this kernel has"
		if c.programTypes() != nil {
			owner = "the program and this kernel have"
		}
		c.report(diag.Diagnostic{Span: name.Span, Message: owner + " no type " + unknown.Name, Hint: unknown.Hint()})
		return nil
	case err != nil:
		c.Errorf(name.Span, "%v", err)
		return nil
	case t.Kind == types.String && t.Size == 0:
		return types.NewString(c.Settings.MaxStringSize)
	}
	return c.bounded(name, t)
}

// programTypes are those of the program whose function is traced; nil for others.
func (c *checker) programTypes() target.TypeNames {
	if c.instance == nil || c.Scope().Function == nil {
		return nil
	}
	return c.Scope().Function.Types
}

func (c *checker) typeNamed(name *lang.TypeName) (*types.Type, error) {
	return c.target.NamedIn(c.programTypes(), name)
}

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
	t, names := c.typeArgument(lang.Unparen(name.Of))
	if !names {
		t = c.expression(name.Of)
	}
	if t == nil || t.Kind == types.None {
		return nil
	}
	return c.bounded(name, wrapped(own(t), name))
}
