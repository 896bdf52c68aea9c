package lower

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/sema"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// value computes a scalar expression in 64 bits.
func (f *function) value(e lang.Expr) *ir.Value {
	before := f.b.Why
	f.b.Why = ir.In(e.Range())
	v := f.compute(e)
	f.b.Why = before
	return v
}

func (f *function) compute(e lang.Expr) *ir.Value {
	if n, known := (hooks{f}).Integer(e); known {
		return f.b.Const(n)
	}
	switch e := f.resolved(e).(type) {
	case *lang.Variable:
		return f.variable(f.instance.Variables[e])
	case *lang.Map:
		return f.readMap(e)
	case *lang.Unary:
		return f.unary(e)
	case *lang.IncDec:
		return f.incDec(e)
	case *lang.Binary:
		return f.binary(e)
	case *lang.Ternary:
		return f.ternary(e)
	case *lang.Call:
		return f.callValue(e)
	case *lang.BlockExpr:
		f.statements(e.Statements)
		return f.value(e.Value)
	case *lang.Field:
		return f.field(e)
	case *lang.Index:
		if f.partOfValue(e) {
			return f.elementOfValue(e)
		}
		return f.load(f.reference(e))
	case *lang.Cast:
		return f.cast(e)
	}
	panic("lower: an expression without a rule")
}

func (f *function) cell(v *sema.Variable) *ir.Cell {
	cell := f.cells[v]
	if cell == nil {
		cell = f.b.NewCell("$" + v.Name)
		f.cells[v] = cell
	}
	return cell
}

func (f *function) unary(e *lang.Unary) *ir.Value {
	switch e.Op {
	case "-":
		return f.wrapped(f.b.Unary(ir.Neg, f.plainValue(e.X)), e)
	case "~":
		t := f.typeOf(e)
		return f.b.Extend(f.b.Unary(ir.Not, f.plainValue(e.X)), t.Size, t.Signed)
	case "*":
		return f.load(f.reference(e))
	case "&":
		return f.addressOf(e.X)
	case "comptime":
		return f.value(e.X)
	}
	return f.decision(e)
}

// wrapped cuts the negative of what may be the smallest int32.
func (f *function) wrapped(negative *ir.Value, e *lang.Unary) *ir.Value {
	if t := f.typeOf(e); t.Size == 4 && f.typeOf(e.X).Size == 4 {
		return f.b.Extend(negative, t.Size, t.Signed)
	}
	return negative
}

// decision makes 0 or 1 of a condition.
func (f *function) decision(e lang.Expr) *ir.Value {
	return f.choose("condition",
		func(then, otherwise *ir.Block) { f.condition(e, then, otherwise) },
		func() *ir.Value { return f.b.Const(1) },
		func() *ir.Value { return f.b.Const(0) })
}

// choose computes one of two values.
func (f *function) choose(name string, decide func(then, otherwise *ir.Block), x, y func() *ir.Value) *ir.Value {
	cell := f.b.NewCell(name)
	then, otherwise, join := f.b.NewBlock(), f.b.NewBlock(), f.b.NewBlock()
	decide(then, otherwise)
	f.b.Enter(then)
	f.b.CellSet(cell, x())
	f.b.Jump(join)
	f.b.Enter(otherwise)
	f.b.CellSet(cell, y())
	f.b.Jump(join)
	f.b.Enter(join)
	return f.b.CellGet(cell)
}

func (f *function) ternary(e *lang.Ternary) *ir.Value {
	decide := func(then, otherwise *ir.Block) { f.condition(e.Cond, then, otherwise) }
	x := func() *ir.Value { return f.plainValue(e.X) }
	if e.X == nil {
		cond := f.plainValue(e.Cond)
		decide = func(then, otherwise *ir.Block) { f.b.If(ir.NotEqual, cond, f.b.Const(0), then, otherwise) }
		x = func() *ir.Value { return cond }
	}
	return f.choose("choice", decide, x, func() *ir.Value { return f.plainValue(e.Y) })
}

