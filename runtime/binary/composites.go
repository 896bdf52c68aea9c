package binary

import (
	"debug/dwarf"
	"errors"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// maxMembers is how many members of one struct are read.
const maxMembers = 1 << 13

var errNoStruct = errors.New("the debug information of the struct is damaged")

// composite is where a struct is described: in a unit of the debug information of a file.
type composite struct {
	file     *File
	unit, at uint64
	common   bool // in what the debug file shares with others
}

var _ target.Composite = composite{}

// entry reads the description.
func (c composite) entry() (*unit, entry, error) {
	info, err := c.file.debugFile().debugInfo()
	if err != nil {
		return nil, entry{}, err
	}
	if c.common {
		if info = info.common(); info == nil {
			return nil, entry{}, errNoStruct
		}
	}
	u, err := info.unitAt(c.unit)
	if err != nil {
		return nil, entry{}, err
	}
	at := u.info.from(c.at)
	e, err := u.next(&at)
	if err == nil && e.tag == 0 {
		err = errNoStruct
	}
	return u, e, err
}

// knownStructs are those whose members were read. What all of that may cost together is
// bounded: a file can have structs without end inside of one another.
type knownStructs struct {
	members map[composite][]target.Member
	count   int // of members
	steps   int // spent
}

const (
	// maxKnown is how many members are kept.
	maxKnown = 1 << 16
	// maxStructs is how many questions the members of all structs may cost.
	maxStructs = 4
)

// Members returns the members of the struct, its bases among them.
func (c composite) Members() ([]target.Member, error) {
	return ask(c.file, func() ([]target.Member, error) {
		known := &c.file.structs
		if list, ok := known.members[c]; ok {
			return list, nil
		}
		if known.steps > maxStructs*c.file.most {
			return nil, errSteps
		}
		before := *c.file.pages.steps
		list, err := c.read()
		known.steps += before - *c.file.pages.steps
		if err == nil {
			known.keep(c, list)
		}
		return list, err
	})
}

func (k *knownStructs) keep(c composite, list []target.Member) {
	if k.members == nil || k.count > maxKnown {
		k.members, k.count = map[composite][]target.Member{}, 0
	}
	k.members[c] = list
	k.count += 1 + len(list)
}

func (c composite) read() (list []target.Member, err error) {
	u, e, err := c.entry()
	if err != nil {
		return nil, err
	}
	err = u.eachChild(&e, func(child *entry) bool {
		list = u.appendMembers(list, child, 0)
		return len(list) < maxMembers
	})
	if err == nil {
		err = u.pages.step(1) // what was not looked at for want of time is missing
	}
	return list, err
}

// appendMembers adds what a child of a struct is: a member, a base, or what Rust has for
// the variants of an enumeration.
func (u *unit) appendMembers(list []target.Member, e *entry, depth int) []target.Member {
	switch e.tag {
	case dwarf.TagMember, dwarf.TagInheritance, dwarf.TagVariable:
		return append(list, u.member(e))
	case dwarf.TagVariantPart, dwarf.TagVariant:
		if depth > maxTypes {
			return list
		}
		u.eachChild(e, func(child *entry) bool {
			list = u.appendMembers(list, child, depth+1)
			return len(list) < maxMembers
		})
	}
	return list
}

// discriminant is what the number that tells the variants of an enumeration of Rust apart
// is called here: it has no name.
const discriminant = "discriminant"

func (u *unit) member(e *entry) target.Member {
	m := target.Member{Name: u.label(e), Type: u.valueType(e)}
	if e.place(dwarf.AttrArtificial) != 0 && m.Name == "" {
		m.Name = discriminant
	}
	static := e.tag == dwarf.TagVariable || e.place(dwarf.AttrExternal) != 0
	switch {
	case static:
		m.Missing = "is static: no object has it"
	case e.tag == dwarf.TagInheritance && e.place(dwarf.AttrVirtuality) != 0:
		m.Missing = "is in a virtual base class, whose place only the program finds out"
	case m.Type == nil:
		m.Missing = "has a type that no value can have"
	default:
		u.placeMember(e, &m)
	}
	return m
}

// placeMember finds where a member is: in bytes, and in bits if it is a bitfield. Before
// version 4 bits were counted from the most significant of a unit.
func (u *unit) placeMember(e *entry, m *target.Member) {
	place, ok := u.memberPlace(e)
	bits, isBits := u.number(e, dwarf.AttrBitSize)
	if !isBits {
		if !ok || place < 0 || place > maxValue {
			m.Missing = "is at a place that the debug information does not tell"
			return
		}
		m.Offset = int(place)
		return
	}
	first, known := u.number(e, dwarf.AttrDataBitOffset)
	if !known {
		unit := u.sizeOf(e)
		if unit == 0 {
			unit = int64(m.Type.Size)
		}
		high, _ := u.number(e, dwarf.AttrBitOffset)
		first = place*8 + unit*8 - high - bits
	}
	if first < 0 || first > maxValue || bits <= 0 || bits > 64 || m.Type.Size == 0 {
		m.Missing = "is a bitfield that no number holds"
		return
	}
	m.BitSize = int(bits)
	m.Offset, m.BitOffset = target.BitfieldUnit(m.Type.Size, int(first), int(bits))
}

// memberPlace is a number, or an expression that adds one.
func (u *unit) memberPlace(e *entry) (int64, bool) {
	if n, ok := u.number(e, dwarf.AttrDataMemberLoc); ok {
		return n, true
	}
	a, ok := e.get(dwarf.AttrDataMemberLoc)
	if !ok {
		return 0, true
	}
	c, end, ok := u.block(a)
	if !ok || c.u8() != opPlusUconst {
		return 0, false
	}
	n := c.uleb()
	return int64(n), c.err == nil && c.at == end
}

// Definition looks for the struct that a declaration names.
func (c composite) Definition() (*types.Type, bool) {
	t, err := ask(c.file, func() (*types.Type, error) {
		u, e, err := c.entry()
		if err != nil || e.place(dwarf.AttrDeclaration) == 0 {
			return nil, err
		}
		return u.search(definingTags(e.tag), u.text(&e, dwarf.AttrName))
	})
	return t, err == nil && t != nil
}

// definingTags: a class may be declared as a struct.
func definingTags(declared dwarf.Tag) []dwarf.Tag {
	if declared == dwarf.TagClassType || declared == dwarf.TagStructType {
		return []dwarf.Tag{dwarf.TagStructType, dwarf.TagClassType}
	}
	return []dwarf.Tag{declared}
}
