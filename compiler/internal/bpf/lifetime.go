package bpf

import (
	"cmp"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/lang/order"
)

// users tells where values and cells are used, by their IDs.
type users struct {
	addresses [][]*ir.Value // of each slot
	of        [][]*ir.Value
	gets      [][]*ir.Value // of each cell
	seen      []*ir.Slot    // the slot for which each value was seen last
}

func findUsers(f *ir.Func) *users {
	size := f.Size() + 1
	u := &users{
		addresses: make([][]*ir.Value, len(f.Slots)), of: make([][]*ir.Value, size),
		gets: make([][]*ir.Value, len(f.Cells)), seen: make([]*ir.Slot, size),
	}
	for _, block := range f.Blocks {
		for _, v := range block.Values {
			for _, arg := range v.Args {
				u.of[arg.ID] = append(u.of[arg.ID], v)
			}
			switch v.Op {
			case ir.SlotAddress:
				u.addresses[v.Slot.ID] = append(u.addresses[v.Slot.ID], v)
			case ir.CellGet:
				u.gets[v.Cell.ID] = append(u.gets[v.Cell.ID], v)
			}
		}
	}
	return u
}

// trace follows the address of a slot through arithmetic and cells, and notes every value
// that may use its memory.
func (u *users) trace(s *ir.Slot, fr *frame) {
	memory := fr.slots[s.ID]
	work := slices.Clone(u.addresses[s.ID])
	for len(work) > 0 {
		address := last(work)
		work = work[:len(work)-1]
		for _, user := range u.of[address.ID] {
			if u.seen[user.ID] == s {
				continue
			}
			u.seen[user.ID] = s
			fr.touches[user.ID] = append(fr.touches[user.ID], memory)
			work = append(work, u.derived(address, user, memory)...)
		}
	}
}

// derived returns the values that hold the address because user has it as an operand.
func (u *users) derived(address, user *ir.Value, s *slot) []*ir.Value {
	s.pinned = s.pinned || user.CallsBack() || user.Op == ir.Invoke && s.size <= largeSlot
	switch user.Op {
	case ir.Store, ir.AtomicAdd, ir.FetchAdd, ir.Exchange, ir.CompareExchange:
		s.escapes = s.escapes || slices.Contains(user.Args[1:], address)
	case ir.Return:
		s.escapes = true
	case ir.CellSet:
		return u.gets[user.Cell.ID]
	case ir.Add, ir.Sub:
		s.scratch = s.scratch || user.Args[0].Op != ir.Const && user.Args[1].Op != ir.Const
		return []*ir.Value{user}
	default:
		if ir.Ops[user.Op].Effect == ir.Pure {
			return []*ir.Value{user}
		}
	}
	return nil
}

// findLifetimes computes where each slot's memory may be in use: at every position that a
// use leads to and that leads to a use. Whether a use writes the whole slot is not known,
// so none ends a lifetime.
func (fr *frame) findLifetimes(f *function) {
	f.number()
	l := &lifetimes{before: f.leading(), uses: make([][]use, len(fr.all)), ahead: make([]int, len(f.blocks)), behind: make([]int, len(f.blocks))}
	for _, b := range f.blocks {
		l.collect(b, fr)
	}
	l.findLoops(f.blocks)
	end := last(f.blocks).end()
	for _, s := range fr.all {
		if s.escapes {
			s.ranges = ranges{{0, end}}
		} else {
			s.ranges = l.of(l.uses[s.index], s.index+1)
		}
	}
}

// use is what a block has to do with a slot: from the first use to the last.
type use struct {
	block       *block
	first, last int // positions
}

type lifetimes struct {
	before [][]*block // those that lead to each block
	uses   [][]use    // of each slot
	loops  []region   // ascending, apart
	// The mark of the last slot whose uses lead to the start of each block, and of the
	// last slot for which the end of each block leads to uses.
	behind, ahead []int
}

// region is a part of the order in which the blocks were selected.
type region struct{ first, last int }

func (l *lifetimes) collect(b *block, fr *frame) {
	note := func(s *slot, position int) {
		uses := l.uses[s.index]
		if len(uses) == 0 || last(uses).block != b {
			uses = append(uses, use{block: b, first: position})
		}
		uses[len(uses)-1].last = position + 2
		l.uses[s.index] = uses
	}
	for i := range b.instructions {
		instruction := &b.instructions[i]
		if instruction.slot != nil {
			note(instruction.slot, b.position(i))
		}
		if instruction.from != nil {
			for _, s := range fr.touches[instruction.from.ID] {
				note(s, b.position(i))
			}
		}
	}
}

