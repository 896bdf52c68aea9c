package bpf

import (
	"cmp"
	"math"
	"slices"
)

// preference is the order in which registers are tried where no move asks for one: those
// of arguments late, because calls want them, the saved ones last.
var preference = [...]register{0, 5, 4, 3, 2, 1, 6, 7, 8, 9}

// allocate gives every virtual register a machine register. What finds none is spilled,
// and the allocation starts again with the loads and stores in the code.
func (f *function) allocate() {
	for {
		a := newAllocator(f)
		a.scan()
		if len(a.spills) == 0 {
			return
		}
		f.spill(a.spills)
	}
}

// allocator is one linear scan.
type allocator struct {
	*function
	fixed  [framePointer + 1]ranges
	taken  [framePointer]occupations
	spills []*virtual
}

func newAllocator(f *function) *allocator {
	a := &allocator{function: f, fixed: f.findRanges()}
	for _, v := range f.virtuals {
		v.partners, v.wish, v.weight, v.assigned = v.partners[:0], -1, 0, -1
	}
	cold := f.coldStart()
	for r := range a.taken {
		a.taken[r].border = cold
	}
	for i := len(f.blocks) - 1; i >= 0; i-- {
		a.weigh(f.blocks[i])
	}
	return a
}

// Executions of a block per run of the program, roughly.
const (
	hotWeight  = 16
	coldWeight = 1
)

// weigh counts uses and notes moves, backwards so that the wish for an argument's
// register travels up a chain of moves.
func (a *allocator) weigh(b *block) {
	weight := float64(hotWeight)
	if b.cold {
		weight = coldWeight
	}
	count := func(r register) {
		if r.virtual() {
			a.lookup(r).weight += weight
		}
	}
	for i := len(b.instructions) - 1; i >= 0; i-- {
		instruction := &b.instructions[i]
		instruction.reads(count)
		instruction.writes(count)
		if instruction.isMove() {
			a.relate(instruction.dst, instruction.src, weight)
			a.relate(instruction.src, instruction.dst, weight)
		}
	}
}

func (a *allocator) relate(name, other register, weight float64) {
	if !name.virtual() || other == framePointer {
		return
	}
	v := a.lookup(name)
	v.partners = append(v.partners, partner{other, weight})
	switch {
	case v.wish >= 0:
	case other.virtual():
		v.wish = a.lookup(other).wish
	default:
		v.wish = other
	}
}

func (a *allocator) scan() {
	order := make([]*virtual, 0, len(a.virtuals))
	for _, v := range a.virtuals {
		if len(v.ranges) > 0 && v.spilled == nil {
			order = append(order, v)
		}
	}
	slices.SortStableFunc(order, func(x, y *virtual) int { return cmp.Compare(x.ranges.start(), y.ranges.start()) })
	for _, v := range order {
		if !a.assign(v) {
			a.evict(v)
		}
	}
}

// assign takes the free register that saves the most moves.
func (a *allocator) assign(v *virtual) bool {
	votes := a.copyHints(v)
	best := register(-1)
	for _, r := range preference {
		if (best < 0 || votes[r] > votes[best]) && a.free(r, v) {
			best = r
		}
	}
	if best < 0 {
		return false
	}
	a.give(v, best)
	return true
}

func (a *allocator) give(v *virtual, r register) {
	v.assigned = r
	a.taken[r].add(v)
}

// copyHints says how many moves each register would save, where the other end of the move
// has it, and might save, where the other end can still get it.
func (a *allocator) copyHints(v *virtual) (votes [framePointer + 1]float64) {
	for _, p := range v.partners {
		if !p.name.virtual() {
			votes[p.name] += p.weight
			continue
		}
		switch other := a.lookup(p.name); {
		case other.assigned >= 0:
			votes[other.assigned] += p.weight
		case other.spilled == nil && other.ranges.start() >= v.ranges.start():
			a.addHint(other, p.weight/2, &votes)
		}
	}
	if v.wish >= 0 {
		votes[v.wish] += coldWeight / 2.0
	}
	return votes
}

func (a *allocator) addHint(other *virtual, weight float64, votes *[framePointer + 1]float64) {
	for _, r := range preference {
		if a.free(r, other) {
			votes[r] += weight
		}
	}
}

func (a *allocator) free(r register, v *virtual) bool {
	return !a.fixed[r].overlaps(v.ranges) && !a.taken[r].overlap(v.ranges)
}

// evict spills v, or the registers in its way that are cheaper to keep in memory.
func (a *allocator) evict(v *virtual) {
	best, lowest := register(-1), v.cost()
	for _, r := range preference {
		if a.fixed[r].overlaps(v.ranges) {
			continue
		}
		if cost := a.costOf(r, v); cost < lowest {
			best, lowest = r, cost
		}
	}
	if best < 0 {
		if v.temporary {
			a.ir.Fail(a.ir.Span, "no register for the reload of a spilled value")
		}
		a.spills = append(a.spills, v)
		return
	}
	for _, other := range a.taken[best].overlapping(v.ranges) {
		other.assigned = -1
		a.spills = append(a.spills, other)
		a.taken[best].remove(other)
	}
	a.give(v, best)
}

func (a *allocator) costOf(r register, v *virtual) (cost float64) {
	for _, other := range a.taken[r].overlapping(v.ranges) {
		cost += other.cost()
	}
	return cost
}

// cost is the harm of spilling: uses per length, so that long, rarely used ranges go
// first.
func (v *virtual) cost() float64 {
	if v.temporary {
		return math.Inf(1)
	}
	return v.weight / float64(v.ranges.end()-v.ranges.start())
}
