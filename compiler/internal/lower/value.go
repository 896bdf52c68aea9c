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
	if n, known := (hooks{f}).Integer(e); known {
		return f.b.Const(n)
	}
	switch e := lang.Unparen(e).(type) {
	case *lang.Name:
		return f.value(f.instance.Bare[e])
	case *lang.Variable:
		return f.b.CellGet(f.cell(f.instance.Variables[e]))
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
		return builtin.FunctionNamed(e.Name).Lower(hooks{f}, e)
	case *lang.Field:
		return f.field(e)
	case *lang.Index:
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
		return f.b.Unary(ir.Neg, f.value(e.X))
	case "~":
		t := f.typeOf(e)
		return f.b.Extend(f.b.Unary(ir.Not, f.value(e.X)), t.Size, t.Signed)
	case "*":
		return f.load(f.reference(e))
	}
	return f.decision(e)
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
	x := func() *ir.Value { return f.value(e.X) }
	if e.X == nil {
		cond := f.value(e.Cond)
		decide = func(then, otherwise *ir.Block) { f.b.If(ir.NotEqual, cond, f.b.Const(0), then, otherwise) }
		x = func() *ir.Value { return cond }
	}
	return f.choose("choice", decide, x, func() *ir.Value { return f.value(e.Y) })
}

var plainOps = map[lang.Operator]ir.Op{
	"+": ir.Add, "-": ir.Sub, "*": ir.Mul, "&": ir.And, "|": ir.Or, "^": ir.Xor, "<<": ir.ShiftLeft,
}

func (f *function) binary(e *lang.Binary) *ir.Value {
	switch e.Op {
	case "&&", "||", "==", "!=", "<", "<=", ">", ">=":
		return f.decision(e)
	}
	x, y := f.typeOf(e.X), f.typeOf(e.Y)
	if x.Kind == types.Pointer {
		return f.pointerArithmetic(e, x)
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

// pointerArithmetic moves a pointer by whole elements.
func (f *function) pointerArithmetic(e *lang.Binary, t *types.Type) *ir.Value {
	base := f.plainPointer(f.value(e.X), t)
	size := 1
	if t.Elem != nil && t.Elem.Size > 0 {
		size = t.Elem.Size
	}
	distance := f.b.Binary(ir.Mul, f.value(e.Y), f.b.Const(int64(size)))
	return f.b.Binary(plainOps[e.Op], base, distance)
}

// plainPointer makes a number of a pointer that the verifier tracks.
func (f *function) plainPointer(value *ir.Value, t *types.Type) *ir.Value {
	if !t.Trusted {
		return value
	}
	return f.launder(value)
}

// launder copies a pointer through memory by a helper, after which the verifier takes it for a number.
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
	value := f.value(e.X)
	if to.Kind == types.Pointer {
		return value
	}
	return f.b.Extend(f.plainPointer(value, from), to.Size, to.Signed)
}

func (f *function) incDec(e *lang.IncDec) *ir.Value {
	op, step := lang.Operator("+="), int64(1)
	if e.Op == "--" {
		step = -1
	}
	old := f.value(e.X)
	f.update(e.X, op, f.b.Const(step), types.Int64)
	if e.Prefix {
		return f.b.Binary(ir.Add, old, f.b.Const(step))
	}
	return old
}

func (f *function) assign(s *lang.Assign) {
	if call, ok := lang.Unparen(s.Value).(*lang.Call); ok {
		if a := builtin.AggregationNamed(call.Name); a != nil {
			m := s.Target.(*lang.Map)
			f.withRow(m, func(row builtin.Place) { a.Update(hooks{f}, call, (hooks{f}).Map(m).Value, row) })
			return
		}
	}
	if s.Op != "=" {
		f.update(s.Target, s.Op, f.value(s.Value), f.typeOf(s.Value))
		return
	}
	switch target := s.Target.(type) {
	case *lang.Variable:
		f.assignVariable(f.instance.Variables[target], s.Value)
	case *lang.Map:
		f.assignMap(target, s.Value)
	}
}

func (f *function) assignVariable(v *sema.Variable, value lang.Expr) {
	if v.Type.Scalar() {
		f.b.CellSet(f.cell(v), f.value(value))
		return
	}
	f.store(value, f.variablePlace(v), v.Type, true)
}

func (f *function) variablePlace(v *sema.Variable) builtin.Place {
	slot := f.slots[v]
	if slot == nil {
		slot = f.b.NewSlot("$"+v.Name, v.Type.Size)
		f.slots[v] = slot
	}
	return f.slotPlace(slot)
}

// update is `target op= operand`.
func (f *function) update(target lang.Expr, op lang.Operator, operand *ir.Value, t *types.Type) {
	op = op[:len(op)-1]
	switch target := target.(type) {
	case *lang.Variable:
		v := f.instance.Variables[target]
		cell := f.cell(v)
		signed := sema.Signed(v.Type, t)
		f.b.CellSet(cell, f.arithmetic(op, f.b.CellGet(cell), operand, signed, t))
	case *lang.Map:
		f.updateMap(target, op, operand, t)
	}
}
