package guard

import (
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

const (
	disablePreemption = "bpf_preempt_disable"
	enablePreemption  = "bpf_preempt_enable"
)

// interleaves reports whether another thread may run programs before this one ends, and
// nothing but the guard keeps it from memory of the CPU.
func (p Program) interleaves(features *target.Features) bool {
	return p.Mechanism.Preempted(features) && !features.PreemptGuard
}

// KeepsCPU reports whether KeepCPU is for the program, which has a guard: the word is
// memory of the CPU, too.
func (p Program) KeepsCPU(g Guard, features *target.Features) bool {
	used := p.Memory || p.Values || !g.None()
	return used && features.PreemptGuard && p.Mechanism.Preempted(features)
}

// KeepCPU switches preemption off where the program uses what each CPU has one of. It
// reports false where it cannot, as a function that may not be called without preemption
// is in the way.
func KeepCPU(f *ir.Func, whole bool, features *target.Features) bool {
	r := newRegion(f)
	start, at := r.start(whole, ofCPU)
	if start == nil {
		return true
	}
	body, rest := r.split(start, at)
	r.b.Because(ir.PreemptionOff)
	r.b.Kfunc(disablePreemption)
	r.b.Jump(body)
	body.Values = append(body.Values, rest...)
	r.leave(body, func() {
		r.b.Because(ir.PreemptionOn)
		r.b.Kfunc(enablePreemption)
	})
	return features.UnpreemptedParts || !r.invokesGlobal(body)
}

// ofCPU reports whether a value uses memory that each CPU has one of, or calls what does.
// Of an address that comes out of a variable nothing is known.
func ofCPU(v *ir.Value) bool {
	switch v.Op {
	case ir.Invoke:
		return true
	case ir.Load, ir.Store:
		return v.Space == ir.MapValue && mapOf(v.Args[0]) != object.DataMap
	case ir.Exchange, ir.CompareExchange:
		return mapOf(v.Args[0]) == object.GuardMap
	}
	return v.CallsBack()
}

// mapOf is the kernel map that an address leads into, empty where that is not known.
func mapOf(address *ir.Value) string {
	for address.Op == ir.Add {
		address = address.Args[0]
	}
	return address.Map
}

// changesCPU reports whether a function changes memory that each CPU has one of, in steps.
// An atomic instruction is one, and a flag that is set without a look at anything is set
// whoever comes in between.
func changesCPU(f *ir.Func) bool {
	reads, sets, changes := false, false, false
	for _, block := range f.Blocks {
		for _, v := range block.Values {
			switch {
			case !ofCPU(v):
			case v.Op == ir.Load:
				reads = true
			case v.Op == ir.Store && v.Args[1].Op == ir.Const:
				sets = true
			case v.Op == ir.Store:
				changes = true
			}
		}
	}
	return changes || reads && sets
}

// invokesGlobal reports whether a call of a Global function is in the region.
func (r *region) invokesGlobal(body *ir.Block) bool {
	dominators := r.f.Dominators()
	for _, block := range dominators.Order {
		for _, v := range block.Values {
			if v.Op == ir.Invoke && v.Callee.Global && dominators.Dominates(body, block) {
				return true
			}
		}
	}
	return false
}
