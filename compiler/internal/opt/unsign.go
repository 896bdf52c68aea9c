package opt

import "github.com/ponytrace/ponytrace/compiler/internal/ir"

// unsign loads a number without its sign where every user looks at no more bytes than
// were loaded: a sign costs two instructions, and the extension that follows, which then
// changes nothing, another one.
func unsign(f *ir.Func) {
	sign := make([]bool, f.Size()+1) // by the value's ID: a user sees the sign
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			for i, arg := range v.Args {
				sign[arg.ID] = sign[arg.ID] || seesSign(v, i)
			}
		}
	}
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			if reads(v) && !sign[v.ID] {
				v.Signed = false
			}
		}
	}
}

func reads(v *ir.Value) bool {
	return v.Op == ir.Load || v.Op == ir.ReadKernel || v.Op == ir.ReadUser
}

// seesSign reports whether what v computes depends on more bytes of an argument than its
// type has.
func seesSign(v *ir.Value, i int) bool {
	size := v.Args[i].Size
	switch v.Op {
	case ir.ZeroExtend, ir.SignExtend:
		return v.Size > size
	case ir.Store:
		return i != 1 || v.Size > size
	case ir.And:
		mask, known := v.Args[1-i].Constant()
		return !known || mask < 0 || mask >= 1<<(8*size)
	}
	return true
}
