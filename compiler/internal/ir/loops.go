package ir

// Loops returns, by their IDs, the blocks from which a path leads back to themselves; nil
// where there are none.
//
// Source: Tarjan, "Depth-First Search and Linear Graph Algorithms" (1972).
func (f *Func) Loops() []bool {
	size := f.BlockIDs()
	l := &loopFinder{number: make([]int, size), lowest: make([]int, size), open: make([]bool, size), found: make([]bool, size)}
	for _, block := range f.Blocks {
		if l.number[block.ID] == 0 {
			l.visit(block)
		}
	}
	if !l.any {
		return nil
	}
	return l.found
}

// loopFinder finds the strongly connected components. It recurses as deep as the graph,
// for which Go's stack grows.
type loopFinder struct {
	count          int
	number, lowest []int
	open           []bool // on the stack
	stack          []*Block
	found          []bool
	any            bool
}

func (l *loopFinder) visit(b *Block) {
	l.count++
	l.number[b.ID], l.lowest[b.ID] = l.count, l.count
	l.stack = append(l.stack, b)
	l.open[b.ID] = true
	itself := false
	for _, next := range b.Successors() {
		itself = itself || next == b
		switch {
		case l.number[next.ID] == 0:
			l.visit(next)
			l.lowest[b.ID] = min(l.lowest[b.ID], l.lowest[next.ID])
		case l.open[next.ID]:
			l.lowest[b.ID] = min(l.lowest[b.ID], l.number[next.ID])
		}
	}
	if l.lowest[b.ID] == l.number[b.ID] {
		l.close(b, itself)
	}
}

// close takes the component of b from the stack.
func (l *loopFinder) close(b *Block, itself bool) {
	for {
		last := l.stack[len(l.stack)-1]
		l.stack = l.stack[:len(l.stack)-1]
		l.open[last.ID] = false
		if last == b {
			break
		}
		l.found[last.ID], itself = true, true
	}
	if itself {
		l.found[b.ID], l.any = true, true
	}
}
