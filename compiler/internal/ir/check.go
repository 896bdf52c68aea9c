package ir

import "slices"

// Check returns the first broken invariant of the package comment, in the program f or a
// callback, as an *Error.
func Check(f *Func) (err error) {
	defer Catch(&err)
	names := map[string]bool{}
	for _, function := range f.Functions() {
		if names[function.Name] {
			function.Fail(function.Span, "two functions of this name")
		}
		names[function.Name] = true
		check(function)
	}
	f.Calls()
	return nil
}

func check(f *Func) {
	c := &checker{f: f, index: map[*Value]int{}}
	for _, block := range f.Blocks {
		c.block(block)
	}
	c.dominators = f.Dominators()
	for _, block := range f.Blocks {
		for _, value := range block.Values {
			c.value(value)
		}
	}
}

type checker struct {
	f          *Func
	index      map[*Value]int // position in its block
	dominators *Dominators
}

func (c *checker) block(b *Block) {
	if len(b.Values) == 0 || !b.Terminator().Op.Terminator() {
		c.f.Fail(c.f.Span, "%s has no terminator", b)
	}
	for i, value := range b.Values {
		if value.Op.Terminator() && i != len(b.Values)-1 {
			c.f.Fail(value.Span, "%s: %s before the end", b, value.Describe())
		}
		if value.Block != b {
			c.f.Fail(value.Span, "%s: %s believes to be elsewhere", b, value)
		}
		c.index[value] = i
	}
	if slices.Contains(b.Successors(), c.f.Blocks[0]) {
		c.f.Fail(b.Terminator().Span, "%s leads back to the entry", b)
	}
}

func (c *checker) value(v *Value) {
	c.shape(v)
	for _, arg := range v.Args {
		if !Ops[arg.Op].Result {
			c.f.Fail(v.Span, "%s uses %s, which has no result", v.Describe(), arg)
		}
		if !c.visible(arg, v) {
			c.f.Fail(v.Span, "%s: %s does not dominate its use", v.Describe(), arg)
		}
	}
}

func (c *checker) visible(definition, use *Value) bool {
	at, placed := c.index[definition]
	if !placed {
		return false
	}
	if definition.Block == use.Block {
		return at < c.index[use]
	}
	return !c.dominators.Reachable(use.Block) || c.dominators.Dominates(definition.Block, use.Block)
}

// shape checks what the op table and the fields of one value must agree on.
func (c *checker) shape(v *Value) {
	if want := Ops[v.Op].Args; v.Op == Invalid || want != Variadic && want != len(v.Args) || len(v.Args) > MaxCallArgs {
		c.f.Fail(v.Span, "%s has %d operands", v.Op, len(v.Args))
	}
	switch v.Op {
	case Load, Store, ReadKernel, ReadUser:
		c.require(v, v.Size == 1 || v.Size == 2 || v.Size == 4 || v.Size == 8, "size")
	case SignExtend, ZeroExtend:
		c.require(v, v.Size == 1 || v.Size == 2 || v.Size == 4, "size")
	case ByteSwap:
		c.require(v, v.Size == 2 || v.Size == 4 || v.Size == 8, "size")
	case Bound:
		_, power := PowerOfTwo(v.Int + 1)
		c.require(v, power, "limit")
	case SlotAddress:
		c.require(v, v.Slot != nil && v.Slot.ID < len(c.f.Slots) && c.f.Slots[v.Slot.ID] == v.Slot, "slot")
	case CellGet, CellSet:
		c.require(v, v.Cell != nil && v.Cell.ID < len(c.f.Cells) && c.f.Cells[v.Cell.ID] == v.Cell, "cell")
	case MapPointer, DataAddress:
		c.require(v, v.Map != "", "map")
	case Context:
		c.require(v, c.f.Program == nil, "place")
	case Parameter:
		c.require(v, c.f.Program != nil && v.Int >= 0 && v.Int < MaxCallArgs, "number")
	case FuncAddress, Invoke:
		c.require(v, slices.Contains(c.f.Root().Callbacks, v.Callee), "callee")
	case Kfunc:
		c.require(v, v.Kernel != "", "name")
	case If:
		c.require(v, v.Compare.Comparison() && v.Then != nil && v.Else != nil, "arms")
	case Jump:
		c.require(v, v.Then != nil, "target")
	}
	if v.Op == Load || v.Op == Store || v.Op.Atomic() {
		c.require(v, v.Space != NoSpace, "space")
	}
}

func (c *checker) require(v *Value, ok bool, what string) {
	if !ok {
		c.f.Fail(v.Span, "%s has a bad %s", v.Op, what)
	}
}
