package bpf

import "slices"

// ranges are the positions at which a register or slot holds something that is still
// needed: half-open, ascending, not touching.
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

// union returns the positions of both. It may change both.
func (r ranges) union(other ranges) ranges {
	if len(other) > len(r) {
		r, other = other, r
	}
	for _, span := range other {
		r = r.include(span[0], span[1])
	}
	return r
}

// include adds the positions from start to end.
func (r ranges) include(start, end int) ranges {
	from := r.search(start - 1)
	to := from
	for to < len(r) && r[to][0] <= end {
		start, end = min(start, r[to][0]), max(end, r[to][1])
		to++
	}
	if to == from+1 {
		r[from] = [2]int{start, end}
		return r
	}
	return slices.Replace(r, from, to, [2]int{start, end})
}

func (r ranges) start() int { return r[0][0] }

func (r ranges) end() int { return r[len(r)-1][1] }

// prepend adds an earlier range; ranges are found backwards, so the list is reversed
// until the end.
func (r ranges) prepend(start, end int) ranges {
	if last := len(r) - 1; last >= 0 && r[last][0] <= end {
		r[last][0] = min(start, r[last][0])
		return r
	}
	return append(r, [2]int{start, end})
}

// leading returns the blocks that lead to each block, by its index.
func (f *function) leading() [][]*block {
	before := make([][]*block, len(f.blocks))
	for _, b := range f.blocks {
		for _, next := range b.next {
			before[next.index] = append(before[next.index], b)
		}
	}
	return before
}

// liveness has the virtual registers that hold something needed where each block starts
// and where it ends, by the block's index. They are found backwards from each read to the
// writes, so that a register costs nothing in blocks where it is not alive.
type liveness struct {
	before  [][]*block
	in, out [][]register
	writes  []register // the last register looked at that each block writes
}

// access is the blocks that write a register, and those that read it before they write
// it.
type access struct {
	name          register
	reads, writes []*block
}

func (f *function) liveness() *liveness {
	size := len(f.blocks)
	l := &liveness{f.leading(), make([][]register, size), make([][]register, size), make([]register, size)}
	for _, a := range f.accesses() {
		l.find(a)
	}
	return l
}

// accesses returns those of the virtual registers that a block reads before it writes
// them: all others are alive only within a block.
func (f *function) accesses() []access {
	var found []access
	indices := make([]int32, len(f.virtuals)) // into found, from 1 on
	written := make([]int32, len(f.virtuals)) // the index of the last block that writes it, from 1 on
	for _, b := range f.blocks {
		for i := range b.instructions {
			b.instructions[i].reads(func(r register) {
				if !r.virtual() || written[r-firstVirtual] == int32(b.index)+1 {
					return
				}
				index := &indices[r-firstVirtual]
				if *index == 0 {
					found = append(found, access{name: r})
					*index = int32(len(found))
				}
				found[*index-1].reads = appendNew(found[*index-1].reads, b)
			})
			b.instructions[i].writes(func(r register) {
				if r.virtual() {
					written[r-firstVirtual] = int32(b.index) + 1
				}
			})
		}
	}
	if len(found) > 0 {
		f.addWrites(found, indices)
	}
	return found
}

func (f *function) addWrites(found []access, indices []int32) {
	for _, b := range f.blocks {
		for i := range b.instructions {
			b.instructions[i].writes(func(r register) {
				if r.virtual() && indices[r-firstVirtual] > 0 {
					a := &found[indices[r-firstVirtual]-1]
					a.writes = appendNew(a.writes, b)
				}
			})
		}
	}
}

// appendNew appends the block unless it is the last already.
func appendNew(blocks []*block, b *block) []*block {
	if last(blocks) == b {
		return blocks
	}
	return append(blocks, b)
}

func last[T any](list []T) (element T) {
	if len(list) > 0 {
		element = list[len(list)-1]
	}
	return element
}

// find follows the ways back from the reads until they come to writes.
func (l *liveness) find(a access) {
	for _, b := range a.writes {
		l.writes[b.index] = a.name
	}
	work := a.reads
	for len(work) > 0 {
		b := last(work)
		work = work[:len(work)-1]
		if last(l.in[b.index]) == a.name {
			continue
		}
		l.in[b.index] = append(l.in[b.index], a.name)
		for _, from := range l.before[b.index] {
			if last(l.out[from.index]) != a.name {
				l.out[from.index] = append(l.out[from.index], a.name)
			}
			if l.writes[from.index] != a.name {
				work = append(work, from)
			}
		}
	}
}

// liveIn reports whether the register holds something needed where b starts.
func (l *liveness) liveIn(b *block, r register) bool { return slices.Contains(l.in[b.index], r) }

// findRanges computes where each virtual register, and each machine register by itself,
// is occupied.
func (f *function) findRanges() (fixed [framePointer + 1]ranges) {
	f.number()
	live := f.liveness()
	for _, v := range f.virtuals {
		v.ranges = v.ranges[:0]
	}
	finder := rangeFinder{function: f, fixed: &fixed, ends: make([]int, len(f.virtuals)+int(firstVirtual))}
	for i := range finder.ends {
		finder.ends[i] = closed
	}
	for i := len(f.blocks) - 1; i >= 0; i-- {
		if len(f.blocks[i].instructions) > 0 {
			finder.block(f.blocks[i], live.out[i])
		}
	}
	for _, v := range f.virtuals {
		slices.Reverse(v.ranges)
	}
	for r := range fixed {
		slices.Reverse(fixed[r])
	}
	return fixed
}

// rangeFinder walks the blocks backwards.
type rangeFinder struct {
	*function
	fixed *[framePointer + 1]ranges
	ends  []int      // of the open range of each register
	open  []register // those with an open range, and others
}

// closed is the end of no range.
const closed = -1

func (f *rangeFinder) of(r register) *ranges {
	if r.virtual() {
		return &f.lookup(r).ranges
	}
	return &f.fixed[r]
}

func (f *rangeFinder) begin(r register, end int) {
	f.ends[r] = end
	f.open = append(f.open, r)
}

func (f *rangeFinder) block(b *block, liveOut []register) {
	for _, r := range liveOut {
		f.begin(r, b.end())
	}
	position := 0
	written := func(r register) {
		end := f.ends[r]
		if end == closed {
			end = position + 2
		}
		f.ends[r] = closed
		*f.of(r) = f.of(r).prepend(position+1, end)
	}
	read := func(r register) {
		if f.ends[r] == closed && r != framePointer {
			f.begin(r, position+1)
		}
	}
	for i := len(b.instructions) - 1; i >= 0; i-- {
		position = b.position(i)
		b.instructions[i].writes(written)
		b.instructions[i].reads(read)
	}
	for _, r := range f.open {
		if f.ends[r] != closed {
			*f.of(r) = f.of(r).prepend(b.position(0), f.ends[r])
			f.ends[r] = closed
		}
	}
	f.open = f.open[:0]
}