var plainOps = map[lang.Operator]ir.Op{
	"+": ir.Add, "-": ir.Sub, "*": ir.Mul, "&": ir.And, "|": ir.Or, "^": ir.Xor, "<<": ir.ShiftLeft,
}

func (f *function) binary(e *lang.Binary) *ir.Value {
	switch e.Op {
	case "&&", "||", "==", "!=", "<", "<=", ">", ">=", "=~", "!~":
		return f.decision(e)
	}
	x, y := f.typeOf(e.X), f.typeOf(e.Y)
	switch {
	case x.Register || y.Register:
		return f.arithmetic(e.Op, f.plainValue(e.X), f.plainValue(e.Y), f.typeOf(e).Signed, y)
	case x.Kind == types.Pointer && y.Kind == types.Pointer:
		return f.pointerDistance(e, x, y)
	case x.Kind == types.Pointer:
		return f.movePointer(e.Op, f.plainValue(e.X), x, f.value(e.Y))
	case y.Kind == types.Pointer:
		distance := f.value(e.X)
		return f.movePointer(e.Op, f.plainValue(e.Y), y, distance)
	}
	return f.arithmetic(e.Op, f.value(e.X), f.value(e.Y), f.typeOf(e).Signed, y)
}

func (f *function) arithmetic(op lang.Operator, x, y *ir.Value, signed bool, divisor *types.Type) *ir.Value {
	if plain, ok := plainOps[op]; ok {
		return f.b.Binary(plain, x, y)
	}
	switch op {
	case ">>":
		if signed {
			return f.b.Binary(ir.ShiftRightArith, x, y)
		}
		return f.b.Binary(ir.ShiftRight, x, y)
	case "/":
		if signed {
			return f.b.Binary(ir.SDiv, x, y)
		}
		return f.b.Binary(ir.UDiv, x, y)
	}
	return f.remainder(x, y, signed)
}

// remainder makes x % 0 zero, where the machine would leave x.
func (f *function) remainder(x, y *ir.Value, signed bool) *ir.Value {
	op := ir.UMod
	if signed {
		op = ir.SMod
	}
	if y.Op == ir.Const {
		return f.b.Binary(op, x, y)
	}
	return f.choose("remainder",
		func(then, otherwise *ir.Block) { f.b.If(ir.NotEqual, y, f.b.Const(0), then, otherwise) },
		func() *ir.Value { return f.b.Binary(op, x, y) },
		func() *ir.Value { return f.b.Const(0) })
}

// movePointer moves a pointer by whole elements.
func (f *function) movePointer(op lang.Operator, base *ir.Value, t *types.Type, distance *ir.Value) *ir.Value {
	return f.b.Binary(plainOps[op], base, f.b.Binary(ir.Mul, distance, f.b.Const(int64(elementSize(t)))))
}

// elementSize is what a pointer moves by: a byte where nothing is known of what it points
// at, and from a register.
func elementSize(t *types.Type) int {
	if !t.Register && t.Elem != nil && t.Elem.Size > 0 {
		return t.Elem.Size
	}
	return 1
}

// pointerDistance is the number of elements between two pointers.
func (f *function) pointerDistance(e *lang.Binary, x, y *types.Type) *ir.Value {
	bytes := f.b.Binary(ir.Sub, f.plainValue(e.X), f.plainValue(e.Y))
	return f.b.Binary(ir.SDiv, bytes, f.b.Const(int64(elementSize(x))))
}

// plainValue is a value to compute with: of a pointer that the verifier tracks a number.
func (f *function) plainValue(e lang.Expr) *ir.Value {
	value := f.value(e)
	if !f.tracked(e) {
		return value
	}
	return f.launder(value)
}

