package ir

// Loops returns the blocks from which a path leads back to themselves.
//
// Source: Tarjan, "Depth-First Search and Linear Graph Algorithms" (1972).
func (f *Func) Loops() map[*Block]bool {
	l := &loopFinder{number: map[*Block]int{}, lowest: map[*Block]int{}, open: map[*Block]bool{}, found: map[*Block]bool{}}
	for _, block := range f.Blocks {
		if l.number[block] == 0 {
			l.visit(block)
		}
	}
	return l.found
}

// loopFinder finds the strongly connected components. It recurses as deep as the graph, for which Go's stack grows.
type loopFinder struct {
	number, lowest map[*Block]int
	open           map[*Block]bool // on the stack
	stack          []*Block
	found          map[*Block]bool
}

func (l *loopFinder) visit(b *Block) {
	l.number[b] = len(l.number) + 1
	l.lowest[b] = l.number[b]
	l.stack = append(l.stack, b)
	l.open[b] = true
	itself := false
	for _, next := range b.Successors() {
		itself = itself || next == b
		switch {
		case l.number[next] == 0:
			l.visit(next)
			l.lowest[b] = min(l.lowest[b], l.lowest[next])
		case l.open[next]:
			l.lowest[b] = min(l.lowest[b], l.number[next])
		}
	}
	if l.lowest[b] == l.number[b] {
		l.close(b, itself)
	}
}

// close takes the component of b from the stack.
func (l *loopFinder) close(b *Block, itself bool) {
	for {
		last := l.stack[len(l.stack)-1]
		l.stack = l.stack[:len(l.stack)-1]
		l.open[last] = false
		if last == b {
			break
		}
		l.found[last], itself = true, true
	}
	if itself {
		l.found[b] = true
	}
}
