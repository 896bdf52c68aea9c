package bpf

import "slices"

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
	low, high := 0, len(r)
	for low < high {
		if middle := (low + high) / 2; r[middle][1] <= position {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
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

// liveness has the virtual registers that hold something needed where each block starts and where it ends. They are
// found backwards from each read to the writes, so that a register costs nothing in blocks where it is not alive.
type liveness struct {
	before  map[*block]*flow
	in, out map[*block][]register
}

// flow is what leads to a block.
type flow struct {
	from   []*block
	writes register // the last register looked at that the block writes
}

// access is the blocks that write a register, and those that read it before they write it.
type access struct{ reads, writes []*block }

func (f *function) liveness() *liveness {
	l := &liveness{map[*block]*flow{}, map[*block][]register{}, map[*block][]register{}}
	for _, b := range f.blocks {
		l.before[b] = &flow{writes: -1}
	}
	for _, b := range f.blocks {
		for _, next := range b.next {
			l.before[next].from = append(l.before[next].from, b)
		}
	}
	for i, a := range f.accesses() {
		l.find(f.virtuals[i].name, a)
	}
	return l
}

// accesses goes through the blocks once for all virtual registers.
func (f *function) accesses() []access {
	of := make([]access, len(f.virtuals))
	for _, b := range f.blocks {
		for i := range b.instructions {
			b.instructions[i].reads(func(r register) {
				if r.virtual() && last(of[r-firstVirtual].writes) != b {
					of[r-firstVirtual].reads = append(of[r-firstVirtual].reads, b)
				}
			})
			b.instructions[i].writes(func(r register) {
				if r.virtual() && last(of[r-firstVirtual].writes) != b {
					of[r-firstVirtual].writes = append(of[r-firstVirtual].writes, b)
				}
			})
		}
	}
	return of
}

func last[T any](list []T) (element T) {
	if len(list) > 0 {
		element = list[len(list)-1]
	}
	return element
}

// find follows the ways back from the reads of r until they come to writes.
func (l *liveness) find(r register, a access) {
	for _, b := range a.writes {
		l.before[b].writes = r
	}
	work := a.reads
	for len(work) > 0 {
		b := last(work)
		work = work[:len(work)-1]
		if last(l.in[b]) == r {
			continue
		}
		l.in[b] = append(l.in[b], r)
		for _, from := range l.before[b].from {
			if last(l.out[from]) != r {
				l.out[from] = append(l.out[from], r)
			}
			if l.before[from].writes != r {
				work = append(work, from)
			}
		}
	}
}

// liveIn reports whether the register holds something needed where b starts.
func (l *liveness) liveIn(b *block, r register) bool { return slices.Contains(l.in[b], r) }

// open returns the registers live where b ends, each with that position.
func (l *liveness) open(b *block) map[register]int {
	open := map[register]int{}
	for _, r := range l.out[b] {
		open[r] = b.end()
	}
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
