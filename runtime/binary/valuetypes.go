package binary

import (
	"debug/dwarf"
	"slices"
	"strings"
	"unicode"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
)

const (
	// maxTypes is how many types may be made of one another.
	maxTypes = 32
	// maxValue is the size in bytes of the largest type; larger ones have no use.
	maxValue = 1 << 30
	// maxEnumerators is how many constants of an enumeration have names.
	maxEnumerators = 1 << 12
	// maxLabel bounds the names of what is described.
	maxLabel = 1 << 10
	// maxDimensions is that of an array.
	maxDimensions = 8
)

// The encodings of basic types: DWARF 5, section 7.8.
const (
	encodingBool         = 2
	encodingComplex      = 3 // a pair of floating point numbers
	encodingFloat        = 4
	encodingSigned       = 5
	encodingSignedChar   = 6
	encodingUnsignedChar = 8
	encodingUTF          = 0x10
)

// valueType returns the type that an attribute refers to. It is nil for void, and for
// types that no value can have.
func (u *unit) valueType(e *entry) *types.Type {
	to, described, ok := u.refer(e, dwarf.AttrType)
	if !ok {
		return nil
	}
	return to.convert(&described, maxTypes)
}

// convert makes a type of an entry. Each step inwards takes one of left.
func (u *unit) convert(e *entry, left int) *types.Type {
	if left == 0 {
		return nil
	}
	if to, whole, ok := u.refer(e, dwarf.AttrSignature); ok {
		return to.convert(&whole, left-1)
	}
	size := int(min(uint64(max(u.sizeOf(e), 0)), maxValue))
	switch e.tag {
	case dwarf.TagBaseType:
		return u.basic(e, size)
	case dwarf.TagPointerType, dwarf.TagReferenceType, dwarf.TagRvalueReferenceType:
		return u.pointer(e, left-1)
	case dwarf.TagUnspecifiedType:
		return u.unspecified(e)
	case dwarf.TagTypedef:
		return u.typedef(e, left-1)
	case dwarf.TagConstType, dwarf.TagVolatileType, dwarf.TagRestrictType, dwarf.TagAtomicType:
		return u.inner(e, left-1)
	case dwarf.TagStructType, dwarf.TagClassType, dwarf.TagUnionType:
		return u.structType(e, size)
	case dwarf.TagEnumerationType:
		return u.enumType(e, size, left-1)
	case dwarf.TagArrayType:
		return u.arrayType(e, size, left-1)
	case dwarf.TagSubroutineType:
		if u.root.place(dwarf.AttrLanguage) == languageGo {
			return u.pointer(&entry{}, 0) // what Go calls a function is the address of one
		}
	case dwarf.TagPtrToMemberType:
		return types.NewArray(types.Uint64, max(size, u.address)/8)
	}
	return nil
}

// label is the name of a type, member or argument, for people to read: it is cut, and has
// nothing that a terminal would obey. As it is kept, each byte counts as work: thousands
// of constants may have one long name.
func (u *unit) label(e *entry) string {
	name := u.text(e, dwarf.AttrName)
	if u.pages.step(len(name)) != nil {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, name[:min(len(name), maxLabel)])
}

func (u *unit) sizeOf(e *entry) int64 {
	size, _ := u.number(e, dwarf.AttrByteSize)
	return size
}

func (u *unit) inner(e *entry, left int) *types.Type {
	to, described, ok := u.refer(e, dwarf.AttrType)
	if !ok {
		return nil
	}
	return to.convert(&described, left)
}

func (u *unit) basic(e *entry, size int) *types.Type {
	name := u.label(e)
	encoding, _ := u.number(e, dwarf.AttrEncoding)
	switch {
	case encoding == encodingFloat, encoding == encodingComplex:
		return u.floating(name, size, encoding == encodingComplex)
	case size > 8:
		return &types.Type{Kind: types.Struct, Name: wideName(encoding), Size: size}
	case size == 0 || size&(size-1) != 0:
		return &types.Type{Kind: types.Struct, Name: name, Size: size}
	case encoding == encodingBool && size == 1:
		return &types.Type{Kind: types.Bool, Size: 1}
	}
	signed := encoding == encodingSigned || encoding == encodingSignedChar
	t := types.NewInt(size, signed)
	if t.Alias = target.IntegerName(name); t.Alias == "char" && size > 1 { // of Rust
		t.Alias = ""
	}
	return t
}

func wideName(encoding int64) string {
	if encoding == encodingSigned {
		return "__int128"
	}
	return "unsigned __int128"
}

// floating describes what nothing computes with.
func (u *unit) floating(name string, size int, pair bool) *types.Type {
	t := &types.Type{Kind: types.Struct, Name: name, Size: size, Origin: target.InVectorRegister}
	switch {
	case pair:
		return types.NewArray(u.floating("", size/2, false), 2)
	case size == 4:
		t.Name = "float"
	case size == 8:
		t.Name = "double"
	case name == "long double":
		if u.arch == "x86_64" {
			t.Origin = target.OnStack
		}
	}
	return t
}

// unspecified is void under another name, but for nullptr_t of C++.
func (u *unit) unspecified(e *entry) *types.Type {
	if !strings.Contains(u.label(e), "nullptr") {
		return nil
	}
	p := types.NewPointer(nil)
	p.User = true
	return p
}

