package bpf

import (
	"cmp"
	"math"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

const (
	// largeSlot is the size in bytes from which a slot goes to the scratch map at once:
	// two of them would fill the frame.
	largeSlot = 256
)

// slot is memory in the frame or in the scratch map.
type slot struct {
	size    int
	index   int // in frame.all
	spill   bool
	scratch bool
	pinned  bool // it must lie in the frame: what a callee gets there may be pointers, and bpf_loop takes no other address
	escapes bool // its address is stored somewhere: it lives as long as the function
	offset  int  // from the frame pointer or the start of the scratch row
	ranges  ranges
}

// frame lays out the slots of one function. Slots that are never alive together share
// their bytes.
type frame struct {
	f    *ir.Func
	base int // where its slots start in the scratch row
	// far: a slot of the scratch row may lie where the 16 bits of an instruction's offset
	// do not reach.
	far     bool
	slots   []*slot             // by the ID of the slot of the representation
	buffers map[*ir.Value]*slot // where ReadKernel and ReadUser copy to
	all     []*slot
	// touches lists for each value, by its ID, the slots whose memory its instructions
	// may use.
	touches [][]*slot
	// scratchAt is the value before which the code computes the address of the scratch
	// row.
	scratchAt *ir.Value
	stack     int
	scratch   int // the end of its slots in the scratch row; 0 when it has none there
}

// scratchSlots are those that the frame had no room for.
type scratchSlots map[*ir.Slot]bool

func newFrame(f *ir.Func, base int, scratch scratchSlots) *frame {
	fr := &frame{f: f, base: base, buffers: map[*ir.Value]*slot{}, touches: make([][]*slot, f.Size()+1)}
	uses := findUsers(f)
	for _, s := range f.Slots {
		memory := fr.add(&slot{size: s.Size, scratch: s.Size > largeSlot || scratch[s]})
		fr.slots = append(fr.slots, memory)
		uses.trace(s, fr)
		memory.scratch = memory.scratch && !memory.pinned
	}
	fr.far = fr.reaches() > math.MaxInt16
	fr.placeScratch()
	return fr
}

// reaches is how far the scratch row goes at most: were no two of its slots to share
// their bytes.
func (fr *frame) reaches() int {
	end := fr.base
	for _, s := range fr.all {
		if s.scratch {
			end += s.size
		}
	}
	return end
}

func (fr *frame) add(s *slot) *slot {
	s.index = len(fr.all)
	fr.all = append(fr.all, s)
	return s
}

func (fr *frame) spillSlot() *slot { return fr.add(&slot{size: 8, spill: true}) }

// buffer returns the slot that v is read into.
func (fr *frame) buffer(v *ir.Value) *slot {
	known, ok := fr.buffers[v]
	if !ok {
		known = fr.add(&slot{size: 8})
		fr.buffers[v] = known
		fr.touches[v.ID] = append(fr.touches[v.ID], known)
	}
	return known
}

// placeScratch finds the place that comes before every address of a scratch slot: in the
// closest common dominator, at the first such address or else at the end.
func (fr *frame) placeScratch() {
	fr.scratchAt = nil
	if !slices.ContainsFunc(fr.all, func(s *slot) bool { return s.scratch }) {
		return
	}
	dominators := fr.f.Dominators()
	var common *ir.Block
	fr.eachScratchAddress(dominators, func(v *ir.Value) { common = dominators.Common(common, v.Block) })
	if common == nil {
		return
	}
	fr.scratchAt = common.Terminator()
	fr.eachScratchAddress(dominators, func(v *ir.Value) {
		if v.Block == common && fr.scratchAt == common.Terminator() {
			fr.scratchAt = v
		}
	})
}

func (fr *frame) eachScratchAddress(dominators *ir.Dominators, visit func(*ir.Value)) {
	for _, block := range dominators.Order {
		for _, v := range block.Values {
			if v.Op == ir.SlotAddress && fr.slots[v.Slot.ID].scratch {
				visit(v)
			}
		}
	}
}

// layout gives every slot its offset.
func (fr *frame) layout(f *function) {
	fr.findLifetimes(f)
	fr.stack = fr.place(false)
	for _, s := range fr.all {
		if !s.scratch {
			s.offset = -s.offset - s.size
		}
	}
	if size := fr.place(true); size > 0 {
		fr.scratch = fr.base + size
	}
	for _, s := range fr.all {
		if s.scratch {
			s.offset += fr.base
		}
	}
}

// place colours the slots of the frame or of the scratch map, the largest first, each at
// the lowest offset that no slot alive at the same time covers.
func (fr *frame) place(scratch bool) (size int) {
	var order []*slot
	for _, s := range fr.all {
		if s.scratch == scratch && len(s.ranges) > 0 {
			order = append(order, s)
		}
	}
	slices.SortStableFunc(order, func(a, b *slot) int { return cmp.Compare(b.size, a.size) })
	var places []*place
	for _, s := range order {
		s.offset = lowest(s, places)
		places = take(places, s)
		size = max(size, s.offset+s.size)
	}
	return size
}

// place is where slots of one size lie, one after the other, and when one of them is
// alive.
type place struct {
	offset, size int
	ranges       ranges
}

// take puts the slot at its place. They are in the order of their offsets.
func take(places []*place, s *slot) []*place {
	at, _ := slices.BinarySearchFunc(places, s.offset, func(p *place, offset int) int { return cmp.Compare(p.offset, offset) })
	for i := at; i < len(places) && places[i].offset == s.offset; i++ {
		if places[i].size == s.size {
			places[i].ranges = places[i].ranges.union(slices.Clone(s.ranges))
			return places
		}
	}
	return slices.Insert(places, at, &place{s.offset, s.size, slices.Clone(s.ranges)})
}

// lowest returns the first offset at which s meets nothing that is alive at the same
// time.
func lowest(s *slot, places []*place) (offset int) {
	for _, other := range places {
		if other.offset < offset+s.size && offset < other.offset+other.size && other.ranges.overlaps(s.ranges) {
			offset = other.offset + other.size
		}
	}
	return offset
}
