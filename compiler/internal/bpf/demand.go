package bpf

import (
	"math"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// demand says that a value is needed in a register, and how long.
type demand struct {
	outside bool // by another block than its own
	last    int  // index in its own block of the last user
}

// demands holds the values that need a register. What is not here folds into its users or is unused.
type demands map[*ir.Value]*demand

// findDemands walks backwards, so that the users of a value come before it.
func findDemands(f *ir.Func) demands {
	d := demands{}
	order := f.ReversePostorder()
	for i := len(order) - 1; i >= 0; i-- {
		values := order[i].Values
		for j := len(values) - 1; j >= 0; j-- {
			if v := values[j]; v.ValueEffect() == ir.Writes || d[v] != nil {
				d.use(v, j)
			}
		}
	}
	return d
}

func (d demands) use(user *ir.Value, index int) {
	for _, v := range operands(user) {
		if rematerialised(v) {
			continue
		}
		known := d[v]
		if known == nil {
			known = &demand{}
			d[v] = known
		}
		if v.Block != user.Block {
			known.outside = true
			continue
		}
		known.last = max(known.last, index)
	}
}

// dies reports whether the user at index of v's block is the last.
func (d demands) dies(v *ir.Value, user *ir.Value, index int) bool {
	known := d[v]
	return known != nil && !known.outside && v.Block == user.Block && known.last == index
}

// material is a value that its users make themselves, in one or two instructions.
type material struct {
	op     ir.Op // Const, SlotAddress, MapPointer or DataAddress
	slot   *ir.Slot
	name   string // of a map
	number int64  // the constant, or bytes from the start of the slot or map
}

// materialOf recognises constants and addresses of slots, maps and global data, constants added included.
func materialOf(v *ir.Value) (m material, ok bool) {
	switch v.Op {
	case ir.Const, ir.SlotAddress, ir.MapPointer, ir.DataAddress:
		return material{op: v.Op, slot: v.Slot, name: v.Map, number: v.Int}, true
	case ir.Add:
		added, isConstant := v.Args[1].Constant()
		if m, ok = materialOf(v.Args[0]); !ok || !isConstant || m.op == ir.MapPointer {
			return m, false
		}
		m.number += added
		return m, m.op == ir.Const || m.number >= 0 && fits32(m.number)
	}
	return m, false
}

func rematerialised(v *ir.Value) bool {
	_, ok := materialOf(v)
	return ok
}

// operands returns what the code of v reads: its arguments, an address as its base.
func operands(v *ir.Value) []*ir.Value {
	switch v.Op {
	case ir.Load, ir.Store, ir.AtomicAdd, ir.ReadKernel, ir.ReadUser:
		base, _ := address(v)
		return append([]*ir.Value{base}, v.Args[1:]...)
	}
	return v.Args
}

// address splits the address of a memory access into a base and the sum of the constants added to it.
func address(v *ir.Value) (base *ir.Value, offset int) {
	base, offset = v.Args[0], v.Offset
	for base.Op == ir.Add {
		constant, ok := base.Args[1].Constant()
		if !ok || !fits16(int64(offset)+constant) {
			break
		}
		base, offset = base.Args[0], offset+int(constant)
	}
	return base, offset
}

func fits16(n int64) bool { return n == int64(int16(n)) }

func fits32(n int64) bool { return n >= math.MinInt32 && n <= math.MaxInt32 }
