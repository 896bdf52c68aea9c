package bpf

import (
	"math"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// demand says whether a value is needed in a register, and how long.
type demand struct {
	needed  bool
	outside bool // by another block than its own
	last    int  // index in its own block of the last user
	uses    int
}

// demands tells which values need a register. The others fold into their users or are
// unused.
type demands struct {
	of         []demand             // by the value's ID
	parameters [ir.MaxCallArgs]bool // the needed arguments of the function: a program's context is its only one
}

// findDemands walks backwards, so that the users of a value come before it.
func findDemands(f *ir.Func) *demands {
	d := &demands{of: make([]demand, f.Size()+1)}
	order := f.ReversePostorder()
	for _, b := range order {
		for _, v := range b.Values {
			for _, arg := range v.Args {
				d.of[arg.ID].uses++
			}
		}
	}
	for i := len(order) - 1; i >= 0; i-- {
		values := order[i].Values
		for j := len(values) - 1; j >= 0; j-- {
			if d.needed(values[j]) {
				d.use(values[j], j)
			}
		}
	}
	return d
}

// needed reports whether code must be made for v itself.
func (d *demands) needed(v *ir.Value) bool { return v.ValueEffect() == ir.Writes || d.needsRegister(v) }

// needsRegister reports whether the result of v must be in a register.
func (d *demands) needsRegister(v *ir.Value) bool { return d.of[v.ID].needed }

func (d *demands) use(user *ir.Value, index int) {
	var buffer [ir.MaxCallArgs]*ir.Value
	for _, v := range d.operands(user, buffer[:0]) {
		if rematerialised(v) {
			continue
		}
		known := &d.of[v.ID]
		known.needed = true
		switch v.Op {
		case ir.Context:
			d.parameters[0] = true
		case ir.Parameter:
			d.parameters[v.Int] = true
		}
		if v.Block != user.Block {
			known.outside = true
			continue
		}
		known.last = max(known.last, index)
	}
}

// isLastUse reports whether the user at index of v's block is the last.
func (d *demands) isLastUse(v *ir.Value, user *ir.Value, index int) bool {
	known := &d.of[v.ID]
	return known.needed && !known.outside && v.Block == user.Block && known.last == index
}

// copies reports whether a store wants nothing but what a read of memory that may fault
// brings, so that the helper can write to the place of the store at once.
func (d *demands) copies(store *ir.Value) bool {
	read := store.Args[1]
	return (read.Op == ir.ReadKernel || read.Op == ir.ReadUser) &&
		read.Size == store.Size && read.Block == store.Block && d.of[read.ID].uses == 1
}

// material is a value that its users make themselves, in one or two instructions.
type material struct {
	op     ir.Op // Const, SlotAddress, MapPointer, DataAddress or FuncAddress
	slot   *ir.Slot
	name   string // of a map or function
	number int64  // the constant, or bytes from the start of the slot or map
}

// rematerializable recognises constants and addresses of slots, maps and global data,
// constants added included.
func rematerializable(v *ir.Value) (m material, ok bool) {
	switch v.Op {
	case ir.Const, ir.SlotAddress, ir.MapPointer, ir.DataAddress:
		return material{op: v.Op, slot: v.Slot, name: v.Map, number: v.Int}, true
	case ir.FuncAddress:
		return material{op: v.Op, name: v.Callee.Name}, true
	case ir.Add:
		added, isConstant := v.Args[1].Constant()
		if m, ok = rematerializable(v.Args[0]); !ok || !isConstant || m.op == ir.MapPointer || m.op == ir.FuncAddress {
			return m, false
		}
		m.number += added
		return m, m.op == ir.Const || m.number >= 0 && fits32(m.number)
	}
	return m, false
}

func rematerialised(v *ir.Value) bool {
	_, ok := rematerializable(v)
	return ok
}

// operands appends what the code of v reads: its arguments, an address as its base.
func (d *demands) operands(v *ir.Value, to []*ir.Value) []*ir.Value {
	switch v.Op {
	case ir.Store:
		base, _ := address(v)
		if d.copies(v) {
			from, _ := address(v.Args[1])
			return append(to, base, from)
		}
		return append(to, base, v.Args[1])
	case ir.Load, ir.AtomicAdd, ir.FetchAdd, ir.Exchange, ir.CompareExchange, ir.ReadKernel, ir.ReadUser:
		base, _ := address(v)
		return append(append(to, base), v.Args[1:]...)
	}
	return v.Args
}

// address splits the address of a memory access into a base and the sum of the constants
// added to it.
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
