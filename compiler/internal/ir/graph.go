package ir

import "slices"

// Terminator returns the value that ends the block.
func (b *Block) Terminator() *Value { return b.Values[len(b.Values)-1] }

// Successors returns the blocks that may follow.
func (b *Block) Successors() []*Block {
	switch last := b.Terminator(); last.Op {
	case Jump:
		return []*Block{last.Then}
	case If:
		return []*Block{last.Then, last.Else}
	}
	return nil
}

// Predecessors returns the blocks that lead to each block. A block with both arms of
// an If leading to the same place counts twice.
func (f *Func) Predecessors() Predecessors {
	counts := make([]int, f.BlockIDs())
	edges := 0
	for _, block := range f.Blocks {
		for _, next := range block.Successors() {
			counts[next.ID]++
			edges++
		}
	}
	preds, room := make(Predecessors, len(counts)), make([]*Block, edges)
	for id, n := range counts {
		preds[id], room = room[:0:n], room[n:]
	}
	for _, block := range f.Blocks {
		for _, next := range block.Successors() {
			preds[next.ID] = append(preds[next.ID], block)
		}
	}
	return preds
}

// Predecessors has the blocks that lead to each block, by its ID.
type Predecessors [][]*Block

// Of returns the blocks that lead to b.
func (p Predecessors) Of(b *Block) []*Block { return p[b.ID] }

// ReversePostorder returns the reachable blocks, each before its successors but for the
// back edges of loops. The first arm of an If comes right after it where nothing stands
// against it.
func (f *Func) ReversePostorder() []*Block {
	order := make([]*Block, 0, len(f.Blocks))
	seen := make([]bool, f.BlockIDs())
	type frame struct {
		block *Block
		next  int // the number of successors still to visit, the last one first
	}
	seen[f.Blocks[0].ID] = true
	stack := []frame{{f.Blocks[0], len(f.Blocks[0].Successors())}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.next == 0 {
			order = append(order, top.block)
			stack = stack[:len(stack)-1]
			continue
		}
		top.next--
		if next := top.block.Successors()[top.next]; !seen[next.ID] {
			seen[next.ID] = true
			stack = append(stack, frame{next, len(next.Successors())})
		}
	}
	slices.Reverse(order)
	return order
}

// BlockIDs is more than the ID of any block.
func (f *Func) BlockIDs() (most int) {
	for _, block := range f.Blocks {
		most = max(most, block.ID+1)
	}
	return most
}

// Dominators is the dominator tree of a function.
type Dominators struct {
	Order  []*Block // the reachable blocks in reverse postorder
	number []int    // where in Order each block stands, by its ID; -1 where it cannot be reached
	parent []int
	// The place of each block of Order where the tree is walked in depth, and that of the
	// first block behind those below it.
	enter, leave []int
}

// Dominators computes the dominator tree, by the iteration of
// Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" (2001).
func (f *Func) Dominators() *Dominators {
	order := f.ReversePostorder()
	d := &Dominators{Order: order, number: make([]int, f.BlockIDs()), parent: make([]int, len(order))}
	for id := range d.number {
		d.number[id] = -1
	}
	for i, block := range order {
		d.number[block.ID] = i
		d.parent[i] = -1
	}
	d.parent[0] = 0
	preds := f.Predecessors()
	for changed := true; changed; {
		changed = false
		for i := 1; i < len(order); i++ {
			if parent := d.meet(preds.Of(order[i])); parent != d.parent[i] {
				d.parent[i] = parent
				changed = true
			}
		}
	}
	d.walk()
	return d
}

// walk finds enter and leave. A block stands in Order behind its parent.
func (d *Dominators) walk() {
	below := make([]int, len(d.Order)) // the size of each subtree
	for i := len(d.Order) - 1; i > 0; i-- {
		below[i]++
		below[d.parent[i]] += below[i]
	}
	below[0]++
	d.enter, d.leave = make([]int, len(d.Order)), make([]int, len(d.Order))
	next := make([]int, len(d.Order)) // the place of each block's next child
	next[0] = 1
	d.leave[0] = below[0]
	for i := 1; i < len(d.Order); i++ {
		parent := d.parent[i]
		d.enter[i], d.leave[i] = next[parent], next[parent]+below[i]
		next[parent], next[i] = d.leave[i], d.enter[i]+1
	}
}

// meet returns the closest common dominator of the blocks whose own is known. It begins
// with the last: where a chain of branches leads to one place, that is the deepest, and
// each other one a step above the result so far.
func (d *Dominators) meet(blocks []*Block) int {
	result := -1
	for _, block := range slices.Backward(blocks) {
		i := d.number[block.ID]
		switch {
		case i < 0 || d.parent[i] < 0:
		case result < 0:
			result = i
		default:
			result = d.common(result, i)
		}
	}
	return result
}

func (d *Dominators) common(a, b int) int {
	for a != b {
		if a < b {
			a, b = b, a
		}
		a = d.parent[a]
	}
	return a
}

// Common returns the closest block that dominates both; either may be nil.
func (d *Dominators) Common(a, b *Block) *Block {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return d.Order[d.common(d.number[a.ID], d.number[b.ID])]
}

// Parent returns the closest strict dominator, nil for the entry.
func (d *Dominators) Parent(block *Block) *Block {
	i := d.number[block.ID]
	if i == 0 {
		return nil
	}
	return d.Order[d.parent[i]]
}

// Dominates reports whether every path from the entry to b leads through a.
func (d *Dominators) Dominates(a, b *Block) bool {
	i, j := d.number[a.ID], d.number[b.ID]
	return i >= 0 && j >= 0 && d.enter[i] <= d.enter[j] && d.enter[j] < d.leave[i]
}

// Reachable reports whether a path leads from the entry to the block.
func (d *Dominators) Reachable(block *Block) bool {
	return d.number[block.ID] >= 0
}

// Replace makes every use of a value a use of the one that with has for its ID, if any.
// Chains are followed.
func (f *Func) Replace(with []*Value) {
	for _, block := range f.Blocks {
		for _, value := range block.Values {
			for i, arg := range value.Args {
				value.Args[i] = follow(with, arg)
			}
		}
	}
}

func follow(with []*Value, v *Value) *Value {
	for v.ID < len(with) && with[v.ID] != nil {
		v = with[v.ID]
	}
	return v
}

// Size is the number of values that were ever made.
func (f *Func) Size() int { return f.values }

// NewValue returns a value that is in no block yet: the pass that makes it places it.
//
//go:noinline
func (f *Func) NewValue(v Value) *Value {
	const chunk = 32 // many are made: together they cost less
	if len(f.room) == 0 {
		f.room = make([]Value, chunk)
	}
	value := &f.room[0]
	f.room = f.room[1:]
	f.values++
	*value = v
	value.ID, value.Pass = f.values, f.Pass
	return value
}

// NewSlot reserves size bytes of frame memory.
func (f *Func) NewSlot(name string, size int) *Slot {
	slot := &Slot{ID: len(f.Slots), Size: (size + 7) / 8 * 8, Name: name}
	f.Slots = append(f.Slots, slot)
	return slot
}
