package binary

import (
	"debug/dwarf"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// maxTypes is how many types may be made of one another.
const maxTypes = 32

// The encodings of basic types: DWARF 5, section 7.8.
const (
	encodingBool       = 2
	encodingFloat      = 4
	encodingSigned     = 5
	encodingSignedChar = 6
)

// describe returns a type as one writes it, and what its values are. Names of types hide
// what they are made of in the text, and in nothing else.
func (u *unit) describe(e entry) (text string, kind target.ArgumentKind, size int) {
	suffix := ""
	for range maxTypes {
		wrapped := wrap(&e)
		name := ""
		if wrapped != nothing {
			name = u.text(&e, dwarf.AttrName)
		}
		if text == "" && name != "" {
			text = u.prefix(e.tag) + name + suffix
		}
		switch wrapped {
		case pointer:
			if suffix = "*" + suffix; kind == target.Unknown {
				kind, size = target.Pointer, u.address
			}
		case value:
			if kind == target.Unknown {
				kind, size = kindOf(&e), int(min(e.place(dwarf.AttrByteSize), 1<<30))
			}
		}
		to, inner, ok := u.refer(&e, dwarf.AttrType)
		if text != "" && kind != target.Unknown || wrapped == value || !ok {
			break
		}
		u, e = to, inner
	}
	if text == "" && suffix != "" {
		text = "void" + suffix
	}
	return spaced(text), kind, size
}

// wrapping is what a type does to the one inside of it.
type wrapping int

const (
	nothing wrapping = iota // const, volatile
	named                   // another name
	pointer
	value // it has none inside that matters
)

func wrap(e *entry) wrapping {
	switch e.tag {
	case dwarf.TagPointerType, dwarf.TagReferenceType, dwarf.TagRvalueReferenceType:
		return pointer
	case dwarf.TagTypedef:
		return named
	case dwarf.TagEnumerationType:
		if _, ok := e.get(dwarf.AttrType); ok {
			return named
		}
	case dwarf.TagConstType, dwarf.TagVolatileType, dwarf.TagRestrictType, dwarf.TagAtomicType:
		return nothing
	}
	return value
}

// cLanguages are the versions of C: in it the names of structs need a word before them.
// DWARF 5, section 7.12, and the numbers that were assigned later.
var cLanguages = []uint64{0x01, 0x02, 0x0c, 0x1d, 0x2c, 0x3e}

func (u *unit) prefix(tag dwarf.Tag) string {
	if !slices.Contains(cLanguages, u.root.place(dwarf.AttrLanguage)) {
		return ""
	}
	switch tag {
	case dwarf.TagStructType:
		return "struct "
	case dwarf.TagUnionType:
		return "union "
	case dwarf.TagEnumerationType:
		return "enum "
	}
	return ""
}

func kindOf(e *entry) target.ArgumentKind {
	switch e.tag {
	case dwarf.TagEnumerationType:
		return target.Unsigned
	case dwarf.TagBaseType:
		switch e.place(dwarf.AttrEncoding) {
		case encodingBool:
			return target.Bool
		case encodingFloat:
			return target.Float
		case encodingSigned, encodingSignedChar:
			return target.Signed
		}
		return target.Unsigned
	case dwarf.TagStructType, dwarf.TagUnionType, dwarf.TagClassType, dwarf.TagArrayType:
		return target.Memory
	}
	return target.Unknown
}

// spaced sets a blank before the stars of a pointer.
func spaced(text string) string {
	for i := range text {
		if text[i] == '*' && i > 0 && text[i-1] != ' ' && text[i-1] != '*' {
			return text[:i] + " " + text[i:]
		}
	}
	return text
}
