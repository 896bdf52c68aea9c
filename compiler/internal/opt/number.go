package opt

import "github.com/ponytrace/ponytrace/compiler/internal/ir"

// number joins values that are the same: a value is replaced by an equal one that dominates it.
// Reads of memory that this function may write are joined only within a block and between its writes.
func number(f *ir.Func) {
	n := &numbering{
		dominators: f.Dominators(),
		children:   map[*ir.Block][]*ir.Block{},
		first:      map[expression]*ir.Value{},
		with:       map[*ir.Value]*ir.Value{},
	}
	for _, b := range n.dominators.Order {
		if parent := n.dominators.Parent(b); parent != nil {
			n.children[parent] = append(n.children[parent], b)
		}
	}
	n.walk(f.Blocks[0])
	f.Replace(n.with)
}

type numbering struct {
	dominators *ir.Dominators
	children   map[*ir.Block][]*ir.Block
	first      map[expression]*ir.Value // in the blocks that dominate the current one
	with       map[*ir.Value]*ir.Value
	epoch      int // changes with every write and every block
}

// expression is what makes two values equal.
type expression struct {
	op     ir.Op
	args   [ir.MaxCallArgs]*ir.Value
	number int64
	size   int
	offset int
	space  ir.Space
	signed bool
	name   string
	slot   *ir.Slot
	callee *ir.Func
	helper int64
	epoch  int
}

// walk numbers a block and those below it in the dominator tree. It recurses as deep as the
// tree, for which Go's stack grows.
func (n *numbering) walk(b *ir.Block) {
	var added []expression
	n.epoch++
	b.Values = filter(b.Values, func(v *ir.Value) bool {
		for i, arg := range v.Args {
			if same, ok := n.with[arg]; ok {
				v.Args[i] = same
			}
		}
		if writesMemory(v) {
			n.epoch++
		}
		e, ok := n.expression(v)
		if !ok {
			return true
		}
		if first, known := n.first[e]; known {
			n.with[v] = first
			return false
		}
		n.first[e] = v
		added = append(added, e)
		return true
	})
	for _, child := range n.children[b] {
		n.walk(child)
	}
	for _, e := range added {
		delete(n.first, e)
	}
}

// writesMemory reports whether later reads may see something else.
func writesMemory(v *ir.Value) bool {
	switch v.Op {
	case ir.Store, ir.AtomicAdd, ir.FetchAdd, ir.Exchange, ir.CompareExchange, ir.Invoke:
		return true
	}
	return v.Op == ir.Call && v.ValueEffect() == ir.Writes
}

// expression returns what v is equal by; ok is false where it must stay.
func (n *numbering) expression(v *ir.Value) (e expression, ok bool) {
	effect := v.ValueEffect()
	if effect == ir.Writes || v.Op == ir.CellGet {
		return e, false
	}
	e = expression{
		op: v.Op, number: v.Int, size: v.Size, offset: v.Offset, space: v.Space, signed: v.Signed,
		name: v.Map, slot: v.Slot, callee: v.Callee, helper: int64(v.Helper),
	}
	copy(e.args[:], v.Args)
	if effect == ir.Reads && !unchanging(v) {
		e.epoch = n.epoch
	}
	return e, true
}

// unchanging reports whether v reads what this function cannot write.
func unchanging(v *ir.Value) bool {
	return v.Op == ir.ReadKernel || v.Op == ir.Load && (v.Space == ir.ContextSpace || v.Space == ir.Kernel)
}