// tracked reports whether the verifier may know a value as a pointer. A part of a tuple
// may have been one when it was stored in the frame; a variable of a type that is not
// Trusted was given a number.
func (f *function) tracked(e lang.Expr) bool {
	e = f.resolved(e)
	t := f.typeOf(e)
	switch e := e.(type) {
	case *lang.Cast:
		return t.Kind == types.Pointer && f.tracked(e.X)
	case *lang.BlockExpr:
		return f.tracked(e.Value)
	case *lang.Call:
		if body := f.instance.Expansions[e]; body != nil {
			return f.tracked(body.Value)
		}
	case *lang.Field, *lang.Index:
		return t.Trusted || t.Kind == types.Pointer && f.partOfValue(e)
	}
	return t.Trusted
}

// launder copies a pointer through memory by a helper, after which the verifier takes it
// for a number.
func (f *function) launder(value *ir.Value) *ir.Value {
	from, to := f.b.NewSlot("pointer", 8), f.b.NewSlot("number", 8)
	f.b.Store(ir.Frame, f.b.SlotAddress(from), 0, 8, value)
	f.b.Call(asm.FnProbeReadKernel, ir.Writes, f.b.SlotAddress(to), f.b.Const(8), f.b.SlotAddress(from))
	return f.b.Load(ir.Frame, f.b.SlotAddress(to), 0, 8, false)
}

func (f *function) cast(e *lang.Cast) *ir.Value {
	from, to := f.typeOf(e.X), f.typeOf(e)
	if to.Kind == types.Bool {
		return f.decision(e.X)
	}
	switch {
	case from.Scalar():
	case to.Kind == types.Pointer:
		return f.addressOf(e.X)
	default:
		return f.fromMemory(e)
	}
	if to.Kind == types.Pointer {
		return f.value(e.X)
	}
	return f.b.Extend(f.plainValue(e.X), to.Size, to.Signed)
}

func (f *function) incDec(e *lang.IncDec) *ir.Value {
	step := int64(1)
	if e.Op == "--" {
		step = -1
	}
	if t := f.typeOf(e); t.Kind == types.Pointer {
		step *= int64(elementSize(t))
	}
	if m, ok := lang.Unparen(e.X).(*lang.Map); ok {
		return f.stepMap(m, step, e.Prefix)
	}
	v := f.instance.Variables[lang.Unparen(e.X).(*lang.Variable)]
	old := f.variable(v)
	f.updateVariable(v, "+", f.b.Const(step), types.Int64)
	if e.Prefix {
		return f.variable(v)
	}
	return old
}

func (f *function) assign(s *lang.Assign) {
	if call, ok := lang.Unparen(s.Value).(*lang.Call); ok {
		if a := builtin.AggregationNamed(call.Name); a != nil {
			f.aggregate(s.Target.(*lang.Map), call, a)
			return
		}
	}
	if s.Op != "=" {
		f.update(s.Target, s.Op, f.operand(s), f.typeOf(s.Value))
		return
	}
	switch target := s.Target.(type) {
	case *lang.Variable:
		f.assignVariable(f.instance.Variables[target], s.Value)
	case *lang.Map:
		f.assignMap(target, s.Value)
	}
}

// aggregate evaluates the number before the key and the row, as an assignment does: a
// number that ends the clause leaves no row.
func (f *function) aggregate(target *lang.Map, call *lang.Call, a *builtin.Aggregation) {
	var n *ir.Value
	if len(call.Args) > 0 {
		n = f.value(call.Args[0])
	}
	m := (hooks{f}).Map(target)
	if m.Parts > 0 {
		part, update := a.Split(hooks{f}, call, m.Value, n)
		f.withKey(m, func() *ir.Value { return f.partKey(target, part) }, update)
		return
	}
	f.withRow(target, func(row builtin.Place) { a.Update(hooks{f}, call, m.Value, n, row) })
}

