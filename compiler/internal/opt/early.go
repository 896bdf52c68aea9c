package opt

import "github.com/ponytrace/ponytrace/compiler/internal/ir"

// early loads the only part of the context that a function needs right at its start, when
// a call comes before its place: the loaded value survives the call as the context would
// have to, and the move that saves the context is not needed.
func early(f *ir.Func) {
	load := onlyContextLoad(f)
	if load == nil || !callBefore(load, f.Dominators()) {
		return
	}
	context := load.Args[0]
	for _, v := range []*ir.Value{load, context} {
		v.Block.Values = filter(v.Block.Values, func(other *ir.Value) bool { return other != v })
		v.Block = f.Blocks[0]
	}
	f.Blocks[0].Values = append([]*ir.Value{context, load}, f.Blocks[0].Values...)
}

// onlyContextLoad returns the load that is the only use of the context, nil where there
// are others or none.
func onlyContextLoad(f *ir.Func) (load *ir.Value) {
	for _, b := range f.Blocks {
		for _, v := range b.Values {
			for i, arg := range v.Args {
				if arg.Op != ir.Context {
					continue
				}
				if v.Op != ir.Load || i != 0 || load != nil {
					return nil
				}
				load = v
			}
		}
	}
	return load
}

// callBefore reports whether every way to v leads through a call.
func callBefore(v *ir.Value, dominators *ir.Dominators) bool {
	for b := v.Block; b != nil; b = dominators.Parent(b) {
		for _, other := range b.Values {
			switch other.Op {
			case ir.Call, ir.Invoke, ir.Kfunc, ir.ReadKernel, ir.ReadUser:
				return true
			}
			if other == v {
				break
			}
		}
	}
	return false
}
