package bpf

import (
	"cmp"
	"slices"

	"github.com/ponytrace/ponytrace/lang/order"
)

// coalesce makes one register of both ends of a move where neither is written while the
// other is needed: until then they hold the same. Variables and the values read from them
// and put into them meet here.
func (f *function) coalesce() {
	f.findRanges()
	c := &coalescer{function: f, writes: make([][]write, len(f.virtuals))}
	f.into = make([]register, len(f.virtuals))
	for i, v := range f.virtuals {
		f.into[i] = v.name
	}
	moves := c.collect()
	order.Stable(moves, func(a, b copied) int { return cmp.Compare(rank(a.cold), rank(b.cold)) })
	for _, m := range moves {
		c.join(c.find(m.dst), c.find(m.src))
	}
	c.rename()
}

// write is a place where a virtual register gets a value; copied from another when it is
// a move.
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
	writes [][]write // of each virtual register, ascending
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

// find returns the register that r has become part of, and shortens the way there.
func (f *function) find(r register) register {
	for f.into[r-firstVirtual] != r {
		next := f.into[r-firstVirtual]
		f.into[r-firstVirtual] = f.into[next-firstVirtual]
		r = next
	}
	return r
}

// join makes x part of y. A masked register stays alone: its reloads are masked.
func (c *coalescer) join(x, y register) {
	a, b := c.lookup(x), c.lookup(y)
	if x == y || a.bound != 0 || b.bound != 0 || c.interferes(x, y) || c.interferes(y, x) {
		return
	}
	c.into[x-firstVirtual] = y
	c.writes[y-firstVirtual] = merge(c.writes[y-firstVirtual], c.writes[x-firstVirtual])
	b.ranges = b.ranges.union(a.ranges)
	c.writes[x-firstVirtual], a.ranges = nil, nil
}

// merge returns the writes of both. It may change both: the longer one, which may belong
// to a variable of a long script, takes the other in.
func merge(writes, other []write) []write {
	if len(other) > len(writes) {
		writes, other = other, writes
	}
	i, j := len(writes)-1, len(other)-1
	writes = append(writes, other...)
	for k := len(writes) - 1; j >= 0; k-- {
		if i >= 0 && writes[i].position > other[j].position {
			writes[k] = writes[i]
			i--
		} else {
			writes[k] = other[j]
			j--
		}
	}
	return writes
}

// interferes reports whether x gets another value while y is needed. It looks up the
// fewer in the more.
func (c *coalescer) interferes(x, y register) bool {
	needed, writes := c.lookup(y).ranges, c.writes[x-firstVirtual]
	changes := func(w write) bool {
		return w.from < 0 || c.find(w.from) != y && c.find(w.from) != x
	}
	if len(writes) < len(needed) {
		return slices.ContainsFunc(writes, func(w write) bool { return needed.contain(w.position) && changes(w) })
	}
	return slices.ContainsFunc(needed, func(span [2]int) bool {
		first, _ := slices.BinarySearchFunc(writes, span[0], func(w write, position int) int { return w.position - position })
		for i := first; i < len(writes) && writes[i].position < span[1]; i++ {
			if changes(writes[i]) {
				return true
			}
		}
		return false
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
