package bpf

import (
	"cmp"
	"slices"
)

// coalesce makes one register of both ends of a move where neither is written while the other is
// needed: until then they hold the same. Variables and the values read from them and put into them meet here.
func (f *function) coalesce() {
	f.findRanges()
	c := &coalescer{function: f, writes: make([][]write, len(f.virtuals))}
	f.into = make([]register, len(f.virtuals))
	for i, v := range f.virtuals {
		f.into[i] = v.name
	}
	moves := c.collect()
	slices.SortStableFunc(moves, func(a, b copied) int { return cmp.Compare(rank(a.cold), rank(b.cold)) })
	for _, m := range moves {
		c.join(c.find(m.dst), c.find(m.src))
	}
	c.rename()
}

// write is a place where a virtual register gets a value; copied from another when it is a move.
type write struct {
	position int
	from     register
}

// copied is a move between virtual registers.
type copied struct {
	dst, src register
	cold     bool
}

type coalescer struct {
	*function
	writes [][]write
}

func (c *coalescer) collect() (moves []copied) {
	for _, b := range c.blocks {
		for i := range b.instructions {
			instruction := &b.instructions[i]
			w := write{position: b.position(i) + 1, from: -1}
			if instruction.isMove() && instruction.dst.virtual() && instruction.src.virtual() {
				w.from = instruction.src
				moves = append(moves, copied{instruction.dst, instruction.src, b.cold})
			}
			instruction.writes(func(r register) {
				if r.virtual() {
					c.writes[r-firstVirtual] = append(c.writes[r-firstVirtual], w)
				}
			})
		}
	}
	return moves
}

// find returns the register that r has become part of.
func (f *function) find(r register) register {
	for f.into[r-firstVirtual] != r {
		r = f.into[r-firstVirtual]
	}
	return r
}

// join makes x part of y. A masked register stays alone: its reloads are masked.
func (c *coalescer) join(x, y register) {
	a, b := c.lookup(x), c.lookup(y)
	if x == y || a.bound != 0 || b.bound != 0 || c.disturbs(x, y) || c.disturbs(y, x) {
		return
	}
	c.into[x-firstVirtual] = y
	for _, w := range c.writes[x-firstVirtual] {
		if w.from < 0 || c.find(w.from) != y {
			c.writes[y-firstVirtual] = append(c.writes[y-firstVirtual], w)
		}
	}
	b.ranges = b.ranges.union(a.ranges)
}

// disturbs reports whether x gets another value while y is needed.
func (c *coalescer) disturbs(x, y register) bool {
	needed := c.lookup(y).ranges
	return slices.ContainsFunc(c.writes[x-firstVirtual], func(w write) bool {
		return needed.contain(w.position) && (w.from < 0 || c.find(w.from) != y)
	})
}

func (c *coalescer) rename() {
	rename := func(r *register) {
		if r.virtual() {
			*r = c.find(*r)
		}
	}
	for _, b := range c.blocks {
		for i := range b.instructions {
			rename(&b.instructions[i].dst)
			rename(&b.instructions[i].src)
		}
		b.instructions = slices.DeleteFunc(b.instructions, func(i instruction) bool { return i.isMove() && i.dst == i.src })
	}
}
