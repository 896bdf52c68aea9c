package binary

import (
	"debug/dwarf"
	"slices"
	"strings"
)

// cppLanguages are the versions of C++ (DWARF 5, section 7.12, and the numbers that were
// assigned later).
var cppLanguages = []uint64{0x04, 0x1a, 0x21, 0x2b, 0x3a, 0x41}

// The values of attributes of classes: DWARF 5, sections 7.15 and 7.32.
const (
	passByReference = 4
	defaultedHere   = 1
	attributeNoCopy = 0x8a // a function that is deleted
	attributeUsual  = 0x8b // one that is the compiler's
)

// copied reports a class of C++ whose values are passed by their address, because a
// function has to copy or to end them. clang writes that down; of what gcc writes it
// follows from the destructor, the constructors that copy or move, virtual functions and
// bases, and the same of its parts.
func (u *unit) copied(e *entry, left int) (found bool) {
	if convention, known := u.number(e, dwarf.AttrCalling); known {
		return convention == passByReference
	}
	if left == 0 || !slices.Contains(cppLanguages, u.root.place(dwarf.AttrLanguage)) || !class(e) {
		return false
	}
	name, _, _ := strings.Cut(u.text(e, dwarf.AttrName), "<")
	u.eachChild(e, func(child *entry) bool {
		switch child.tag {
		case dwarf.TagInheritance:
			found = child.place(dwarf.AttrVirtuality) != 0 || u.copiedPart(child, left-1)
		case dwarf.TagMember:
			found = child.place(dwarf.AttrExternal) == 0 && u.copiedPart(child, left-1)
		case dwarf.TagSubprogram:
			found = u.copies(child, e, name)
		}
		return !found
	})
	return found
}

func class(e *entry) bool {
	switch e.tag {
	case dwarf.TagStructType, dwarf.TagClassType, dwarf.TagUnionType:
		return true
	}
	return false
}

// copiedPart looks at the type of a member or base, through names and arrays.
func (u *unit) copiedPart(e *entry, left int) bool {
	to, part, ok := u.refer(e, dwarf.AttrType)
	for range maxTypes {
		switch {
		case !ok:
			return false
		case class(&part):
			return to.copied(&part, left)
		case part.tag == dwarf.TagPointerType || part.tag == dwarf.TagBaseType:
			return false
		}
		to, part, ok = to.refer(&part, dwarf.AttrType)
	}
	return false
}

// copies reports a member function that makes copying more than moving bytes.
func (u *unit) copies(e, of *entry, class string) bool {
	name := u.text(e, dwarf.AttrName)
	own := e.place(attributeUsual) != defaultedHere && e.place(attributeNoCopy) == 0 &&
		e.place(dwarf.AttrArtificial) == 0
	switch {
	case e.place(dwarf.AttrVirtuality) != 0:
		return true
	case strings.HasPrefix(name, "~"):
		return own
	}
	return own && name == class && u.takesOwn(e, of)
}

// takesOwn reports a constructor whose only argument is a reference to its own class.
func (u *unit) takesOwn(e, of *entry) bool {
	count, own := 0, false
	u.eachChild(e, func(child *entry) bool {
		if child.tag != dwarf.TagFormalParameter {
			return true
		}
		if count++; count == 2 {
			own = u.refersTo(child, of)
		}
		return count < 3
	})
	return count == 2 && own
}

func (u *unit) refersTo(e, of *entry) bool {
	to, t, ok := u.refer(e, dwarf.AttrType)
	if !ok || t.tag != dwarf.TagReferenceType && t.tag != dwarf.TagRvalueReferenceType {
		return false
	}
	to, t, ok = to.refer(&t, dwarf.AttrType)
	if ok && t.tag == dwarf.TagConstType {
		_, t, ok = to.refer(&t, dwarf.AttrType)
	}
	return ok && t.at == of.at
}
