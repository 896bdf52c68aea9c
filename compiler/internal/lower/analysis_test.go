package lower_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// analysis follows the blocks of a function to what holds on every way to each place:
// which bytes of the frame were written, and which addresses are known not to be 0.
type analysis struct {
	f     *ir.Func
	in    map[*ir.Block]*facts
	keys  int // that calls were handed
	rows  int // accesses through what a lookup or a reservation gave
	wrong []string
}

type facts struct {
	written map[*ir.Slot][]bool
	nonzero map[*ir.Value]bool
	cells   map[*ir.Cell]content
}

// content is what a cell holds: the value, nil where it depends on the way, and whether
// that is known not to be 0.
type content struct {
	value   *ir.Value
	nonzero bool
}

func analyse(f *ir.Func) *analysis {
	a := &analysis{f: f, in: map[*ir.Block]*facts{}}
	order := f.ReversePostorder()
	a.in[order[0]] = &facts{map[*ir.Slot][]bool{}, map[*ir.Value]bool{}, map[*ir.Cell]content{}}
	for changed := true; changed; {
		changed = false
		a.keys, a.rows, a.wrong = 0, 0, nil
		for _, b := range order {
			out := a.in[b].clone()
			for _, v := range b.Values {
				a.look(v, out)
				out.step(v)
			}
			for _, next := range b.Successors() {
				changed = a.meet(next, out.along(b.Terminator(), next)) || changed
			}
		}
	}
	return a
}

// meet keeps what holds on all ways to a block.
func (a *analysis) meet(b *ir.Block, way *facts) (changed bool) {
	known := a.in[b]
	if known == nil {
		a.in[b] = way
		return true
	}
	for slot, bytes := range known.written {
		for i := range bytes {
			if bytes[i] && !(i < len(way.written[slot]) && way.written[slot][i]) {
				bytes[i], changed = false, true
			}
		}
	}
	for v := range known.nonzero {
		if !way.nonzero[v] {
			delete(known.nonzero, v)
			changed = true
		}
	}
	for cell, c := range known.cells {
		other := way.cells[cell]
		both := content{c.value, c.nonzero && other.nonzero}
		if c.value != other.value {
			both.value = nil
		}
		if both != c {
			known.cells[cell], changed = both, true
		}
	}
	return changed
}

func (s *facts) clone() *facts {
	copied := &facts{map[*ir.Slot][]bool{}, maps.Clone(s.nonzero), maps.Clone(s.cells)}
	for slot, bytes := range s.written {
		copied.written[slot] = slices.Clone(bytes)
	}
	return copied
}

// along adds what the way from a branch to one of its arms tells.
func (s *facts) along(branch *ir.Value, to *ir.Block) *facts {
	way := s.clone()
	if branch.Op != ir.If || branch.Then == branch.Else {
		return way
	}
	tells := branch.Compare == ir.NotEqual && to == branch.Then ||
		branch.Compare == ir.Equal && to == branch.Else
	if n, known := branch.Args[1].Constant(); !tells || !known || n != 0 {
		return way
	}
	way.nonzero[branch.Args[0]] = true
	for cell, c := range way.cells {
		if c.value == branch.Args[0] {
			way.cells[cell] = content{c.value, true}
		}
	}
	return way
}

// step is what a value does to the facts.
func (s *facts) step(v *ir.Value) {
	switch v.Op {
	case ir.CellSet:
		s.cells[v.Cell] = content{v.Args[0], s.nonzero[v.Args[0]]}
	case ir.CellGet:
		delete(s.nonzero, v)
		if s.cells[v.Cell].nonzero {
			s.nonzero[v] = true
		}
	case ir.Store:
		s.write(v.Args[0], v.Offset, v.Size)
	case ir.Call:
		delete(s.nonzero, v)
		s.filledBy(v)
	}
}

// filledBy notes what helpers write whole. Those that read texts write up to the zero
// only.
func (s *facts) filledBy(call *ir.Value) {
	to, size := 0, 1
	switch call.Helper {
	case asm.FnProbeReadKernel, asm.FnProbeReadUser, asm.FnGetCurrentComm:
	case asm.FnGetStack:
		to, size = 1, 2
	default:
		return
	}
	if n, known := call.Args[size].Constant(); known {
		s.write(call.Args[to], 0, int(n))
	}
}

func (s *facts) write(address *ir.Value, offset, size int) {
	base, more := split(address)
	if base.Op != ir.SlotAddress {
		return
	}
	bytes := s.written[base.Slot]
	if bytes == nil {
		bytes = make([]bool, base.Slot.Size)
		s.written[base.Slot] = bytes
	}
	for i := offset + more; i < min(offset+more+size, len(bytes)); i++ {
		bytes[i] = true
	}
}

// split takes the constants off an address.
func split(address *ir.Value) (base *ir.Value, offset int) {
	for address.Op == ir.Add {
		n, known := address.Args[1].Constant()
		if !known {
			break
		}
		address, offset = address.Args[0], offset+int(n)
	}
	return address, offset
}

// look reports a key with a byte that nothing wrote, and an access through an address
// that may be 0.
func (a *analysis) look(v *ir.Value, known *facts) {
	switch {
	case v.Op == ir.Load || v.Op == ir.Store || v.Op.Atomic():
		base, _ := split(v.Args[0])
		if !mayBeZero(base, v.Space) {
			return
		}
		a.rows++
		if !known.nonzero[base] {
			a.wrong = append(a.wrong, fmt.Sprintf("%s goes through %s, which may be 0", v.Describe(), base))
		}
	case v.Op == ir.Invoke || v.Op == ir.Call && takesKey(v.Helper):
		for _, arg := range v.Args {
			a.lookAtKey(v, arg, known)
		}
	}
}

// mayBeZero reports an address that a helper gave, and not the place of something that
// always is there.
func mayBeZero(base *ir.Value, space ir.Space) bool {
	return (space == ir.MapValue || space == ir.Record) &&
		(base.Op == ir.Call || base.Op == ir.Invoke || base.Op == ir.CellGet)
}

func takesKey(helper asm.BuiltinFunc) bool {
	switch helper {
	case asm.FnMapLookupElem, asm.FnMapUpdateElem, asm.FnMapDeleteElem:
		return true
	}
	return false
}

func (a *analysis) lookAtKey(call, arg *ir.Value, known *facts) {
	base, _ := split(arg)
	if base.Op != ir.SlotAddress || base.Slot.Name != "key" {
		return
	}
	a.keys++
	bytes := known.written[base.Slot]
	if bytes == nil || slices.Contains(bytes, false) {
		a.wrong = append(a.wrong, fmt.Sprintf("%s is handed %s, of which only %v was written",
			call.Describe(), base, bytes))
	}
}
