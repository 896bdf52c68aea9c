package target

import (
	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// maxDepth limits chains of typedefs, pointers and arrays; C code needs five, malformed
// BTF has cycles.
const maxDepth = 32

// convert describes a BTF type; nil stands for void and for what no value can have.
func convert(t btf.Type) *types.Type { return convertAt(t, 0) }

func convertAt(from btf.Type, depth int) *types.Type {
	t := bareType(from, depth)
	if t == nil {
		return nil
	}
	switch t.Kind {
	case types.Int, types.Bool, types.Enum, types.Pointer:
		t.Alias = alias(from)
	}
	return t
}

// alias is the typedef that a type is known by, or C's name of an integer; empty for
// others.
func alias(t btf.Type) string {
	t, _ = unqualified(t)
	switch t := t.(type) {
	case *btf.Typedef:
		return t.Name
	case *btf.Int:
		if t.Encoding == btf.Bool {
			return ""
		}
		return canonical(t.Name)
	}
	return ""
}

// unqualified removes qualifiers, and no typedef; constant tells whether const was among
// them.
func unqualified(t btf.Type) (bare btf.Type, constant bool) {
	for range maxDepth {
		switch q := t.(type) {
		case *btf.Const:
			t, constant = q.Type, true
		case *btf.Volatile:
			t = q.Type
		case *btf.Restrict:
			t = q.Type
		case *btf.TypeTag:
			t = q.Type
		default:
			return t, constant
		}
	}
	return nil, constant
}

// bareType converts a type without regard to its name.
func bareType(from btf.Type, depth int) *types.Type {
	t, _ := strip(from)
	if depth > maxDepth {
		return nil
	}
	switch t := t.(type) {
	case *btf.Int:
		return integer(t)
	case *btf.Float:
		return opaque(t.Name, int(t.Size))
	case *btf.Enum:
		return enum(t, nameOf(t, from))
	case *btf.Pointer:
		return pointer(t, depth+1)
	case *btf.Array:
		return array(t, depth+1)
	case *btf.Struct:
		return &types.Type{Kind: types.Struct, Name: nameOf(t, from), Size: int(t.Size), Origin: t}
	case *btf.Union:
		return &types.Type{Kind: types.Struct, Name: nameOf(t, from), Size: int(t.Size), Union: true, Origin: t}
	case *btf.Fwd:
		return &types.Type{Kind: types.Struct, Name: t.Name, Union: t.Kind == btf.FwdUnion, Origin: t}
	}
	return nil
}

// nameOf returns the tag, or else the typedef through which an untagged struct or enum is
// known (kuid_t).
func nameOf(bare, from btf.Type) string {
	for range maxDepth {
		d, ok := from.(*btf.Typedef)
		if !ok || bare.TypeName() != "" {
			break
		}
		if from = d.Type; from == bare {
			return d.Name
		}
	}
	return bare.TypeName()
}

// strip removes typedefs and qualifiers; user tells whether a __user tag was among them.
//
//go:noinline
func strip(t btf.Type) (bare btf.Type, user bool) {
	for range maxDepth {
		switch q := t.(type) {
		case *btf.Typedef:
			t = q.Type
		case *btf.Const:
			t = q.Type
		case *btf.Volatile:
			t = q.Type
		case *btf.Restrict:
			t = q.Type
		case *btf.TypeTag:
			user = user || q.Value == "user"
			t = q.Type
		default:
			return t, user
		}
	}
	return nil, user
}

func integer(t *btf.Int) *types.Type {
	switch {
	case t.Size > 8:
		return opaque(t.Name, int(t.Size))
	case t.Encoding == btf.Bool:
		return &types.Type{Kind: types.Bool, Size: int(t.Size)}
	}
	// BTF of the kernel marks char neither way; scripts expect C's usual one.
	return types.NewInt(int(t.Size), t.Encoding == btf.Signed || t.Name == "char")
}

func enum(t *btf.Enum, name string) *types.Type {
	values := make([]types.EnumValue, len(t.Values))
	for i, v := range t.Values {
		values[i] = types.EnumValue{Name: v.Name, Value: int64(v.Value)}
	}
	return &types.Type{Kind: types.Enum, Name: name, Size: int(t.Size), Signed: t.Signed, Values: values}
}

// opaque describes a value that nothing but its size is known of: floats, 128-bit
// integers.
func opaque(name string, size int) *types.Type {
	return &types.Type{Kind: types.Struct, Name: name, Size: size}
}

func pointer(t *btf.Pointer, depth int) *types.Type {
	p := types.NewPointer(convertAt(t.Target, depth))
	_, p.User = strip(t.Target)
	_, p.Const = unqualified(t.Target)
	return p
}

func array(t *btf.Array, depth int) *types.Type {
	if isChar(t.Type) && t.Nelems > 0 {
		return types.NewString(int(t.Nelems))
	}
	elem := convertAt(t.Type, depth)
	if elem == nil {
		return nil
	}
	return &types.Type{Kind: types.Array, Elem: elem, Count: int(t.Nelems), Size: elem.Size * int(t.Nelems)}
}

// isChar tells text from arrays of small numbers: only the type spelt char counts, not u8
// or unsigned char.
func isChar(t btf.Type) bool {
	bare, _ := strip(t)
	i, ok := bare.(*btf.Int)
	return ok && i.Size == 1 && i.Name == "char"
}
