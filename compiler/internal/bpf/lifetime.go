package bpf

import (
	"slices"

	"github.com/ponytrace/ponytrace/compiler/internal/bitset"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// users tells where values and cells are used.
type users struct {
	addresses map[*ir.Slot][]*ir.Value
	of        map[*ir.Value][]*ir.Value
	gets      map[*ir.Cell][]*ir.Value
}

func findUsers(f *ir.Func) *users {
	u := &users{map[*ir.Slot][]*ir.Value{}, map[*ir.Value][]*ir.Value{}, map[*ir.Cell][]*ir.Value{}}
	for _, block := range f.Blocks {
		for _, v := range block.Values {
			for _, arg := range v.Args {
				u.of[arg] = append(u.of[arg], v)
			}
			switch v.Op {
			case ir.SlotAddress:
				u.addresses[v.Slot] = append(u.addresses[v.Slot], v)
			case ir.CellGet:
				u.gets[v.Cell] = append(u.gets[v.Cell], v)
			}
		}
	}
	return u
}

// trace follows the address of a slot through arithmetic and cells, and notes every value that may
// use its memory.
func (u *users) trace(s *ir.Slot, fr *frame) {
	seen := map[*ir.Value]bool{}
	work := append([]*ir.Value(nil), u.addresses[s]...)
	for len(work) > 0 {
		address := work[len(work)-1]
		work = work[:len(work)-1]
		for _, user := range u.of[address] {
			if seen[user] {
				continue
			}
			seen[user] = true
			fr.touches[user] = append(fr.touches[user], fr.slots[s])
			work = append(work, u.derived(address, user, fr.slots[s])...)
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
		return u.gets[user.Cell]
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

// findLifetimes computes where each slot's memory may be in use: at every position that a use
// leads to and that leads to a use. Whether a use writes the whole slot is not known, so none ends a lifetime.
func (fr *frame) findLifetimes(f *function) {
	f.number()
	l := &lifetimes{frame: fr, uses: make(map[*block]*slotUses, len(f.blocks))}
	for _, s := range fr.all {
		s.ranges = nil
	}
	for _, b := range f.blocks {
		l.uses[b] = l.scan(b)
	}
	l.solve(f)
	for _, b := range f.blocks {
		l.extend(b)
	}
	last := f.blocks[len(f.blocks)-1].end()
	for _, s := range fr.all {
		if s.escapes {
			s.ranges = ranges{{0, last}}
		}
	}
}

// slotUses are the slots used in a block, where first and last, and those used before and after.
type slotUses struct {
	first, last     map[int]int // positions, by the slot's index
	own             bitset.Set
	before, after   bitset.Set // before the start, after the end
	through, onward bitset.Set // before the end, after the start
}

type lifetimes struct {
	frame *frame
	uses  map[*block]*slotUses
}

func (l *lifetimes) scan(b *block) *slotUses {
	size := len(l.frame.all)
	u := &slotUses{own: bitset.New(size),
		before: bitset.New(size), after: bitset.New(size), through: bitset.New(size), onward: bitset.New(size)}
	for i := range b.instructions {
		instruction := &b.instructions[i]
		if instruction.slot != nil {
			u.note(instruction.slot, b.position(i))
		}
		for _, s := range l.frame.touches[instruction.from] {
			u.note(s, b.position(i))
		}
	}
	u.through.Absorb(u.own, nil)
	u.onward.Absorb(u.own, nil)
	return u
}

func (u *slotUses) note(s *slot, position int) {
	if u.first == nil {
		u.first, u.last = map[int]int{}, map[int]int{}
	}
	if _, known := u.first[s.index]; !known {
		u.first[s.index] = position
	}
	u.last[s.index] = position + 2
	u.own.Add(s.index)
}

func (l *lifetimes) solve(f *function) {
	for changed := true; changed; {
		changed = false
		for _, b := range f.blocks {
			for _, next := range b.next {
				changed = l.uses[next].before.Absorb(l.uses[b].through, nil) || changed
				l.uses[next].through.Absorb(l.uses[next].before, nil)
			}
		}
		for i := len(f.blocks) - 1; i >= 0; i-- {
			u := l.uses[f.blocks[i]]
			for _, next := range f.blocks[i].next {
				changed = u.after.Absorb(l.uses[next].onward, nil) || changed
			}
			u.onward.Absorb(u.after, nil)
		}
	}
}

// extend adds to each slot's ranges what the block contributes.
func (l *lifetimes) extend(b *block) {
	u := l.uses[b]
	bitset.Either(u.own, u.before, u.after, func(index int) {
		start, end := b.position(0), b.end()
		if !u.before.Has(index) {
			start = u.first[index]
		}
		if !u.after.Has(index) {
			end = u.last[index]
		}
		if s := l.frame.all[index]; start < end {
			s.ranges = append(s.ranges, [2]int{start, end})
		}
	})
}
