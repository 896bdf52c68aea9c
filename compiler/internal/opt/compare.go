package opt

import "github.com/ponytrace/ponytrace/compiler/internal/ir"

var mirrored = map[ir.Op]bool{ir.Equal: true, ir.NotEqual: true}

// comparison decides or simplifies a comparison that is wanted as a number.
func (s *folder) comparison(v *ir.Value) *ir.Value {
	if known, answer := decide(v.Op, v.Args[0], v.Args[1]); known {
		return s.constant(answer)
	}
	op, x, y := simpler(v.Op, v.Args[0], v.Args[1])
	if op == ir.NotEqual && isZero(y) && x.Op.Comparison() {
		return x
	}
	if op == ir.Equal && isZero(y) && x.Op.Comparison() {
		op, x, y = negated(x.Op, x.Args[0], x.Args[1])
	}
	op, x, y = s.unshifted(op, x, y)
	v.Op, v.Args = op, []*ir.Value{x, y}
	s.zeroRight(v)
	return nil
}

// branch makes an If compare what the comparison before it compared, or jump where the
// answer is known.
func (s *folder) branch(v *ir.Value) {
	if known, answer := decide(v.Compare, v.Args[0], v.Args[1]); known {
		to := v.Then
		if answer == 0 {
			to = v.Else
		}
		jumpTo(v, to)
		return
	}
	op, x, y := simpler(v.Compare, v.Args[0], v.Args[1])
	for isZero(y) && x.Op.Comparison() && (op == ir.Equal || op == ir.NotEqual) {
		if op == ir.Equal {
			v.Then, v.Else = v.Else, v.Then
		}
		op, x, y = simpler(x.Op, x.Args[0], x.Args[1])
	}
	op, x, y = s.unshifted(op, x, y)
	v.Compare, v.Args = op, []*ir.Value{x, y}
	s.zeroRight(v)
}

// zeroRight gives `x < 1` and `0 < x`, which simpler made comparisons of equality, their
// zero.
func (s *folder) zeroRight(v *ir.Value) {
	op := v.Op
	if op == ir.If {
		op = v.Compare
	}
	if n, ok := v.Args[1].Constant(); ok && n == 1 && op == ir.Less {
		v.Args[1] = s.constant(0)
		if v.Op == ir.If {
			v.Compare = ir.Equal
		} else {
			v.Op = ir.Equal
		}
	}
}

// unshifted asks `x < 1<<k` instead of `x>>k == 0`: the shift is needed, if at all, on
// one way only.
func (s *folder) unshifted(op ir.Op, x, y *ir.Value) (ir.Op, *ir.Value, *ir.Value) {
	if !isZero(y) || x.Op != ir.ShiftRight || op != ir.Equal && op != ir.NotEqual {
		return op, x, y
	}
	k, ok := x.Args[1].Constant()
	if !ok || k < 1 || k > 62 {
		return op, x, y
	}
	if op == ir.Equal {
		return ir.Less, x.Args[0], s.constant(1 << k)
	}
	return ir.LessEqual, s.constant(1 << k), x.Args[0]
}

func isZero(v *ir.Value) bool { return v.Op == ir.Const && v.Int == 0 }

// simpler puts the constant of an equality to the right and turns `0 < x` into `x != 0`.
func simpler(op ir.Op, x, y *ir.Value) (ir.Op, *ir.Value, *ir.Value) {
	if x.Op == ir.Const && mirrored[op] {
		return op, y, x
	}
	if op == ir.Less && isZero(x) {
		return ir.NotEqual, y, x
	}
	if op == ir.LessEqual && isZero(y) {
		return ir.Equal, x, y
	}
	return op, x, y
}

// negated returns the comparison that holds when the given one does not.
func negated(op ir.Op, x, y *ir.Value) (ir.Op, *ir.Value, *ir.Value) {
	switch op {
	case ir.Equal:
		return ir.NotEqual, x, y
	case ir.NotEqual:
		return ir.Equal, x, y
	case ir.Less:
		return ir.LessEqual, y, x
	case ir.LessEqual:
		return ir.Less, y, x
	case ir.SignedLess:
		return ir.SignedLessEqual, y, x
	}
	return ir.SignedLess, y, x
}

// decide knows comparisons of constants, of a value with itself, and of a narrow value
// with a wide constant.
func decide(op ir.Op, x, y *ir.Value) (known bool, answer int64) {
	a, aConstant := x.Constant()
	b, bConstant := y.Constant()
	switch {
	case aConstant && bConstant:
		return true, int64(ir.Ops[op].Compute(uint64(a), uint64(b)))
	case x == y:
		return true, int64(ir.Ops[op].Compute(0, 0))
	case bConstant && significant(x) < 64 && uint64(b)>>significant(x) != 0:
		return beyond(op)
	case op == ir.LessEqual && bConstant && significant(x) < 64 && uint64(b) == 1<<significant(x)-1:
		return true, 1
	case op == ir.Less && isZero(y):
		return true, 0
	case op == ir.LessEqual && isZero(x):
		return true, 1
	}
	return false, 0
}

// beyond answers for a constant on the right that is larger, as an unsigned number, than
// the left side can be.
func beyond(op ir.Op) (known bool, answer int64) {
	switch op {
	case ir.Equal:
		return true, 0
	case ir.NotEqual, ir.Less, ir.LessEqual:
		return true, 1
	}
	return false, 0
}
