package lower

import (
	"math/bits"
	"slices"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/sema"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// reference is a place in the memory of the kernel or a process.
type reference struct {
	base   *ir.Value
	offset int
	direct bool // the verifier knows base by its BTF type, or as the program's context
	record bool // base is the context
	user   bool // base is an address of the process
	either bool // base is one of the process or of the kernel
	t      *types.Type
	member target.Member // set for bitfields
	room   int           // from a bitfield to the end of its struct
}

// reference computes the address of a member, element or pointee.
func (f *function) reference(e lang.Expr) reference {
	switch e := f.resolved(e).(type) {
	case *lang.Field:
		return f.member(e)
	case *lang.Index:
		return f.element(e)
	case *lang.Unary:
		return f.pointee(e.X, f.typeOf(e))
	}
	panic("lower: no memory behind the expression")
}

// pointee is what an address leads to.
func (f *function) pointee(address lang.Expr, t *types.Type) reference {
	leads := f.typeOf(address)
	return reference{base: f.value(address), direct: leads.Trusted && !f.unit.Checked,
		user: f.inUser(leads), either: f.inEither(leads), t: t}
}

// inUser reports whether an address of the type is one of the process.
func (f *function) inUser(t *types.Type) bool { return t.InUser(f.instance.Site.Scope.InUser()) }

// inEither reports whether only an address itself tells whose it is.
func (f *function) inEither(t *types.Type) bool {
	return t.User == t.Kernel && !t.Trusted && f.instance.Site.Scope.InEither()
}

// kernelOrUser goes one way where an address is the kernel's, and another for those of
// processes.
func (f *function) kernelOrUser(address *ir.Value) func(kernel, user *ir.Block) {
	return func(kernel, user *ir.Block) {
		before := f.b.Because(ir.KernelOrUser)
		f.b.If(ir.SignedLess, address, f.b.Const(0), kernel, user)
		f.b.Why = before
	}
}

// in is a reference to memory of the process or of the kernel.
func (r reference) in(user bool) reference {
	r.user, r.either = user, false
	return r
}

// whole is the struct that a member is taken from, through a pointer or inside another.
func (f *function) whole(e lang.Expr) reference {
	t := f.typeOf(e)
	if t.Kind == types.Pointer {
		return f.pointee(e, t.Elem)
	}
	return f.reference(e)
}

func (f *function) member(e *lang.Field) reference {
	if argument := f.argument(e); argument != nil {
		return f.argumentReference(argument)
	}
	whole := f.whole(e.X)
	if field, ok := sema.Part(whole.t, e.Name); ok && tuple(whole.t) {
		whole.offset, whole.t = whole.offset+field.Offset, f.typeOf(e)
		return whole
	}
	member, _ := f.unit.Target.Member(whole.t, e.Name)
	r := whole
	r.offset, r.t = whole.offset+member.Offset, f.typeOf(e)
	if member.BitSize > 0 {
		r.member, r.room = member, whole.t.Size-member.Offset
	}
	return r
}

// argument returns the named argument that a field access means; nil where it means a
// member.
func (f *function) argument(e lang.Expr) *builtin.Argument {
	field, ok := f.resolved(e).(*lang.Field)
	if !ok {
		return nil
	}
	return f.instance.Argument(field)
}

func (f *function) argumentReference(argument *builtin.Argument) reference {
	if argument.InRecord {
		return reference{base: f.b.Context(), offset: argument.Offset, direct: true, record: true, t: argument.Type}
	}
	base := argument.Address(hooks{f})
	if argument.Length != nil {
		base = f.launder(base)
	}
	return reference{base: base, t: argument.Type, user: argument.User}
}

// varyingElement is an element of a value whose length only the record has. One beyond it
// lies at the address 0, where nothing can be read, so that its value is 0.
func (f *function) varyingElement(e *lang.Index, argument *builtin.Argument) reference {
	t := f.typeOf(e)
	index, size := f.value(e.I), f.b.Const(int64(t.Size))
	address, length := argument.Address(hooks{f}), argument.Length(hooks{f})
	base := f.choose("element",
		func(then, otherwise *ir.Block) {
			f.b.If(ir.Less, index, f.b.Binary(ir.UDiv, length, size), then, otherwise)
		},
		func() *ir.Value { return f.b.Binary(ir.Add, f.launder(address), f.b.Binary(ir.Mul, index, size)) },
		func() *ir.Value { return f.b.Const(0) })
	return reference{base: base, t: t}
}

func (f *function) element(e *lang.Index) reference {
	if argument := f.argument(e.X); argument != nil && argument.Length != nil {
		return f.varyingElement(e, argument)
	}
	t := f.typeOf(e.X)
	var r reference
	if t.Kind == types.Pointer {
		r = reference{base: f.plainValue(e.X), user: f.inUser(t), either: f.inEither(t)}
	} else {
		r = f.reference(e.X)
	}
	r.t = f.typeOf(e)
	if n, known := (hooks{f}).Integer(e.I); known {
		r.offset += int(n) * r.t.Size
		return r
	}
	distance := f.b.Binary(ir.Mul, f.value(e.I), f.b.Const(int64(r.t.Size)))
	if r.direct {
		r.base, r.direct, r.record = f.launder(r.base), false, false
	}
	r.base = f.b.Binary(ir.Add, r.base, distance)
	return r
}

// field loads a scalar member.
func (f *function) field(e *lang.Field) *ir.Value {
	if argument := f.argument(e); argument != nil {
		return argument.Load(hooks{f})
	}
	if f.partOfValue(e) {
		return f.fieldOfValue(e)
	}
	return f.load(f.reference(e))
}

func (f *function) load(r reference) *ir.Value {
	if r.either {
		return f.choose("read", f.kernelOrUser(r.base),
			func() *ir.Value { return f.load(r.in(false)) },
			func() *ir.Value { return f.load(r.in(true)) })
	}
	if r.member.BitSize > 0 {
		return f.bitfield(r)
	}
	switch {
	case r.user:
		return f.b.ReadUser(r.base, r.offset, r.t.Size, r.t.Signed)
	case r.direct && !(r.record && r.offset%r.t.Size != 0):
		return f.b.Load(ir.Kernel, r.base, r.offset, r.t.Size, r.t.Signed)
	}
	return f.b.ReadKernel(r.base, r.offset, r.t.Size, r.t.Signed)
}

// bitfield loads the unit that holds the bits and shifts them out. The unit is never
// loaded directly: the verifier checks direct loads against the member that starts there.
func (f *function) bitfield(r reference) *ir.Value {
	read := f.b.ReadKernel
	if r.user {
		read = f.b.ReadUser
	}
	return f.bits(r.t, r.member.BitOffset, r.member.BitSize, r.room, func(at, size int) *ir.Value {
		return read(r.base, r.offset+at, size, false)
	})
}

// bits shifts a bitfield out of its unit. In a packed struct it may reach beyond that, or
// the unit beyond the struct: then the bytes that have its bits are read in pieces, and
// no others.
func (f *function) bits(t *types.Type, offset, size, room int, read func(at, size int) *ir.Value) *ir.Value {
	if offset+size <= 8*t.Size && t.Size <= room {
		return f.extend(f.b.Binary(ir.ShiftLeft, read(0, t.Size), f.b.Const(int64(64-offset-size))), size, t.Signed)
	}
	all := f.b.Const(0)
	for at, end := offset/8, (offset+size+7)/8; at < end; {
		piece := min(smallerPowerOfTwo(end-at), wordSize)
		op, distance := ir.ShiftLeft, 8*at-offset
		if distance < 0 {
			op, distance = ir.ShiftRight, -distance
		}
		all = f.b.Binary(ir.Or, all, f.b.Binary(op, read(at, piece), f.b.Const(int64(distance))))
		at += piece
	}
	return f.extend(f.b.Binary(ir.ShiftLeft, all, f.b.Const(int64(64-size))), size, t.Signed)
}

// extend takes a number from the upper bits of a word.
func (f *function) extend(upper *ir.Value, size int, signed bool) *ir.Value {
	op := ir.ShiftRight
	if signed {
		op = ir.ShiftRightArith
	}
	return f.b.Binary(op, upper, f.b.Const(int64(64-size)))
}

func smallerPowerOfTwo(n int) int { return 1 << (bits.Len(uint(n)) - 1) }

// inlineWords is up to how many words memory is zeroed and copied in line; above, a
// helper does it.
const inlineWords = 16

func (f *function) zero(to builtin.Place, size int) {
	if size > inlineWords*8 {
		f.unit.Zeroes = max(f.unit.Zeroes, size)
		f.b.Call(asm.FnProbeReadKernel, ir.Writes, f.Pointer(to), f.b.Const(int64(size)), f.b.DataAddress(object.ZeroMap, 0))
		return
	}
	f.eachWord(to, size, func(offset, width int) *ir.Value { return f.b.Const(0) })
}

// eachWord stores size bytes in the widest aligned pieces.
func (f *function) eachWord(to builtin.Place, size int, value func(offset, width int) *ir.Value) {
	for offset := 0; offset < size; {
		width := 8
		for width > size-offset || (to.Offset+offset)%width != 0 {
			width /= 2
		}
		f.b.Store(to.Space, to.Address, to.Offset+offset, width, value(offset, width))
		offset += width
	}
}

// copy moves bytes in line where few do it. A helper copies what is long, or aligned
// differently at both ends.
func (f *function) copy(to, from builtin.Place, size int) {
	if size > inlineWords*8 || size >= 8 && (to.Offset^from.Offset)&7 != 0 {
		f.b.Call(asm.FnProbeReadKernel, ir.Writes, f.Pointer(to), f.b.Const(int64(size)), f.Pointer(from))
		return
	}
	for offset := 0; offset < size; {
		width := 8
		for width > size-offset || (to.Offset+offset)%width != 0 || (from.Offset+offset)%width != 0 {
			width /= 2
		}
		value := f.b.Load(from.Space, from.Address, from.Offset+offset, width, false)
		f.b.Store(to.Space, to.Address, to.Offset+offset, width, value)
		offset += width
	}
}

// store writes the value of e as type t. With pad, the bytes that the value leaves open
// are zeroed.
func (f *function) store(e lang.Expr, to builtin.Place, t *types.Type, pad bool) {
	e = f.resolved(e)
	switch {
	case t.Scalar():
		f.b.Store(to.Space, to.Address, to.Offset, t.Size, f.value(e))
	case tuple(t):
		f.storeTuple(e, to, t)
	default:
		before := f.b.Why
		f.b.Why = ir.In(e.Range())
		f.storeMemory(e, to, t, pad)
		f.b.Why = before
	}
}

// tuple reports whether values of the type are parts, which may be stored one by one as
// wider types.
func tuple(t *types.Type) bool { return t.Kind == types.Tuple || t.Kind == types.Record }

// resolved looks through parentheses and what stands for others: names that are defined,
// the calls that bare words are.
func (f *function) resolved(e lang.Expr) lang.Expr {
	e = lang.Unparen(e)
	if value := f.instance.Instead[e]; value != nil {
		return f.resolved(value)
	}
	if name, ok := e.(*lang.Name); ok && f.instance.Bare[name] != nil {
		return f.resolved(f.instance.Bare[name])
	}
	return e
}

// replace stores a new value where an old one lies. A value made of parts of the old one,
// such as ($t.1, $t.0), is made elsewhere first.
func (f *function) replace(e lang.Expr, to builtin.Place, t *types.Type, readsOld bool) {
	if t.Scalar() || !readsOld {
		f.store(e, to, t, true)
		return
	}
	fresh := f.slotPlace(f.b.NewSlot("new", t.Size))
	f.store(e, fresh, t, true)
	f.copy(to, fresh, t.Size)
}

// mentions reports whether a node that is looked for stands in e, or in what e leads to.
func (f *function) mentions(e any, is func(node any) bool) (found bool) {
	lang.Walk(e, func(node any) bool {
		found = found || is(node)
		if body := f.calleeBody(node); body != nil && !found {
			found = f.mentions(body, is)
		}
		return !found
	})
	return found
}

// calleeBody is the body or value that a call or a name of the script's own stands for,
// or nil.
func (f *function) calleeBody(node any) any {
	switch node := node.(type) {
	case *lang.Call:
		if inline := f.instance.Inlines[node]; inline != nil {
			return inline.Body
		}
		if body := f.instance.Expansions[node]; body != nil {
			return body
		}
	case *lang.Name:
		if value := f.instance.Instead[node]; value != nil {
			return value
		}
		if call := f.instance.Bare[node]; call != nil {
			return f.calleeBody(call)
		}
	}
	return nil
}

func (f *function) mentionsMap(e any, name string) bool {
	return f.mentions(e, func(node any) bool {
		m, ok := node.(*lang.Map)
		return ok && m.Name == name
	})
}

// mayRead reports whether e reads a variable, by its name or, where it has one, by its
// address.
func (f *function) mayRead(e any, v *sema.Variable) bool {
	return f.mentions(e, func(node any) bool {
		if mention, ok := node.(*lang.Variable); ok && f.instance.Variables[mention] == v {
			return true
		}
		value, ok := node.(lang.Expr)
		return ok && v.Pointed && f.isPointer(value)
	})
}

func (f *function) isPointer(e lang.Expr) bool {
	t := f.typeOf(e)
	return t != nil && t.Kind == types.Pointer
}

func (f *function) storeTuple(e lang.Expr, to builtin.Place, t *types.Type) {
	switch e := e.(type) {
	case *lang.Tuple:
		f.storeParts(e.Elems, to, t)
		return
	case *lang.Record:
		f.storeRecord(e, to, t)
		return
	case *lang.Ternary:
		f.storeMemory(e, to, t, false)
		return
	}
	if f.typeOf(e).Equal(t) {
		f.storeMemory(e, to, t, false)
		return
	}
	f.widenTuple(to, t, f.materialize(e), f.typeOf(e))
}

func (f *function) storeParts(values []lang.Expr, to builtin.Place, t *types.Type) {
	f.zeroGaps(t.Layout(), to)
	for i, field := range t.Fields {
		f.storePart(values[i], to, field)
	}
}

// storeRecord evaluates the fields in the order in which they are written, which need not
// be that of the type.
func (f *function) storeRecord(e *lang.Record, to builtin.Place, t *types.Type) {
	f.zeroGaps(t.Layout(), to)
	for _, written := range e.Fields {
		field, _ := sema.Part(t, written.Name)
		f.storePart(written.Value, to, field)
	}
}

func (f *function) storePart(e lang.Expr, to builtin.Place, field types.Field) {
	if field.Type.Integer() {
		f.b.Store(to.Space, to.Address, to.Offset+field.Offset, field.Type.Size, f.plainValue(e))
		return
	}
	f.store(e, at(to, field.Offset), field.Type, true)
}

// at is the place some bytes further.
func at(p builtin.Place, offset int) builtin.Place {
	p.Offset += offset
	return p
}

// widenTuple copies a tuple part by part to where wider parts have their places.
func (f *function) widenTuple(to builtin.Place, t *types.Type, from builtin.Place, narrow *types.Type) {
	f.zeroGaps(t.Layout(), to)
	for i, field := range t.Fields {
		part, _ := sema.Counterpart(narrow, t, i)
		target, source := at(to, field.Offset), at(from, part.Offset)
		switch {
		case field.Type.Scalar():
			f.b.Store(target.Space, target.Address, target.Offset, field.Type.Size, f.loadField(from, part))
		case tuple(field.Type):
			f.widenTuple(target, field.Type, source, part.Type)
		default:
			f.copyPadded(target, source, part.Type.Size, field.Type, true)
		}
	}
}

// loadField loads a scalar field of what lies at a place.
func (f *function) loadField(from builtin.Place, field types.Field) *ir.Value {
	t := field.Type
	if field.BitSize > 0 {
		return f.bits(t, field.BitOffset, field.BitSize, 0, func(at, size int) *ir.Value { return f.loadPieces(from, field.Offset+at, size) })
	}
	if (from.Offset+field.Offset)%max(t.Size, 1) == 0 {
		return f.b.Load(from.Space, from.Address, from.Offset+field.Offset, t.Size, t.Signed)
	}
	pieces := f.loadPieces(from, field.Offset, t.Size)
	return f.extend(f.b.Binary(ir.ShiftLeft, pieces, f.b.Const(int64(64-8*t.Size))), 8*t.Size, t.Signed)
}

// loadPieces loads a number that need not be aligned, which the verifier demands of the
// stack.
func (f *function) loadPieces(from builtin.Place, offset, size int) *ir.Value {
	all := f.b.Const(0)
	for at := 0; at < size; {
		here := from.Offset + offset + at
		piece := smallerPowerOfTwo(size - at)
		if here != 0 {
			piece = min(piece, here&-here)
		}
		loaded := f.b.Load(from.Space, from.Address, here, piece, false)
		all = f.b.Binary(ir.Or, all, f.b.Binary(ir.ShiftLeft, loaded, f.b.Const(int64(8*at))))
		at += piece
	}
	return all
}

func (f *function) zeroGaps(layout types.Layout, to builtin.Place) {
	for _, gap := range layout.Gaps() {
		f.zero(builtin.Place{Space: to.Space, Address: to.Address, Offset: to.Offset + gap[0]}, gap[1]-gap[0])
	}
}

// storeMemory writes a value that lives in memory.
func (f *function) storeMemory(e lang.Expr, to builtin.Place, t *types.Type, pad bool) {
	if text, ok := (hooks{f}).Text(e); ok {
		f.storeLiteral(text, to, t, pad)
		return
	}
	if place, ok := f.located(e); ok {
		f.copyPadded(to, place, f.typeOf(e).Size, t, pad)
		return
	}
	switch e := e.(type) {
	case *lang.Variable:
		f.storePair(to, f.instance.Variables[e].Type, f.iterators[f.instance.Variables[e]])
		return
	case *lang.Map:
		f.storeFromMap(e, to, t)
		return
	case *lang.Ternary:
		f.storeChoice(e, to, t, pad)
		return
	case *lang.BlockExpr:
		f.statements(e.Statements)
		f.store(e.Value, to, t, pad)
		return
	case *lang.Cast:
		f.storeCast(e, to, t, pad)
		return
	case *lang.Call:
		if f.storeCall(e, to, t, pad) {
			return
		}
	}
	if f.partOfValue(e) {
		f.copyPadded(to, f.materialize(e), f.typeOf(e).Size, t, pad)
		return
	}
	f.storeComputed(e, to, t, pad)
}

// storeComputed writes what a hook or a read brings. What takes values in memory may take
// the one that is overwritten, so that nothing is zeroed before.
func (f *function) storeComputed(e lang.Expr, to builtin.Place, t *types.Type, pad bool) {
	size := f.typeOf(e).Size
	switch {
	case !pad:
		f.into(e, to)
	case f.fills(e):
		f.into(e, to)
		f.zero(at(to, size), t.Size-size)
	case f.takesMemory(e):
		place := f.slotPlace(f.b.NewSlot("value", size))
		f.zero(place, size)
		f.into(e, place)
		f.copyPadded(to, place, size, t, true)
	default:
		f.zero(to, t.Size)
		f.into(e, to)
	}
}

// fills reports whether the expression writes every byte of its type by itself.
func (f *function) fills(e lang.Expr) bool {
	call := f.called(e)
	return call != nil && builtin.FunctionNamed(call.Name).Fills
}

func (f *function) takesMemory(e lang.Expr) bool {
	call := f.called(e)
	return call != nil && slices.ContainsFunc(call.Args, func(arg lang.Expr) bool {
		t := f.typeOf(arg)
		return t != nil && t.Kind != types.None && !t.Scalar()
	})
}

// called returns the call that an expression is, or nil.
func (f *function) called(e lang.Expr) *lang.Call {
	call, _ := f.resolved(e).(*lang.Call)
	return call
}

func (f *function) into(e lang.Expr, to builtin.Place) {
	if call, ok := e.(*lang.Call); ok {
		builtin.FunctionNamed(call.Name).Into(hooks{f}, call, to)
		return
	}
	if argument := f.argument(e); argument != nil {
		argument.Into(hooks{f}, to)
		return
	}
	f.readText(f.reference(e), to)
}

// readText copies a character array up to its first zero, anything else whole.
func (f *function) readText(r reference, to builtin.Place) {
	if r.either {
		kernel, user, join := f.b.NewBlock(), f.b.NewBlock(), f.b.NewBlock()
		f.kernelOrUser(r.base)(kernel, user)
		f.b.Enter(kernel)
		f.readText(r.in(false), to)
		f.b.Jump(join)
		f.b.Enter(user)
		f.readText(r.in(true), to)
		f.b.Jump(join)
		f.b.Enter(join)
		return
	}
	helper := asm.FnProbeReadKernelStr
	switch whole := r.t.Kind != types.String; {
	case whole && r.user:
		helper = asm.FnProbeReadUser
	case whole:
		helper = asm.FnProbeReadKernel
	case r.user:
		helper = asm.FnProbeReadUserStr
	}
	source := r.base
	if r.offset != 0 {
		source = f.b.Binary(ir.Add, r.base, f.b.Const(int64(r.offset)))
	}
	f.b.Call(helper, ir.Writes, f.Pointer(to), f.b.Const(int64(r.t.Size)), source)
}

func (f *function) copyPadded(to, from builtin.Place, size int, t *types.Type, pad bool) {
	f.copy(to, from, min(size, t.Size))
	if pad && size < t.Size {
		f.zero(builtin.Place{Space: to.Space, Address: to.Address, Offset: to.Offset + size}, t.Size-size)
	}
}

func (f *function) storeLiteral(text string, to builtin.Place, t *types.Type, pad bool) {
	text = text[:min(len(text), t.Size-1)] + "\x00"
	size := len(text)
	if pad {
		size = t.Size
	}
	padded := text + string(make([]byte, size-len(text)))
	f.eachWord(to, size, func(offset, width int) *ir.Value {
		return f.b.Const(pieces(padded[offset : offset+width])[0].value)
	})
}

func (f *function) storeChoice(e *lang.Ternary, to builtin.Place, t *types.Type, pad bool) {
	then, otherwise, join := f.b.NewBlock(), f.b.NewBlock(), f.b.NewBlock()
	f.condition(e.Cond, then, otherwise)
	f.b.Enter(then)
	f.store(e.X, to, t, pad)
	f.b.Jump(join)
	f.b.Enter(otherwise)
	f.store(e.Y, to, t, pad)
	f.b.Jump(join)
	f.b.Enter(join)
}
