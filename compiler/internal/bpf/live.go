package bpf

import (
	"slices"

	"github.com/ponytrace/ponytrace/compiler/internal/bitset"
)

// ranges are the positions at which a register or slot holds something that is still needed:
// half-open, ascending, not touching.
type ranges [][2]int

func (r ranges) overlaps(other ranges) bool {
	if len(r) == 0 || len(other) == 0 {
		return false
	}
	for i, j := r.search(other.start()), other.search(r.start()); i < len(r) && j < len(other); {
		if r[i][0] < other[j][1] && other[j][0] < r[i][1] {
			return true
		}
		if r[i][1] <= other[j][1] {
			i++
		} else {
			j++
		}
	}
	return false
}

// search returns the index of the first range that ends behind the position.
func (r ranges) search(position int) int {
	i, _ := slices.BinarySearchFunc(r, position, func(span [2]int, p int) int { return span[1] - p - 1 })
	return i
}

// contain reports whether the position lies in one of the ranges.
func (r ranges) contain(position int) bool {
	i := r.search(position)
	return i < len(r) && r[i][0] <= position
}

// within reports whether every position of r is one of other.
func (r ranges) within(other ranges) bool {
	return !slices.ContainsFunc(r, func(span [2]int) bool {
		return !other.contain(span[0]) || other[other.search(span[0])][1] < span[1]
	})
}

// union returns the positions of both.
func (r ranges) union(other ranges) ranges {
	if other.within(r) {
		return r
	}
	all := slices.Concat(r, other)
	slices.SortFunc(all, func(a, b [2]int) int { return a[0] - b[0] })
	joined := all[:0]
	for _, span := range all {
		if last := len(joined) - 1; last >= 0 && joined[last][1] >= span[0] {
			joined[last][1] = max(joined[last][1], span[1])
			continue
		}
		joined = append(joined, span)
	}
	return joined
}

func (r ranges) start() int { return r[0][0] }

func (r ranges) end() int { return r[len(r)-1][1] }

// prepend adds an earlier range; ranges are found backwards, so the list is reversed until the end.
func (r ranges) prepend(start, end int) ranges {
	if last := len(r) - 1; last >= 0 && r[last][0] <= end {
		r[last][0] = min(start, r[last][0])
		return r
	}
	return append(r, [2]int{start, end})
}

// flow is what dataflow knows of a block: the shared registers that are live where it starts and ends, and
// those that it writes.
type flow struct{ in, out, written bitset.Set }

// liveness holds the flow of every block. Only registers that a block reads
// before it writes them can be live between blocks; shared numbers them.
type liveness struct {
	shared map[register]int
	names  []register // the inverse
	flows  map[*block]*flow
}

// liveness solves in = read before written + (out - written), out = in of the successors.
func (f *function) liveness() *liveness {
	l := &liveness{shared: f.shared(), flows: make(map[*block]*flow, len(f.blocks))}
	l.names = make([]register, len(l.shared))
	for r, n := range l.shared {
		l.names[n] = r
	}
	for _, b := range f.blocks {
		l.flows[b] = l.local(b)
	}
	for changed := true; changed; {
		changed = false
		for i := len(f.blocks) - 1; i >= 0; i-- {
			at := l.flows[f.blocks[i]]
			for _, next := range f.blocks[i].next {
				at.out.Absorb(l.flows[next].in, nil)
			}
			changed = at.in.Absorb(at.out, at.written) || changed
		}
	}
	return l
}

// shared numbers the virtual registers that some block reads before it writes them.
func (f *function) shared() map[register]int {
	writer := make([]*block, len(f.virtuals))
	shared := map[register]int{}
	for _, b := range f.blocks {
		for i := range b.instructions {
			b.instructions[i].reads(func(r register) {
				if _, known := shared[r]; r.virtual() && !known && writer[r-firstVirtual] != b {
					shared[r] = len(shared)
				}
			})
			b.instructions[i].writes(func(r register) {
				if r.virtual() {
					writer[r-firstVirtual] = b
				}
			})
		}
	}
	return shared
}

// local starts the flow of a block with what the block itself says.
func (l *liveness) local(b *block) *flow {
	size := len(l.shared)
	at := &flow{bitset.New(size), bitset.New(size), bitset.New(size)}
	for i := range b.instructions {
		b.instructions[i].reads(func(r register) {
			if n, ok := l.shared[r]; ok && !at.written.Has(n) {
				at.in.Add(n)
			}
		})
		b.instructions[i].writes(func(r register) {
			if n, ok := l.shared[r]; ok {
				at.written.Add(n)
			}
		})
	}
	return at
}

// liveIn reports whether the register holds something needed where b starts.
func (l *liveness) liveIn(b *block, r register) bool {
	n, ok := l.shared[r]
	return ok && l.flows[b].in.Has(n)
}

// open returns the registers live where b ends, each with that position.
func (l *liveness) open(b *block) map[register]int {
	open := map[register]int{}
	l.flows[b].out.Each(func(n int) { open[l.names[n]] = b.end() })
	return open
}

// findRanges computes where each virtual register, and each machine register by itself, is occupied.
func (f *function) findRanges() (fixed [framePointer + 1]ranges) {
	f.number()
	live := f.liveness()
	for _, v := range f.virtuals {
		v.ranges = nil
	}
	at := func(r register) *ranges {
		if r.virtual() {
			return &f.lookup(r).ranges
		}
		return &fixed[r]
	}
	for i := len(f.blocks) - 1; i >= 0; i-- {
		blockRanges(f.blocks[i], live.open(f.blocks[i]), at)
	}
	for _, v := range f.virtuals {
		slices.Reverse(v.ranges)
	}
	for r := range fixed {
		slices.Reverse(fixed[r])
	}
	return fixed
}

// blockRanges walks one block backwards with the end of each open range.
func blockRanges(b *block, open map[register]int, at func(register) *ranges) {
	for i := len(b.instructions) - 1; i >= 0; i-- {
		position := b.position(i)
		b.instructions[i].writes(func(r register) {
			end, live := open[r]
			if !live {
				end = position + 2
			}
			delete(open, r)
			*at(r) = at(r).prepend(position+1, end)
		})
		b.instructions[i].reads(func(r register) {
			if _, live := open[r]; !live && r != framePointer {
				open[r] = position + 1
			}
		})
	}
	for r, end := range open {
		*at(r) = at(r).prepend(b.position(0), end)
	}
}
