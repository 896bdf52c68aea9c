package target

import (
	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/lang"
)

// Structs and unions of scripts are laid out as gcc does it for Linux on x86_64 and
// arm64:
//
//   - a member lies at a multiple of its alignment, in a packed struct at the next byte;
//   - a bitfield follows the bits before it, but begins a new unit where it would otherwise lie across two
//     units of its type; in a packed struct it never does;
//   - a bitfield of no bits ends the unit, packed or not;
//   - a struct is aligned as its most aligned member, and its size is a multiple of that. Bitfields without a
//     name count for this on arm64 but not on x86_64.
//
// https://gcc.gnu.org/git/?p=gcc.git;a=blob;f=gcc/stor-layout.cc;hb=refs/tags/releases/gcc-14.2.0
// (place_field, update_alignment_for_field), https://gitlab.com/x86-psABIs/x86-64-ABI
// (section 3.1.2), https://github.com/ARM-software/abi-aa/blob/2024Q3/aapcs64/aapcs64.rst
// (section 8.1.8)

// layout places members; positions are in bits.
type layout struct {
	union, packed, arm bool

	end     uint64 // of the members so far
	align   int    // in bytes
	members []btf.Member
}

func (d *definer) layOut(definition *lang.TypeDefinition, union bool) *layout {
	l := &layout{union: union, packed: definition.Packed, arm: d.on.Arch == "arm64", align: 1}
	if n, ok := d.alignment(definition.Aligned); ok {
		l.align = n
	}
	seen := map[string]bool{}
	for i, m := range definition.Members {
		if !d.declaresMember(m) {
			continue
		}
		last := union || i == len(definition.Members)-1
		d.place(l, m, last)
		d.unique(seen, m)
		if l.end > maxTypeSize*8 {
			d.failf(definition.Span, "%s has more than %d bytes", title(definition), maxTypeSize)
			l.end = 0
			break
		}
	}
	return l
}

// declaresMember is false for what only defines a type: `struct tag { ... };` or `enum {
// A, B };` between members.
func (d *definer) declaresMember(m *lang.MemberDefinition) bool {
	if m.Definition != nil && m.Name == "" && (m.Definition.Name != "" || m.Definition.Tag == "enum") {
		d.complete(d.shells[m.Definition])
		return false
	}
	if m.Name == "" && m.Definition == nil && m.Bits == nil {
		d.failf(m.Span, "the member has no name")
		return false
	}
	return true
}

func (d *definer) place(l *layout, m *lang.MemberDefinition, last bool) {
	t := d.member(m)
	if t == nil {
		return
	}
	if array, ok := bare(t).(*btf.Array); ok && !last && array.Nelems == 0 && len(m.Dimensions) > 0 && m.Dimensions[0] == nil {
		d.failf(m.Span, "only the last member can be an array without a size")
	}
	if m.Bits == nil {
		l.plain(m.Name, t, d.size(t), d.alignOfMember(m, t, l.packed))
	} else if bits, ok := d.bits(m, t); ok {
		l.bitfield(m.Name, t, bits, d.alignOf(t, 0))
	}
}

// alignOfMember is that of its type unless attributes say otherwise; aligned never lowers
// it.
func (d *definer) alignOfMember(m *lang.MemberDefinition, t btf.Type, packed bool) int {
	align := d.alignOf(t, 0)
	if packed || m.Packed {
		align = 1
	}
	if n, ok := d.alignment(m.Aligned); ok {
		align = max(align, n)
	}
	return align
}

// bits returns the width of a bitfield.
func (d *definer) bits(m *lang.MemberDefinition, t btf.Type) (int, bool) {
	switch bare(t).(type) {
	case *btf.Int, *btf.Enum:
	default:
		d.failf(m.Span, "a bitfield is an integer")
		return 0, false
	}
	most := int64(d.size(t)) * 8
	if i, ok := bare(t).(*btf.Int); ok && i.Encoding == btf.Bool {
		most = 1
	}
	bits, known := d.constant(d.on, m.Bits)
	switch {
	case !known || bits < 0 || bits == 0 && m.Name != "":
		d.failf(m.Bits.Range(), "the width of a bitfield must be a constant above 0")
	case bits > min(most, 64):
		d.failf(m.Bits.Range(), "the type of the bitfield has %d bits only", min(most, 64))
	default:
		return int(bits), true
	}
	return 0, false
}