func (u *unit) pointer(e *entry, left int) *types.Type {
	p := types.NewPointer(nil)
	p.User = true
	to, described, ok := u.refer(e, dwarf.AttrType)
	if !ok {
		return p
	}
	p.Const = to.constant(&described)
	p.Elem = to.convert(&described, left)
	return p
}

// constant reports whether const is among the qualifiers of a type.
func (u *unit) constant(e *entry) bool {
	for range maxTypes {
		switch e.tag {
		case dwarf.TagConstType:
			return true
		case dwarf.TagVolatileType, dwarf.TagRestrictType, dwarf.TagAtomicType:
		default:
			return false
		}
		to, described, ok := u.refer(e, dwarf.AttrType)
		if !ok {
			return false
		}
		u, e = to, &described
	}
	return false
}

// typedef gives another name to what is known by its kind, and one to a struct or
// enumeration that has none.
func (u *unit) typedef(e *entry, left int) *types.Type {
	t := u.inner(e, left)
	if t == nil {
		return nil
	}
	name := u.label(e)
	switch t.Kind {
	case types.Int, types.Bool, types.Pointer:
		t.Alias = name
	case types.Enum:
		if t.Name == "" {
			t.Name = name
		}
		t.Alias = name
	case types.Struct:
		if t.Name == "" {
			t.Name = name
		}
	}
	return t
}

func (u *unit) structType(e *entry, size int) *types.Type {
	return &types.Type{
		Kind: types.Struct, Name: u.label(e), Size: size,
		Union: e.tag == dwarf.TagUnionType, Origin: composite{u.file, u.start, e.at, u.shared},
	}
}

func (u *unit) enumType(e *entry, size, left int) *types.Type {
	t := &types.Type{Kind: types.Enum, Name: u.label(e), Size: size}
	if inner := u.inner(e, left); inner != nil {
		t.Signed = inner.Signed
		if size == 0 {
			t.Size = inner.Size
		}
	}
	u.eachChild(e, func(child *entry) bool {
		if child.tag != dwarf.TagEnumerator {
			return true
		}
		value, known := u.number(child, dwarf.AttrConstValue)
		if known {
			t.Values = append(t.Values, types.EnumValue{Name: u.label(child), Value: value})
		}
		t.Signed = t.Signed || value < 0
		return len(t.Values) < maxEnumerators
	})
	if t.Size <= 0 || t.Size > 8 || t.Size&(t.Size-1) != 0 { // no number holds it
		return nil
	}
	return t
}

// arrayType: each dimension is a child. An array of characters is a text.
func (u *unit) arrayType(e *entry, size, left int) *types.Type {
	elem := u.inner(e, left)
	if elem == nil {
		return nil
	}
	var counts []int
	u.eachChild(e, func(child *entry) bool {
		if child.tag == dwarf.TagSubrangeType {
			counts = append(counts, u.count(child))
		}
		return len(counts) < maxDimensions
	})
	if _, vector := e.get(attributeVector); vector {
		return vectorType(elem, counts, size)
	}
	for _, count := range slices.Backward(counts) {
		if elem.Size > 0 && count > maxValue/elem.Size {
			return nil
		}
		if elem.Size == 0 { // so many as one likes would take no memory before they are printed
			count = 0
		}
		if elem.Kind == types.Int && elem.Size == 1 && elem.Alias == "char" && count > 0 {
			elem = types.NewString(count)
		} else {
			elem = types.NewArray(elem, count)
		}
	}
	return elem
}

// attributeVector marks arrays that are held in a register for vectors.
const attributeVector = 0x2107

func vectorType(elem *types.Type, counts []int, size int) *types.Type {
	if size == 0 && len(counts) == 1 && counts[0] <= maxValue/max(elem.Size, 1) {
		size = elem.Size * counts[0]
	}
	return &types.Type{Kind: types.Struct, Name: "vector", Size: size, Origin: target.InVectorRegister}
}

// count is the number of elements of a dimension, 0 where it is not known.
func (u *unit) count(e *entry) int {
	n, known := u.number(e, dwarf.AttrCount)
	if !known {
		last, bounded := u.number(e, dwarf.AttrUpperBound)
		if !bounded {
			return 0
		}
		first, _ := u.number(e, dwarf.AttrLowerBound)
		n = last - first + 1
	}
	if n < 0 || n > maxValue {
		return 0
	}
	return int(n)
}

// eachChild visits the children of an entry, but not theirs, until visit returns false.
func (u *unit) eachChild(e *entry, visit func(child *entry) bool) error {
	if !e.children {
		return nil
	}
	c := u.info.from(e.at)
	if _, err := u.next(&c); err != nil {
		return err
	}
	for depth := 0; depth < maxDepth; {
		child, err := u.next(&c)
		switch {
		case err != nil:
			return err
		case child.tag == 0 && depth == 0:
			return nil
		case child.tag == 0:
			depth--
			continue
		case depth == 0 && !visit(&child):
			return nil
		}
		if child.children && !u.skipChildren(&c, &child, false) {
			depth++
		}
	}
	return errForm
}
