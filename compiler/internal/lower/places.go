package lower

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/sema"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// located finds where a value lies already in memory of the program: a variable, a map
// without a key, a part of one. It is false for what has to be computed, looked up or
// read from elsewhere first.
func (f *function) located(e lang.Expr) (builtin.Place, bool) {
	switch e := f.resolved(e).(type) {
	case *lang.Variable:
		v := f.instance.Variables[e]
		_, iterates := f.iterators[v]
		if iterates || v.Type.Scalar() && !v.Shared {
			return builtin.Place{}, false
		}
		return f.variablePlace(v), true
	case *lang.Map:
		m := (hooks{f}).Map(e)
		if m.Storage == object.Slot && !m.Value.Aggregation() {
			return slotOf(f, m), true
		}
	case *lang.Field:
		return f.locatedPart(e)
	case *lang.Index:
		return f.locatedElement(e)
	}
	return builtin.Place{}, false
}

func (f *function) locatedPart(e *lang.Field) (builtin.Place, bool) {
	if v, ok := f.resolved(e.X).(*lang.Variable); ok {
		if pair, iterates := f.iterators[f.instance.Variables[v]]; iterates {
			return pair.part(e.Name)
		}
	}
	if !f.partOfValue(e) {
		return builtin.Place{}, false
	}
	place, ok := f.located(e.X)
	return at(place, f.partOf(e).Offset), ok
}

// part is where the key lies, or the value when it is no aggregation.
func (i iterator) part(name string) (builtin.Place, bool) {
	if name == "0" {
		return i.key, true
	}
	return i.value, !i.m.Value.Aggregation()
}

func (f *function) locatedElement(e *lang.Index) (builtin.Place, bool) {
	n, known := (hooks{f}).Integer(e.I)
	if !known || !f.partOfValue(e) || n < 0 || n >= int64(elements(f.typeOf(e.X))) {
		return builtin.Place{}, false
	}
	place, ok := f.located(e.X)
	return at(place, header(f.typeOf(e.X))+int(n)*f.typeOf(e).Size), ok
}

// header is how many bytes stand before the elements: a buffer begins with its length.
func header(t *types.Type) int {
	if t.Kind == types.Buffer {
		return types.BufferHeader
	}
	return 0
}

// partOfValue reports whether e is a member, field or element of a value that the program
// holds, and not of the memory that a pointer leads to.
func (f *function) partOfValue(e lang.Expr) bool {
	switch e := e.(type) {
	case *lang.Field:
		return f.typeOf(e.X).Kind != types.Pointer && f.instance.Argument(e) == nil && !f.instance.Foreign(e)
	case *lang.Index:
		return f.typeOf(e.X).Kind != types.Pointer && !f.instance.Foreign(e)
	}
	return false
}

// partOf describes a member of a struct value, or a field of a tuple or record.
func (f *function) partOf(e *lang.Field) types.Field {
	t := f.typeOf(e.X)
	if field, ok := sema.Part(t, e.Name); ok && tuple(t) {
		return field
	}
	member, _ := f.unit.Info.Target.Member(t, e.Name)
	return types.Field{Type: f.typeOf(e), Offset: member.Offset, BitOffset: member.BitOffset, BitSize: member.BitSize}
}

// materialize returns where the value of e lies, after computing it into the frame if
// need be.
func (f *function) materialize(e lang.Expr) builtin.Place {
	e = f.resolved(e)
	if place, ok := f.located(e); ok {
		return place
	}
	switch part := e.(type) {
	case *lang.Field:
		if f.partOfValue(part) {
			return at(f.materialize(part.X), f.partOf(part).Offset)
		}
	case *lang.Index:
		if f.partOfValue(part) {
			return f.elementCopy(part)
		}
	}
	return f.computed(e, f.typeOf(e))
}

// computed is a copy of the value in the frame, as type t and without gaps.
func (f *function) computed(e lang.Expr, t *types.Type) builtin.Place {
	place := f.slotPlace(f.b.NewSlot("value", t.Size))
	f.store(e, place, t, true)
	return place
}

