package bpf

import (
	"cmp"
	"slices"
)

// occupation is a time in which a machine register holds a virtual one.
type occupation struct {
	start, end int
	by         *virtual
}

// occupations are those of one machine register. No two overlap. The scan goes by where
// registers start, so that what it adds comes near the end of the hot code's occupations
// or near the end of the cold code's.
type occupations struct {
	border    int // where the cold blocks start
	hot, cold []occupation
}

// coldStart returns the position where the cold blocks start.
func (f *function) coldStart() int {
	for _, b := range f.blocks[1:] {
		if b.cold {
			return b.position(0)
		}
	}
	return last(f.blocks).end()
}

// halves calls visit with the ranges and the side of the border where their occupations
// are.
func (o *occupations) halves(r ranges, visit func(side *[]occupation, start, end int) (done bool)) {
	for _, span := range r {
		if span[0] < o.border && visit(&o.hot, span[0], min(span[1], o.border)) {
			return
		}
		if span[1] > o.border && visit(&o.cold, max(span[0], o.border), span[1]) {
			return
		}
	}
}

// firstEndingAfter returns the index of the first occupation that ends behind the
// position.
func firstEndingAfter(side []occupation, position int) int {
	if len(side) == 0 || last(side).end <= position {
		return len(side)
	}
	at, _ := slices.BinarySearchFunc(side, position, func(o occupation, position int) int { return cmp.Compare(o.end, position+1) })
	return at
}

func (o *occupations) overlap(r ranges) (found bool) {
	o.halves(r, func(side *[]occupation, start, end int) bool {
		at := firstEndingAfter(*side, start)
		found = at < len(*side) && (*side)[at].start < end
		return found
	})
	return found
}

// overlapping returns the virtual registers that are held at a position of r, in the
// order in which they start.
func (o *occupations) overlapping(r ranges) (found []*virtual) {
	o.halves(r, func(side *[]occupation, start, end int) bool {
		for at := firstEndingAfter(*side, start); at < len(*side) && (*side)[at].start < end; at++ {
			if last(found) != (*side)[at].by {
				found = append(found, (*side)[at].by)
			}
		}
		return false
	})
	slices.SortFunc(found, func(x, y *virtual) int {
		return cmp.Or(cmp.Compare(x.ranges.start(), y.ranges.start()), cmp.Compare(x.name, y.name))
	})
	return slices.Compact(found)
}

func (o *occupations) add(v *virtual) {
	o.halves(v.ranges, func(side *[]occupation, start, end int) bool {
		*side = slices.Insert(*side, firstEndingAfter(*side, start), occupation{start, end, v})
		return false
	})
}

func (o *occupations) remove(v *virtual) {
	o.halves(v.ranges, func(side *[]occupation, start, _ int) bool {
		at := firstEndingAfter(*side, start)
		*side = slices.Delete(*side, at, at+1)
		return false
	})
}