// findLoops joins the regions that the ways back span.
func (l *lifetimes) findLoops(blocks []*block) {
	for _, b := range blocks {
		for _, next := range b.next {
			if next.place <= b.place {
				l.loops = append(l.loops, region{next.place, b.place})
			}
		}
	}
	order.Stable(l.loops, func(a, b region) int { return cmp.Compare(a.first, b.first) })
	joined := l.loops[:0]
	for _, loop := range l.loops {
		if n := len(joined) - 1; n >= 0 && loop.first <= joined[n].last {
			joined[n].last = max(joined[n].last, loop.last)
		} else {
			joined = append(joined, loop)
		}
	}
	l.loops = joined
}

// within returns the region that no way from a use to a use leaves: it has all of each
// loop that it meets.
func (l *lifetimes) within(uses []use) region {
	r := region{uses[0].block.place, uses[0].block.place}
	for _, u := range uses {
		r = region{min(r.first, u.block.place), max(r.last, u.block.place)}
	}
	widen := func(place int) region {
		at, _ := slices.BinarySearchFunc(l.loops, place, func(loop region, place int) int { return cmp.Compare(loop.last, place) })
		if at < len(l.loops) && l.loops[at].first <= place {
			return l.loops[at]
		}
		return region{place, place}
	}
	return region{widen(r.first).first, widen(r.last).last}
}

// of returns where a slot with these uses is alive. The mark is that of no other slot.
func (l *lifetimes) of(uses []use, mark int) (alive ranges) {
	if len(uses) == 0 {
		return nil
	}
	blocks := make([]*block, 0, len(uses))
	for _, u := range uses {
		blocks = append(blocks, u.block)
	}
	if r := l.within(uses); r.first < r.last || l.inLoop(r.first) {
		l.markForward(blocks, r, mark)
		if between := l.markBackward(uses, blocks, r, mark); len(between) > 0 {
			blocks = append(blocks, between...)
			slices.SortFunc(blocks, func(a, b *block) int { return cmp.Compare(a.index, b.index) })
		}
	}
	for _, b := range blocks {
		start, end := b.position(0), b.end()
		own, isUser := find(uses, b)
		if isUser && l.behind[b.index] != mark {
			start = own.first
		}
		if isUser && l.ahead[b.index] != mark {
			end = own.last
		}
		if start < end {
			alive = append(alive, [2]int{start, end})
		}
	}
	return alive
}

// find returns the use by the block. The uses are in the order of the blocks.
func find(uses []use, b *block) (u use, found bool) {
	at, found := slices.BinarySearchFunc(uses, b, func(u use, b *block) int { return cmp.Compare(u.block.index, b.index) })
	if found {
		u = uses[at]
	}
	return u, found
}

func (l *lifetimes) inLoop(place int) bool {
	return slices.ContainsFunc(l.loops, func(loop region) bool { return loop.first <= place && place <= loop.last })
}

func (r region) has(b *block) bool { return r.first <= b.place && b.place <= r.last }

// markForward marks the blocks of the region to whose start a way leads from the blocks.
func (l *lifetimes) markForward(blocks []*block, r region, mark int) {
	for work := slices.Clone(blocks); len(work) > 0; {
		b := last(work)
		work = work[:len(work)-1]
		for _, next := range b.next {
			if r.has(next) && l.behind[next.index] != mark {
				l.behind[next.index] = mark
				work = append(work, next)
			}
		}
	}
}

// markBackward marks the blocks of the region from whose end a way leads to the blocks,
// and returns those among them, without the users themselves, to whose start one leads
// from them too.
func (l *lifetimes) markBackward(uses []use, blocks []*block, r region, mark int) (between []*block) {
	work := slices.Clone(blocks)
	for len(work) > 0 {
		b := last(work)
		work = work[:len(work)-1]
		for _, from := range l.before[b.index] {
			if !r.has(from) || l.ahead[from.index] == mark {
				continue
			}
			l.ahead[from.index] = mark
			work = append(work, from)
			if _, isUser := find(uses, from); !isUser && l.behind[from.index] == mark {
				between = append(between, from)
			}
		}
	}
	return between
}