func (f *function) fieldOfValue(e *lang.Field) *ir.Value {
	if v, ok := f.resolved(e.X).(*lang.Variable); ok {
		if pair, iterates := f.iterators[f.instance.Variables[v]]; iterates {
			return f.iteratorPart(pair, e)
		}
	}
	return f.loadField(f.materialize(e.X), f.partOf(e))
}

func (f *function) iteratorPart(pair iterator, e *lang.Field) *ir.Value {
	if e.Name == "0" {
		return f.loadField(pair.key, types.Field{Type: f.typeOf(e)})
	}
	return f.number(pair.value, pair.m.Value)
}

// number is the one number that stands for a value in a map: an aggregation's result,
// else the value itself.
func (f *function) number(row builtin.Place, t *types.Type) *ir.Value {
	if !t.Aggregation() {
		return f.loadField(row, types.Field{Type: t})
	}
	return builtin.ReadRow(f.b, t, row)
}

// storePair writes what a loop over a map gives as a tuple.
func (f *function) storePair(to builtin.Place, t *types.Type, pair iterator) {
	f.zeroGaps(t.Layout(), to)
	f.copyPadded(at(to, t.Fields[0].Offset), pair.key, t.Fields[0].Type.Size, t.Fields[0].Type, true)
	value := t.Fields[1]
	if value.Type.Scalar() {
		f.b.Store(to.Space, to.Address, to.Offset+value.Offset, value.Type.Size, f.number(pair.value, pair.m.Value))
		return
	}
	f.copyPadded(at(to, value.Offset), pair.value, value.Type.Size, value.Type, true)
}

// element loads a scalar element of a value; what is outside of it reads as 0.
func (f *function) elementOfValue(e *lang.Index) *ir.Value {
	t := f.typeOf(e)
	if n, known := (hooks{f}).Integer(e.I); known {
		if n < 0 || n >= int64(elements(f.typeOf(e.X))) {
			return f.b.Const(0)
		}
		return f.loadField(f.materialize(e.X), types.Field{Type: t, Offset: header(f.typeOf(e.X)) + int(n)*t.Size})
	}
	place := f.elementCopy(e)
	return f.loadField(place, types.Field{Type: t})
}

func elements(t *types.Type) int {
	switch {
	case t.Kind == types.Array:
		return t.Count
	case t.Kind == types.Buffer && t.Elem != nil:
		return (t.Size - types.BufferHeader) / t.Elem.Size
	}
	return t.Size - header(t)
}

// elementCopy copies an element whose number is known only when the probe fires: the
// verifier allows no address in the frame that varies, but a helper may read there.
func (f *function) elementCopy(e *lang.Index) builtin.Place {
	t := f.typeOf(e)
	whole := f.materialize(e.X)
	index := f.value(e.I)
	place := f.slotPlace(f.b.NewSlot("element", t.Size))
	f.zero(place, (t.Size+7)/8*8)
	inside, join := f.b.NewBlock(), f.b.NewBlock()
	f.b.If(ir.Less, index, f.b.Const(int64(elements(f.typeOf(e.X)))), inside, join)
	f.b.Enter(inside)
	address := f.b.Binary(ir.Add, f.launder(f.Pointer(whole)), f.b.Const(int64(header(f.typeOf(e.X)))))
	address = f.b.Binary(ir.Add, address, f.b.Binary(ir.Mul, index, f.b.Const(int64(t.Size))))
	f.b.Call(asm.FnProbeReadKernel, ir.Writes, f.Pointer(place), f.b.Const(int64(t.Size)), address)
	f.b.Jump(join)
	f.b.Enter(join)
	return place
}

