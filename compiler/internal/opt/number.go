package opt

import (
	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// number joins values that are the same: a value is replaced by an equal one that
// dominates it. Reads of memory that this function may write are joined where no way from
// one to the other leads past a write, and a load of what was just stored is the value
// stored. Two lookups of keys of 8 bytes join where the keys are the same number,
// wherever they lie.
func number(f *ir.Func) {
	dominators := f.Dominators()
	n := &numbering{
		dominators: dominators,
		states:     findStates(f, dominators.Order),
		children:   make([][]*ir.Block, f.BlockIDs()),
		first:      map[expression]*ir.Value{},
		with:       make([]*ir.Value, f.Size()+1),
	}
	for _, b := range n.dominators.Order {
		if parent := n.dominators.Parent(b); parent != nil {
			n.children[parent.ID] = append(n.children[parent.ID], b)
		}
	}
	n.walk(f.Blocks[0])
	f.Replace(n.with)
}

type numbering struct {
	dominators *ir.Dominators
	children   [][]*ir.Block            // in the dominator tree, by the block's ID
	first      map[expression]*ir.Value // in the blocks that dominate the current one
	with       []*ir.Value              // what takes the place of a value, by its ID
	states     []state                  // where each block starts, by its ID
	now        state
}

// expression is what makes two values equal.
type expression struct {
	op     ir.Op
	space  ir.Space
	signed bool
	size   uint8
	helper asm.BuiltinFunc
	args   [ir.MaxCallArgs]int32 // their IDs
	number int64
	offset int
	state  int
	slot   *ir.Slot
	callee *ir.Func
	name   string
}

// walk numbers a block and those below it in the dominator tree. It recurses as deep as
// the tree, for which Go's stack grows.
func (n *numbering) walk(b *ir.Block) {
	var added []expression
	n.now = n.states[b.ID]
	b.Values = filter(b.Values, func(v *ir.Value) bool {
		for i, arg := range v.Args {
			if same := n.with[arg.ID]; same != nil {
				v.Args[i] = same
			}
		}
		n.now.step(v)
		e, ok := n.expression(v)
		if v.Op == ir.Store && v.Size == 8 {
			e = n.contents(v.Args[0], v.Offset, v.Size, v.Space)
			n.first[e] = v.Args[1]
			added = append(added, e)
		}
		if !ok {
			return true
		}
		if first, known := n.first[e]; known {
			n.with[v.ID] = first
			return false
		}
		n.first[e] = v
		added = append(added, e)
		return true
	})
	for _, child := range n.children[b.ID] {
		n.walk(child)
	}
	for _, e := range added {
		delete(n.first, e)
	}
}

// contents is the expression of what lies in memory now.
func (n *numbering) contents(address *ir.Value, offset, size int, space ir.Space) expression {
	return expression{
		op: ir.Load, args: [ir.MaxCallArgs]int32{int32(address.ID)}, size: uint8(size), offset: offset, space: space,
		state: n.now.spaces[space],
	}
}

// lookedUp returns the number that a lookup takes for its key, nil where that is not
// known.
func (n *numbering) lookedUp(v *ir.Value) *ir.Value {
	if v.Op != ir.Call || v.Helper != asm.FnMapLookupElem || v.Effect != ir.Reads {
		return nil
	}
	if key := v.Args[1]; key.Op == ir.SlotAddress && key.Slot.Size == 8 {
		return n.first[n.contents(key, 0, 8, ir.Frame)]
	}
	return nil
}

// expression returns what v is equal by; ok is false where it must stay.
func (n *numbering) expression(v *ir.Value) (e expression, ok bool) {
	effect := v.ValueEffect()
	if effect == ir.Writes || v.Op == ir.CellGet {
		return e, false
	}
	e = expression{
		op: v.Op, number: v.Int, size: uint8(v.Size), offset: v.Offset, space: v.Space,
		name: v.Map, slot: v.Slot, callee: v.Callee, helper: v.Helper,
	}
	for i, arg := range v.Args {
		e.args[i] = int32(arg.ID)
	}
	if key := n.lookedUp(v); key != nil {
		e.args[1], e.state = int32(key.ID), n.now.maps
		return e, true
	}
	if effect == ir.Reads && !unchanging(v) {
		e.state = n.now.spaces[v.Space]
	}
	e.signed = v.Signed && v.Size < 8
	return e, true
}

// unchanging reports whether v reads what this function cannot write.
func unchanging(v *ir.Value) bool {
	return v.Op == ir.ReadKernel || v.Op == ir.Load && (v.Space == ir.ContextSpace || v.Space == ir.Kernel)
}
