package sema

import (
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// maxValueSize bounds what a variable, map or tuple holds, in bytes: what one ring buffer
// record and one scratch row can take many times over.
const maxValueSize = 64 << 10

// storable reports a value that no variable, map or tuple holds.
func (c *checker) storable(e lang.Expr, t *types.Type) bool {
	switch {
	case t.Aggregation():
		c.Errorf(e.Range(), "%s cannot be copied", t)
		c.Hint("an aggregation is printed by print(%s)", e.Range().Text())
	case t.Size == 0:
		c.Errorf(e.Range(), "%s cannot be copied: its size is not known", t)
	case t.Size > maxValueSize:
		c.Errorf(e.Range(), "%s cannot be copied: it has %d bytes, and %d is the limit", t, t.Size, maxValueSize)
	default:
		return true
	}
	return false
}

// complete gives a struct, and what holds structs, the members that user space needs to
// print it.
func (c *checker) complete(t *types.Type) *types.Type { return c.target.Complete(t) }

// keep is the type of a variable: a number keeps its own, and one that is assigned once
// may stay a pointer that the verifier trusts.
func (c *checker) keep(t *types.Type, once bool) *types.Type {
	if t.Kind == types.Int || t.Kind == types.Pointer && t.Trusted && once {
		return t
	}
	return c.stored(t)
}

// stored is the type in which a value is kept in a map or tuple: integers take 8 bytes,
// and know what they were.
func (c *checker) stored(t *types.Type) *types.Type {
	switch t.Kind {
	case types.Int:
		return extended(t)
	case types.Pointer:
		pointer := *t
		pointer.Trusted = false
		return &pointer
	case types.String:
		return types.NewString(max(t.Size, min((t.Size+7)/8*8, c.Settings.MaxStringSize)))
	case types.Struct, types.Array, types.Buffer:
		return c.complete(own(t))
	}
	return t
}

// extended is an integer as it lies in a map or tuple.
func extended(t *types.Type) *types.Type {
	if t.Kind != types.Int || t.Size == 8 {
		return t
	}
	wide := types.NewInt(8, true)
	wide.Exact = &types.Type{Kind: types.Int, Size: t.Size, Signed: t.Signed, Alias: t.Alias}
	return wide
}

// exact is the type of what a map, tuple or key holds as an expression has it.
func exact(t *types.Type) *types.Type {
	if t.Exact != nil {
		return t.Exact
	}
	return t
}

// common is the smallest type of integers that holds all values of both, and uint64 where
// none does.
func common(a, b *types.Type) *types.Type {
	signed := a.Signed || b.Signed
	size := max(room(a, signed), room(b, signed))
	if size > 8 {
		return types.Uint64.Beside(a, b)
	}
	return types.NewInt(size, signed).Beside(a, b)
}

// room is the size of the type, signed or not, that holds the values of an integer.
func room(t *types.Type, signed bool) int {
	if signed && !t.Signed {
		return 2 * t.Size
	}
	return t.Size
}

// own is the type of a copy: what the verifier or the address space says of the original
// does not hold for it. Members of a copied struct lead where they led.
func own(t *types.Type) *types.Type {
	holds := t.Kind == types.Struct || t.Kind == types.Array
	if !t.Trusted && !t.Register && (holds || !t.User && !t.Kernel) {
		return t
	}
	copied := *t
	copied.Trusted, copied.Register = false, false
	copied.User, copied.Kernel = holds && t.User, holds && t.Kernel
	return &copied
}

// inSpaceOf is a declared type for one more value. The declaration does not tell whose
// memory an address leads to, so the values do.
func inSpaceOf(declared, value *types.Type) *types.Type {
	if value.Kind != types.Pointer && value.Kind != types.Int {
		return declared
	}
	return declared.Beside(value)
}

// Widen returns a type that holds values of both; false where there is none.
func Widen(a, b *types.Type) (*types.Type, bool) { return widen(a, b) }

// widen returns a type that holds values of both.
func widen(a, b *types.Type) (*types.Type, bool) {
	if a.Kind == types.Pointer && b.Kind == types.Pointer {
		return widenPointers(a, b), true
	}
	if same(a, b) {
		return a, true
	}
	switch {
	case a.Register && b.Integer(), b.Register && a.Integer():
		return types.Uint64.Beside(a, b), true
	case a.Kind == types.None:
		return b, true
	case b.Kind == types.None:
		return a, true
	case a.Kind == types.String && b.Kind == types.String:
		return types.NewString(max(a.Size, b.Size)), true
	case a.Kind == types.Buffer && b.Kind == types.Buffer && a.Elem.Equal(b.Elem):
		return larger(a, b), true
	case a.Integer() && b.Integer():
		return widenIntegers(a, b), true
	case a.Aggregation() && asSigned(a).Equal(asSigned(b)):
		return asSigned(a), true
	case tuple(a) && a.Kind == b.Kind && len(a.Fields) == len(b.Fields):
		return widenTuple(a, b)
	}
	return nil, false
}

// asSigned is an aggregation over signed values.
func asSigned(t *types.Type) *types.Type {
	if t.Signed || !t.Aggregation() {
		return t
	}
	signed := *t
	signed.Signed = true
	return &signed
}

func widenIntegers(a, b *types.Type) *types.Type {
	wider := common(exact(a), exact(b))
	if a.Exact != nil || b.Exact != nil {
		return extended(wider)
	}
	return wider
}

// widenPointers: what may be the value of a register is counted in bytes. Registers that
// point at different things are numbers.
func widenPointers(a, b *types.Type) *types.Type {
	if a.Register && b.Register && !a.Elem.Equal(b.Elem) {
		return types.Uint64.Beside(a, b)
	}
	wider := *a.Beside(b)
	wider.Trusted = a.Trusted && b.Trusted
	wider.Register = a.Register || b.Register
	return &wider
}

// same reports whether values of both types mean the same.
func same(a, b *types.Type) bool {
	if !a.Equal(b) || a.Register != b.Register || !a.Exact.Equal(b.Exact) || !sameMemory(a, b) {
		return false
	}
	for i := 0; tuple(a) && i < len(a.Fields); i++ {
		if !same(a.Fields[i].Type, b.Fields[i].Type) {
			return false
		}
	}
	return true
}

// sameMemory reports whether addresses of both types lead to the same.
func sameMemory(a, b *types.Type) bool {
	return a.Kind != types.Int && a.Kind != types.Pointer || a.User == b.User && a.Kernel == b.Kernel
}

// widen is the type of a variable or map that is given another value. A text that grows
// in every round gets at once all that it can have.
func (c *checker) widen(a, b *types.Type) (*types.Type, bool) {
	wider, ok := widen(a, b)
	if ok && c.round >= fewRounds && !wider.Equal(a) {
		wider = c.longest(wider)
	}
	return wider, ok
}

// longest makes the strings of a type as long as max_strlen lets them be.
func (c *checker) longest(t *types.Type) *types.Type {
	switch {
	case t.Kind == types.String:
		return types.NewString(max(t.Size, c.Settings.MaxStringSize))
	case tuple(t):
		return rebuilt(t, c.longest)
	}
	return t
}

// rebuilt is a tuple or record with other parts.
func rebuilt(t *types.Type, part func(*types.Type) *types.Type) *types.Type {
	parts, names := make([]*types.Type, len(t.Fields)), make([]string, len(t.Fields))
	for i, field := range t.Fields {
		parts[i], names[i] = part(field.Type), field.Name
	}
	return assembled(t.Kind, names, parts)
}

func larger(a, b *types.Type) *types.Type {
	if a.Size >= b.Size {
		return a
	}
	return b
}

// tuple reports whether values of the type are parts that lie as its Fields say, and may
// be widened one by one.
func tuple(t *types.Type) bool { return t.Kind == types.Tuple || t.Kind == types.Record }

// Counterpart returns the part of a tuple that becomes part i of another, or the field of
// its name in a record, whose fields may stand in any order.
func Counterpart(from, to *types.Type, i int) (types.Field, bool) {
	if to.Kind == types.Tuple {
		return from.Fields[i], true
	}
	return Part(from, to.Fields[i].Name)
}

// widenTuple keeps the order of the first of two records.
func widenTuple(a, b *types.Type) (*types.Type, bool) {
	parts, names := make([]*types.Type, len(a.Fields)), make([]string, len(a.Fields))
	for i := range a.Fields {
		its, named := Counterpart(b, a, i)
		if !named {
			return nil, false
		}
		part, ok := widen(a.Fields[i].Type, its.Type)
		if !ok {
			return nil, false
		}
		parts[i], names[i] = extended(part), a.Fields[i].Name
	}
	return assembled(a.Kind, names, parts), true
}

// assembled is the tuple or record of the parts.
func assembled(kind types.Kind, names []string, parts []*types.Type) *types.Type {
	if kind == types.Record {
		return types.NewRecord(names, parts)
	}
	return types.NewTuple(parts...)
}

// convertible reports whether an assignment makes a value of type `to` from one of type
// `from`, as C's does.
func convertible(from, to *types.Type) bool {
	switch {
	case to.Integer() && from.Integer():
		return true
	case to.Kind == types.String && from.Kind == types.String, to.Kind == types.Buffer && from.Kind == types.Buffer && to.Elem.Equal(from.Elem):
		return from.Size <= (to.Size+7)/8*8
	case to.Kind == types.Pointer && from.Kind == types.Pointer:
		return true
	}
	wider, ok := widen(to, from)
	return ok && wider.Equal(to)
}