// storeCast writes what a cast makes of a value: the same bytes under another type, cut
// or padded.
func (f *function) storeCast(e *lang.Cast, to builtin.Place, t *types.Type, pad bool) {
	from := f.typeOf(e.X)
	if !from.Scalar() {
		if tuple(t) {
			f.store(e.X, to, t, pad)
			return
		}
		f.copyPadded(to, f.materialize(e.X), from.Size, t, true)
		f.endText(to, t, from)
		return
	}
	size := min(f.typeOf(e).Size, 8)
	f.b.Store(to.Space, to.Address, to.Offset, size, f.value(e.X))
	if pad && size < t.Size {
		f.zero(at(to, size), t.Size-size)
	}
}

// endText ends a text that was cut.
func (f *function) endText(to builtin.Place, t, from *types.Type) {
	if t.Kind == types.String && from.Size > t.Size {
		f.b.Store(to.Space, to.Address, to.Offset+t.Size-1, 1, f.b.Const(0))
	}
}

// fromMemory makes a number of the bytes of an array: `(uint32)$bytes`.
func (f *function) fromMemory(e *lang.Cast) *ir.Value {
	t := f.typeOf(e)
	return f.loadField(f.materialize(e.X), types.Field{Type: t})
}

// addressOf is `&x`, and an array that becomes a pointer.
func (f *function) addressOf(x lang.Expr) *ir.Value {
	if v, ok := f.resolved(x).(*lang.Variable); ok {
		return f.launder(f.Pointer(f.variablePlace(f.instance.Variables[v])))
	}
	r := f.reference(x)
	base := r.base
	if r.direct {
		base = f.launder(base)
	}
	return f.b.Binary(ir.Add, base, f.b.Const(int64(r.offset)))
}

// compareMemory compares two values that are equal when their bytes are.
func (f *function) compareMemory(x, y lang.Expr, then, otherwise *ir.Block) {
	t := f.typeOf(x)
	if wider, ok := sema.Widen(t, f.typeOf(y)); ok {
		t = wider
	}
	if words(t.Size) > unrolledWords {
		f.compareLong(x, y, t, then, otherwise)
		return
	}
	f.compareBytes(f.computed(x, t), f.computed(y, t), t.Size, then, otherwise)
}

// unrolledWords is up to how many words are compared without a loop.
const unrolledWords = 64

// compareLong compares word by word, in the memory that a program and its callbacks
// share.
func (f *function) compareLong(x, y lang.Expr, t *types.Type, then, otherwise *ir.Block) {
	all := words(t.Size)
	a, b := f.wordsOf(x, t), f.wordsOf(y, t)
	n := f.scanWords(all, func(round *ir.Value, found func(*ir.Value)) {
		f.when(ir.NotEqual, f.word(a, round), f.word(b, round), func() { found(round) })
	})
	f.b.If(ir.Less, n, f.b.Const(int64(all)), otherwise, then)
	f.release(a.extent)
	f.release(b.extent)
}

// wordsOf is a copy of a value as type t, whose last word is filled up with zeroes. What
// a round of a scan looks at beyond its end is equal in all copies.
func (f *function) wordsOf(e lang.Expr, t *types.Type) text {
	size := (words(t.Size) + longRound) * wordSize
	capacity := powerOfTwo(size)
	copied := text{extent: f.allocate(capacity + wordSize), size: size, capacity: capacity}
	place := f.sharedPlace(copied.offset)
	f.store(e, place, t, true)
	f.zero(at(place, t.Size), size-t.Size)
	return copied
}

// compareBytes compares memory of the program.
func (f *function) compareBytes(a, b builtin.Place, size int, then, otherwise *ir.Block) {
	for offset := 0; offset < size; {
		width := 8
		for width > size-offset {
			width /= 2
		}
		next := f.b.NewBlock()
		word := f.b.Load(a.Space, a.Address, a.Offset+offset, width, false)
		f.b.If(ir.Equal, word, f.b.Load(b.Space, b.Address, b.Offset+offset, width, false), next, otherwise)
		f.b.Enter(next)
		offset += width
	}
	f.b.Jump(then)
}
