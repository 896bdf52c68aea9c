package target

import (
	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// Member is a field of a struct or union.
type Member struct {
	Name   string
	Type   *types.Type
	Offset int // bytes from the start of the struct
	// BitSize is 0 unless the member is a bitfield. The unit to load is Type.Size bytes
	// at Offset; the field is its BitSize bits from BitOffset on, counted from the least
	// significant.
	BitOffset, BitSize int
	// Missing says why a member of a program's struct cannot be read; Type may be nil
	// then.
	Missing string
}

// Member finds a field by name, through members that are anonymous structs and unions.
func (t *Target) Member(of *types.Type, name string) (Member, bool) {
	if name == "" {
		return Member{}, false
	}
	if composite := compositeOf(of); composite != nil {
		return compositeMember(composite, name)
	}
	m, ok := findMember(t.members(of), name, 0, 0)
	if !ok {
		return Member{}, false
	}
	return place(m)
}

// MemberNames returns the names that Member finds, in the order of declaration.
func (t *Target) MemberNames(of *types.Type) []string {
	if composite := compositeOf(of); composite != nil {
		var names []string
		for _, m := range compositeMembers(composite) {
			names = append(names, m.Name)
		}
		return names
	}
	return appendNames(nil, t.members(of), 0)
}

// members returns those of a struct; a declaration without a body is looked up by its
// name.
func (t *Target) members(of *types.Type) []btf.Member {
	if of == nil || of.Kind != types.Struct {
		return nil
	}
	switch origin := of.Origin.(type) {
	case *btf.Struct:
		return origin.Members
	case *btf.Union:
		return origin.Members
	}
	return t.definition(of)
}

// Whole returns a pointer to the definition of the struct that is only named behind it,
// as it is in formats of tracepoints and in declarations without a body; any other type
// as it is.
func (t *Target) Whole(of *types.Type) *types.Type {
	if of.Kind != types.Pointer || of.Elem == nil || of.Elem.Kind != types.Struct || of.Elem.Size > 0 || of.Elem.Name == "" {
		return of
	}
	definition, ok := t.whole(of.Elem)
	if !ok {
		return of
	}
	pointer := *of
	pointer.Elem = definition
	return &pointer
}

func (t *Target) whole(of *types.Type) (*types.Type, bool) {
	switch composite := compositeOf(of); {
	case composite != nil:
		return composite.Definition()
	case of.Union:
		return t.Struct("union", of.Name)
	}
	return t.Struct("struct", of.Name)
}

func (t *Target) definition(of *types.Type) []btf.Member {
	tag := "struct"
	if of.Union {
		tag = "union"
	}
	return membersOf(t.find(tag, of.Name))
}

// membersOf returns the members of a BTF struct or union, nil for all else.
func membersOf(t any) []btf.Member {
	switch t := t.(type) {
	case *btf.Struct:
		return t.Members
	case *btf.Union:
		return t.Members
	}
	return nil
}

// findMember searches the members whose struct starts at base bits.
func findMember(members []btf.Member, name string, base btf.Bits, depth int) (btf.Member, bool) {
	for _, m := range members {
		m.Offset += base
		if m.Name == name {
			return m, true
		}
		if m.Name != "" || depth > maxDepth {
			continue
		}
		bare, _ := strip(m.Type)
		if inner, ok := findMember(membersOf(bare), name, m.Offset, depth+1); ok {
			return inner, true
		}
	}
	return btf.Member{}, false
}

func appendNames(names []string, members []btf.Member, depth int) []string {
	for _, m := range members {
		if m.Name != "" {
			names = append(names, m.Name)
		} else if depth <= maxDepth {
			bare, _ := strip(m.Type)
			names = appendNames(names, membersOf(bare), depth+1)
		}
	}
	return names
}

// place turns bits into a unit to load: the aligned one of the declared type that holds
// them whole. In packed structs there may be none; then the bits are counted from the
// byte that has the first.
func place(m btf.Member) (Member, bool) {
	converted := convert(m.Type)
	if converted == nil {
		return Member{}, false
	}
	placed := Member{Name: m.Name, Type: converted, Offset: int(m.Offset / 8)}
	if m.BitfieldSize == 0 {
		return placed, true
	}
	placed.BitSize = int(m.BitfieldSize)
	unit := max(converted.Size, 1)
	placed.Offset, placed.BitOffset = BitfieldUnit(unit, int(m.Offset), placed.BitSize)
	return placed, true
}
