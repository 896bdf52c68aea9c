package lower

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
)

// sharedMemory is what a program and its callbacks both reach: a row for each CPU of a
// kernel map of the program's own. Variables that cross the border of a loop live here,
// and what else a loop has to remember. The verifier knows nothing of the contents, so it
// sees the second round of a loop as it saw the first, and is done with it.
//
// Rejected: the frame of the caller, which callbacks reach too. The verifier tracks every
// word of it, so a loop that counts looks new to it in each round.
type sharedMemory struct {
	name   string
	size   int         // bytes of a row in use; the first word is never used, so that no offset is 0
	shifts []*ir.Value // constants that become the logarithm of a row
	unused []extent    // what was borrowed and given back
}

// extent is a part of a row.
type extent struct{ offset, size int }

// allocate is share for memory that is given back.
func (s *sharedMemory) allocate(size int) extent {
	for i, e := range s.unused {
		if e.size >= size {
			s.unused = slices.Delete(s.unused, i, i+1)
			return e
		}
	}
	size = (size + 7) / 8 * 8
	return extent{s.share(size), size}
}

// release keeps the list in order, so that the smallest that fits is found first.
func (s *sharedMemory) release(e extent) {
	at, _ := slices.BinarySearchFunc(s.unused, e, func(a, b extent) int { return cmp.Compare(a.size, b.size) })
	s.unused = slices.Insert(s.unused, at, e)
}

// share reserves bytes and returns their offset.
func (s *sharedMemory) share(size int) int {
	if s.size == 0 {
		s.size = 8
	}
	offset := s.size
	s.size += (size + 7) / 8 * 8
	return offset
}

// finish puts in the size of a row, now that it is known.
func (s *sharedMemory) finish() {
	if s.size == 0 {
		return
	}
	stride := max(64, 1<<bits.Len(uint(s.size-1)))
	for _, shift := range s.shifts {
		shift.Int = int64(bits.TrailingZeros(uint(stride)))
	}
	s.size = stride
}

func sharedName(number int) string { return fmt.Sprintf("%s%d", object.SharedMap, number) }

// sharedPlace is the memory at an offset of this CPU's row.
func (f *function) sharedPlace(offset int) builtin.Place {
	return builtin.Place{Space: ir.MapValue, Address: f.rowAddress(), Offset: offset}
}

// rowAddress is where this CPU's row begins: in a callback what its caller left for it.
func (f *function) rowAddress() *ir.Value {
	f.usesRow = true
	if f.row != nil {
		return f.row
	}
	before := f.b.Because(ir.SharedRow)
	defer func() { f.b.Why = before }()
	cpu := f.b.Bound(f.b.Call(asm.FnGetSmpProcessorId, ir.Invariant), int64(CPURows(f.unit.Target)-1))
	shift := f.b.Const(0)
	f.shifts = append(f.shifts, shift)
	return f.b.Binary(ir.Add, f.b.DataAddress(f.sharedMemory.name, 0), f.b.Binary(ir.ShiftLeft, cpu, shift))
}

func (f *function) shared(offset int) *ir.Value {
	place := f.sharedPlace(offset)
	return f.b.Load(place.Space, place.Address, place.Offset, 8, false)
}

func (f *function) setShared(offset int, value *ir.Value) {
	place := f.sharedPlace(offset)
	f.b.Store(place.Space, place.Address, place.Offset, 8, value)
}

// sharedWord is a word of the row as hooks of the table see it.
type sharedWord struct {
	f      *function
	offset int
}

func (w sharedWord) Get() *ir.Value      { return w.f.shared(w.offset) }
func (w sharedWord) Set(value *ir.Value) { w.f.setShared(w.offset, value) }