// operand is the right side of `target op= x`; a pointer moves by whole elements.
func (f *function) operand(s *lang.Assign) *ir.Value {
	value := f.plainValue(s.Value)
	if t := f.targetType(s.Target); t.Kind == types.Pointer {
		return f.b.Binary(ir.Mul, value, f.b.Const(int64(elementSize(t))))
	}
	return value
}

func (f *function) targetType(target lang.Expr) *types.Type {
	if m, ok := target.(*lang.Map); ok {
		return (hooks{f}).Map(m).Value
	}
	return f.instance.Variables[target.(*lang.Variable)].Type
}

func (f *function) assignVariable(v *sema.Variable, value lang.Expr) {
	switch {
	case v.Type.Scalar() && v.Fixed:
		f.setVariable(v, f.converted(value, v.Type))
	case v.Type.Trusted:
		f.setVariable(v, f.value(value))
	case v.Type.Scalar():
		f.setVariable(v, f.plainValue(value))
	default:
		f.replace(value, f.variablePlace(v), v.Type, f.mayRead(value, v))
	}
}

// variable reads a scalar variable.
func (f *function) variable(v *sema.Variable) *ir.Value {
	if v.Shared {
		place := f.variablePlace(v)
		return f.b.Load(place.Space, place.Address, place.Offset, 8, false)
	}
	return f.b.CellGet(f.cell(v))
}

// setVariable writes a scalar variable.
func (f *function) setVariable(v *sema.Variable, value *ir.Value) {
	if v.Shared {
		place := f.variablePlace(v)
		f.b.Store(place.Space, place.Address, place.Offset, 8, value)
		return
	}
	f.b.CellSet(f.cell(v), value)
}

// variablePlace is the memory of a variable that is shared or no scalar.
func (f *function) variablePlace(v *sema.Variable) builtin.Place {
	if v.Shared {
		offset, known := f.offsets[v]
		if !known {
			offset = f.share(max(v.Type.Size, 8))
			f.offsets[v] = offset
		}
		return f.sharedPlace(offset)
	}
	slot := f.slots[v]
	if slot == nil {
		slot = f.b.NewSlot("$"+v.Name, v.Type.Size)
		f.slots[v] = slot
	}
	return f.slotPlace(slot)
}

// let declares a variable. Without a value it is zero, in each round of a loop anew.
func (f *function) let(s *lang.Let) {
	v := f.instance.Variables[s.Variable]
	switch {
	case s.Value != nil:
		f.assignVariable(v, s.Value)
	case v.Type.Kind == types.None:
	case v.Type.Scalar():
		f.setVariable(v, f.b.Const(0))
	default:
		f.zero(f.variablePlace(v), v.Type.Size)
	}
}

// update is `target op= operand`.
func (f *function) update(target lang.Expr, op lang.Operator, operand *ir.Value, t *types.Type) {
	op = op[:len(op)-1]
	switch target := lang.Unparen(target).(type) {
	case *lang.Variable:
		f.updateVariable(f.instance.Variables[target], op, operand, t)
	case *lang.Map:
		f.updateMap(target, op, operand, t)
	}
}

// signedUpdate tells whether `x op= y` is signed. A shift goes by what is shifted only.
func signedUpdate(op lang.Operator, x, y *types.Type) bool {
	if op == "<<" || op == ">>" {
		return sema.Signed(x, x)
	}
	return sema.Signed(x, y)
}

func (f *function) updateVariable(v *sema.Variable, op lang.Operator, operand *ir.Value, t *types.Type) {
	value := f.arithmetic(op, f.variable(v), operand, signedUpdate(op, v.Type, t), t)
	switch {
	case !v.Fixed || v.Type.Kind == types.Pointer:
	case v.Type.Kind == types.Bool:
		value = f.b.Binary(ir.NotEqual, value, f.b.Const(0))
	default:
		value = f.b.Extend(value, v.Type.Size, v.Type.Signed)
	}
	f.setVariable(v, value)
}
