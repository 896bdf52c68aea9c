package opt

import (
	"math/bits"

	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// fold simplifies each value by its operands alone: constants, identities, cheaper
// operations, extensions that change nothing, branches that are decided.
func fold(f *ir.Func) {
	s := &folder{f: f, with: make([]*ir.Value, f.Size()+1)}
	for _, b := range f.ReversePostorder() {
		s.block(b)
	}
	f.Replace(s.with)
}

type folder struct {
	f    *ir.Func
	with []*ir.Value // what takes the place of a value, by its ID
	out  []*ir.Value // the block's values so far
	at   *ir.Value
}

func (s *folder) block(b *ir.Block) {
	s.out = make([]*ir.Value, 0, len(b.Values))
	for _, v := range b.Values {
		for i, arg := range v.Args {
			if arg.ID < len(s.with) && s.with[arg.ID] != nil {
				v.Args[i] = s.with[arg.ID]
			}
		}
		s.at = v
		if replaced := s.simplify(v); replaced != nil && replaced != v {
			s.with[v.ID] = replaced
			continue
		}
		s.out = append(s.out, v)
	}
	b.Values = s.out
}

// add places a new value before the one being folded.
func (s *folder) add(op ir.Op, args ...*ir.Value) *ir.Value {
	return s.place(ir.Value{Op: op, Args: args})
}

func (s *folder) constant(n int64) *ir.Value { return s.place(ir.Value{Op: ir.Const, Int: n}) }

//go:noinline
func (s *folder) place(proto ir.Value) *ir.Value {
	proto.Block, proto.Span, proto.Why = s.at.Block, s.at.Span, s.at.Why
	v := s.f.NewValue(proto)
	s.out = append(s.out, v)
	return v
}

// become turns the value being folded into another operation on other operands.
func (s *folder) become(op ir.Op, args ...*ir.Value) *ir.Value {
	s.at.Op, s.at.Args = op, args
	return nil
}

// simplify returns the value that takes the place of v; nil where v stays, perhaps
// changed.
func (s *folder) simplify(v *ir.Value) *ir.Value {
	if n, ok := compute(v, constantOf); ok {
		return s.constant(int64(n))
	}
	switch v.Op {
	case ir.If:
		s.branch(v)
	case ir.Store:
		s.narrow(v)
	case ir.Neg, ir.Not:
		if v.Args[0].Op == v.Op {
			return v.Args[0].Args[0]
		}
	case ir.ZeroExtend, ir.SignExtend:
		return s.extend(v)
	case ir.SDiv, ir.SMod:
		return s.signedDivision(v)
	case ir.Call:
		return s.emptyLoop(v)
	default:
		if v.Op.Comparison() {
			return s.comparison(v)
		}
		if ir.Ops[v.Op].Args == 2 && ir.Ops[v.Op].Result {
			return s.binary(v)
		}
	}
	return nil
}

// emptyLoop drops a bpf_loop without rounds. The verifier of Linux 6.7 and later never
// looks at its callback, takes that for dead code, and then refuses the whole program
// (EFAULT) because the call still names it.
func (s *folder) emptyLoop(v *ir.Value) *ir.Value {
	if v.Helper == asm.FnLoop && isZero(v.Args[0]) {
		return v.Args[0]
	}
	return nil
}

func constantOf(v *ir.Value) (uint64, bool) {
	n, ok := v.Constant()
	return uint64(n), ok
}

// binary puts a constant to the right and looks at it; to subtract it is to add its
// negative.
func (s *folder) binary(v *ir.Value) *ir.Value {
	x, y := v.Args[0], v.Args[1]
	if ir.Ops[v.Op].Commutes && x.Op == ir.Const {
		x, y = y, x
		v.Args[0], v.Args[1] = x, y
	}
	if n, ok := y.Constant(); ok {
		if v.Op == ir.Sub {
			n, y = -n, s.constant(-n)
			v.Op, v.Args[1] = ir.Add, y
		}
		if same := s.identity(v, x, y, n); same != nil {
			return same
		}
		if joined := s.associate(v, x, n); joined != nil {
			return joined
		}
		return s.cheaper(v, x, n)
	}
	if x == y {
		return s.itself(v, x)
	}
	return nil
}

// identity knows the constants that change nothing or leave nothing.
func (s *folder) identity(v, x, y *ir.Value, n int64) *ir.Value {
	switch v.Op {
	case ir.Add, ir.Sub, ir.Or, ir.Xor, ir.ShiftLeft, ir.ShiftRight, ir.ShiftRightArith:
		if n == 0 {
			return x
		}
		if v.Op == ir.Or && n == -1 {
			return y
		}
	case ir.Mul:
		if n == 1 {
			return x
		}
		if n == 0 {
			return y
		}
	case ir.UDiv:
		if n == 1 {
			return x
		}
	case ir.And:
		if n == 0 {
			return y
		}
		if width := significant(x); n == -1 || n > 0 && width < 64 && n&(1<<width-1) == 1<<width-1 {
			return x
		}
	}
	return nil
}

// associate joins (x op a) op b, and a constant added to an address of global data.
func (s *folder) associate(v, x *ir.Value, n int64) *ir.Value {
	switch v.Op {
	case ir.Add:
		if x.Op == ir.DataAddress && x.Int+n >= 0 {
			return s.place(ir.Value{Op: ir.DataAddress, Map: x.Map, Int: x.Int + n})
		}
	case ir.And, ir.Or, ir.Xor, ir.Mul:
	default:
		return nil
	}
	if x.Op != v.Op {
		return nil
	}
	inner, ok := x.Args[1].Constant()
	if !ok {
		return nil
	}
	joined := ir.Ops[v.Op].Compute(uint64(inner), uint64(n))
	return s.add(v.Op, x.Args[0], s.constant(int64(joined)))
}

// cheaper replaces operations by powers of two.
func (s *folder) cheaper(v, x *ir.Value, n int64) *ir.Value {
	k, power := ir.PowerOfTwo(n)
	switch {
	case !power:
	case v.Op == ir.Mul:
		return s.become(ir.ShiftLeft, x, s.constant(int64(k)))
	case v.Op == ir.UDiv:
		return s.become(ir.ShiftRight, x, s.constant(int64(k)))
	case v.Op == ir.UMod:
		return s.become(ir.And, x, s.constant(n-1))
	}
	return nil
}

func (s *folder) itself(v, x *ir.Value) *ir.Value {
	switch v.Op {
	case ir.Sub, ir.Xor:
		return s.constant(0)
	case ir.And, ir.Or:
		return x
	}
	return nil
}

// signedDivision treats a dividend that is never negative as unsigned, and shifts for
// powers of two: a negative dividend is first raised by the divisor less one, so that the
// result is cut towards zero.
func (s *folder) signedDivision(v *ir.Value) *ir.Value {
	x := v.Args[0]
	n, ok := v.Args[1].Constant()
	if !ok || n <= 0 {
		return nil
	}
	if n == 1 && v.Op == ir.SDiv {
		return x
	}
	if significant(x) < 64 {
		v.Op = map[ir.Op]ir.Op{ir.SDiv: ir.UDiv, ir.SMod: ir.UMod}[v.Op]
		return s.binary(v)
	}
	k, power := ir.PowerOfTwo(n)
	if !power || n == 1 {
		return nil
	}
	sign := s.add(ir.ShiftRightArith, x, s.constant(63))
	raised := s.add(ir.Add, x, s.add(ir.ShiftRight, sign, s.constant(int64(64-k))))
	if v.Op == ir.SDiv {
		return s.become(ir.ShiftRightArith, raised, s.constant(int64(k)))
	}
	return s.become(ir.Sub, x, s.add(ir.And, raised, s.constant(-n)))
}

// extend drops an extension of what is that narrow already.
func (s *folder) extend(v *ir.Value) *ir.Value {
	x := v.Args[0]
	width := 8 * v.Size
	switch {
	case significant(x) < width, v.Op == ir.ZeroExtend && significant(x) == width:
		return x
	case v.Op == ir.SignExtend && signedWidth(x) <= width:
		return x
	case (x.Op == ir.ZeroExtend || x.Op == ir.SignExtend) && x.Size >= v.Size:
		v.Args[0] = x.Args[0]
	}
	return nil
}

// narrow stores the operand of an extension or mask whose upper bits the store drops.
func (s *folder) narrow(v *ir.Value) {
	for {
		x := v.Args[1]
		switch x.Op {
		case ir.ZeroExtend, ir.SignExtend:
			if x.Size < v.Size {
				return
			}
		case ir.And:
			kept := int64(ir.Extend(^uint64(0), v.Size, false))
			if mask, ok := x.Args[1].Constant(); !ok || mask&kept != kept {
				return
			}
		default:
			return
		}
		v.Args[1] = x.Args[0]
	}
}

// significant returns a number of low bits outside of which v is zero.
func significant(v *ir.Value) int {
	switch v.Op {
	case ir.Const, ir.Bound:
		return bits.Len64(uint64(v.Int))
	case ir.Load, ir.ReadKernel, ir.ReadUser:
		if !v.Signed {
			return 8 * v.Size
		}
	case ir.ZeroExtend:
		return min(8*v.Size, significant(v.Args[0]))
	case ir.ByteSwap:
		return 8 * v.Size
	case ir.And:
		return min(significant(v.Args[0]), significant(v.Args[1]))
	case ir.ShiftRight:
		if n, ok := v.Args[1].Constant(); ok {
			return max(significant(v.Args[0])-int(n&63), 0)
		}
	}
	if v.Op.Comparison() {
		return 1
	}
	return 64
}

// signedWidth returns a number of low bits of which v is the sign extension.
func signedWidth(v *ir.Value) int {
	switch v.Op {
	case ir.Load, ir.ReadKernel, ir.ReadUser, ir.SignExtend:
		if v.Signed || v.Op == ir.SignExtend {
			return 8 * v.Size
		}
	}
	return 64
}
