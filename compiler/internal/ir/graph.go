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
	preds := make(Predecessors, f.lastBlock()+1)
	for _, block := range f.Blocks {
		switch last := block.Terminator(); last.Op {
		case Jump:
			preds.add(last.Then, block)
		case If:
			preds.add(last.Then, block)
			preds.add(last.Else, block)
		}
	}
	return preds
}

// Predecessors has the blocks that lead to each block, by its ID.
type Predecessors [][]*Block

func (p Predecessors) add(to, from *Block) { p[to.ID] = append(p[to.ID], from) }

// Of returns the blocks that lead to b.
func (p Predecessors) Of(b *Block) []*Block { return p[b.ID] }

// ReversePostorder returns the reachable blocks, each before its successors but for the back
// edges of loops. The first arm of an If comes right after it where nothing stands against it.
func (f *Func) ReversePostorder() []*Block {
	order := make([]*Block, 0, len(f.Blocks))
	seen := make([]bool, f.lastBlock()+1) // by ID
	type frame struct {
		block *Block
		next  []*Block // successors still to visit, the last one first
	}
	seen[f.Blocks[0].ID] = true
	stack := []frame{{f.Blocks[0], f.Blocks[0].Successors()}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if len(top.next) == 0 {
			order = append(order, top.block)
			stack = stack[:len(stack)-1]
			continue
		}
		next := top.next[len(top.next)-1]
		top.next = top.next[:len(top.next)-1]
		if !seen[next.ID] {
			seen[next.ID] = true
			stack = append(stack, frame{next, next.Successors()})
		}
	}
	slices.Reverse(order)
	return order
}

func (f *Func) lastBlock() (id int) {
	for _, block := range f.Blocks {
		id = max(id, block.ID)
	}
	return id
}

// Dominators is the dominator tree of a function.
type Dominators struct {
	Order  []*Block // the reachable blocks in reverse postorder
	number []int    // where in Order each block stands, by its ID; -1 where it cannot be reached
	parent []int
}

// Dominators computes the dominator tree, by the iteration of
// Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" (2001).
func (f *Func) Dominators() *Dominators {
	order := f.ReversePostorder()
	d := &Dominators{Order: order, number: make([]int, f.lastBlock()+1), parent: make([]int, len(order))}
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
	return d
}

// meet returns the closest common dominator of the blocks whose own is known.
func (d *Dominators) meet(blocks []*Block) int {
	result := -1
	for _, block := range blocks {
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
	return i >= 0 && j >= i && d.common(i, j) == i
}

// Reachable reports whether a path leads from the entry to the block.
func (d *Dominators) Reachable(block *Block) bool {
	return d.number[block.ID] >= 0
}

// Replace makes every use of a key of the map a use of its value. Chains are followed.
func (f *Func) Replace(with map[*Value]*Value) {
	if len(with) == 0 {
		return
	}
	for _, block := range f.Blocks {
		for _, value := range block.Values {
			for i, arg := range value.Args {
				value.Args[i] = follow(with, arg)
			}
		}
	}
}

func follow(with map[*Value]*Value, v *Value) *Value {
	for {
		next, ok := with[v]
		if !ok {
			return v
		}
		v = next
	}
}

// Size is the number of values that were ever made.
func (f *Func) Size() int { return f.values }

// NewValue returns a value that is in no block yet: the pass that makes it places it.
func (f *Func) NewValue(v Value) *Value {
	value := &v
	f.values++
	value.ID = f.values
	return value
}

// NewSlot reserves size bytes of frame memory.
func (f *Func) NewSlot(name string, size int) *Slot {
	slot := &Slot{ID: len(f.Slots), Size: (size + 7) / 8 * 8, Name: name}
	f.Slots = append(f.Slots, slot)
	return slot
}

// BlockIDs is more than the ID of any block.
func (f *Func) BlockIDs() int { return f.lastBlock() + 1 }