// unique reports names that a struct has twice, those of its anonymous members included.
func (d *definer) unique(seen map[string]bool, m *lang.MemberDefinition) {
	names := []string{m.Name}
	if m.Name == "" && m.Definition != nil {
		names = appendNames(nil, membersOf(d.shells[m.Definition]), 0)
	}
	for _, name := range names {
		if name != "" && seen[name] {
			d.failf(m.Span, "there are two members %s", name)
		}
		seen[name] = true
	}
}

func (l *layout) plain(name string, t btf.Type, size, align int) {
	l.align = max(l.align, align)
	l.add(name, t, roundUp(l.next(), uint64(align)*8), uint64(size)*8, 0)
}

func (l *layout) bitfield(name string, t btf.Type, width, align int) {
	start, unit, bits := l.next(), uint64(align)*8, uint64(width)
	switch {
	case width == 0:
		start = roundUp(start, unit)
	case !l.packed && start/unit != (start+bits-1)/unit:
		start = roundUp(start, unit)
	}
	if l.packed && width > 0 {
		align = 1
	}
	if name != "" || l.arm {
		l.align = max(l.align, align)
	}
	if name == "" {
		l.end = max(l.end, start+bits)
		return
	}
	l.add(name, t, start, bits, width)
}

// next returns where a member may begin.
func (l *layout) next() uint64 {
	if l.union {
		return 0
	}
	return l.end
}

func (l *layout) add(name string, t btf.Type, start, bits uint64, width int) {
	l.members = append(l.members, btf.Member{Name: name, Type: t, Offset: btf.Bits(start), BitfieldSize: btf.Bits(width)})
	l.end = max(l.end, start+bits)
}

func (l *layout) size() uint32 {
	return uint32(roundUp(l.end, uint64(l.align)*8) / 8)
}

func roundUp(n, to uint64) uint64 { return (n + to - 1) / to * to }

//go:noinline
func bare(t btf.Type) btf.Type {
	stripped, _ := strip(t)
	return stripped
}

// alignOf returns the alignment of a type in bytes.
func (d *definer) alignOf(t btf.Type, depth int) int {
	if n, known := d.script.aligns[t]; known || depth > maxDepth {
		return max(n, 1)
	}
	switch t := t.(type) {
	case *btf.Int:
		return int(max(t.Size, 1))
	case *btf.Float:
		return int(max(t.Size, 1))
	case *btf.Enum:
		return int(max(t.Size, 1))
	case *btf.Pointer:
		return 8
	case *btf.Array:
		return d.alignOf(t.Type, depth+1)
	case *btf.Typedef:
		return d.alignOf(t.Type, depth+1)
	case *btf.Struct:
		return d.alignOfKernels(t, t.Members, t.Size, depth)
	case *btf.Union:
		return d.alignOfKernels(t, t.Members, t.Size, depth)
	}
	if inner := bare(t); inner != nil && inner != t {
		return d.alignOf(inner, depth+1)
	}
	return 1
}

// alignOfKernels infers what BTF does not say: a struct is aligned as its members, unless
// their places or its size show that it is packed.
func (d *definer) alignOfKernels(t btf.Type, members []btf.Member, size uint32, depth int) int {
	d.script.aligns[t] = 1 // malformed BTF may contain itself
	most := 1
	for _, m := range members {
		align := d.alignOf(m.Type, depth+1)
		if m.BitfieldSize == 0 && int(m.Offset)%(align*8) != 0 {
			return 1
		}
		most = max(most, align)
	}
	if int(size)%most != 0 {
		most = 1
	}
	d.script.aligns[t] = most
	return most
}
