package opt

import "github.com/ponytrace/ponytrace/compiler/internal/ir"

// thread leads a jump past a block that only asks what the way there has already decided:
// `a && b` sets a cell to 0 or 1 and a later block compares it with 0.
func thread(f *ir.Func) {
	if !readsCells(f) {
		return
	}
	holdings := findHoldings(f)
	outside := usedOutside(f)
	for _, b := range f.ReversePostorder() {
		for range f.Blocks {
			last := b.Terminator()
			if last.Op != ir.Jump || !asks(last.Then, outside) {
				break
			}
			to := decided(last.Then, holdings.ends[b.ID])
			if to == nil {
				break
			}
			last.Then = to
		}
	}
}

// usedOutside returns, by their IDs, the values that a block other than their own uses.
func usedOutside(f *ir.Func) []bool {
	outside := make([]bool, f.Size()+1)
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			for _, arg := range v.Args {
				if arg.Block != b {
					outside[arg.ID] = true
				}
			}
		}
	}
	return outside
}

// asks reports whether b does nothing but choose.
func asks(b *ir.Block, outside []bool) bool {
	if b.Terminator().Op != ir.If {
		return false
	}
	for _, v := range b.Values[:len(b.Values)-1] {
		if v.Op != ir.CellGet && ir.Ops[v.Op].Effect != ir.Pure || outside[v.ID] {
			return false
		}
	}
	return true
}

// decided evaluates b for cells that hold known constants and returns where it leads, nil
// where that is open.
func decided(b *ir.Block, held holding) *ir.Block {
	known := map[*ir.Value]uint64{}
	number := func(v *ir.Value) (n uint64, ok bool) {
		if constant, isConstant := v.Constant(); isConstant {
			return uint64(constant), true
		}
		n, ok = known[v]
		return n, ok
	}
	for _, v := range b.Values {
		switch {
		case v.Op == ir.CellGet:
			if holds := held.of(v.Cell); holds != nil && holds.Op == ir.Const {
				known[v] = uint64(holds.Int)
			}
		case v.Op == ir.If:
			return choose(v, number)
		default:
			if n, ok := compute(v, number); ok {
				known[v] = n
			}
		}
	}
	return nil
}

func choose(v *ir.Value, number func(*ir.Value) (uint64, bool)) *ir.Block {
	x, ok := number(v.Args[0])
	y, ok2 := number(v.Args[1])
	switch {
	case !ok || !ok2:
		return nil
	case ir.Ops[v.Compare].Compute(x, y) != 0:
		return v.Then
	}
	return v.Else
}

// compute returns the result of v where all its operands are known numbers.
func compute(v *ir.Value, number func(*ir.Value) (uint64, bool)) (uint64, bool) {
	var operands [2]uint64
	if len(v.Args) == 0 || len(v.Args) > 2 {
		return 0, false
	}
	for i, arg := range v.Args {
		n, ok := number(arg)
		if !ok {
			return 0, false
		}
		operands[i] = n
	}
	return v.Compute(operands[0], operands[1])
}
