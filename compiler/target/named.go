package target

import (
	"fmt"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// UnknownType is the error for a name that neither the script nor the kernel has a type
// for.
type UnknownType struct {
	Name    string   // with its tag, as in "struct request"
	Nearest []string // names without their tags
	// Tag is what to write before the name: set when there is a struct, union or enum of
	// it.
	Tag string
}

func (e *UnknownType) Error() string { return "there is no type " + e.Name }

// Hint suggests what may be meant; it is empty when nothing is near.
func (e *UnknownType) Hint() string {
	if e.Tag != "" {
		return "write " + e.Tag + " " + e.Name
	}
	return suggestion(e.Nearest)
}

// scriptTypes are the names of the language's own types, beyond those of C. What follows
// "string" and "buffer" in brackets is their size.
var scriptTypes = map[string]*types.Type{
	"timestamp": {Kind: types.Timestamp, Size: 8}, "strerror_t": types.ErrorNumber, "username_t": types.UserID,
	"cgroup_path_t": {Kind: types.CgroupPath, Size: 8}, "ksym_t": types.Symbol, "usym_t": types.UserAddress,
	"inet": types.IPAddress, "macaddr_t": types.MAC,
}

// Named returns the type that is written, of the script, of C or of the kernel: `uint64`,
// `struct request *`, `uint8[4]` (an array), `char[16]` and `string[64]` (strings), `void
// **`. A string or buffer without a size has Size 0, an array without one Count 0. The
// error is an *UnknownType when there is none of the name. A type that is written as
// typeof(e) is not for here.
func (t *Target) Named(name *lang.TypeName) (*types.Type, error) {
	if name.Tag == "" && name.Pointers == 0 && t.script.named("typedef", name.Name) == nil {
		if own := scriptType(name); own != nil {
			return own, nil
		}
	}
	found := t.find(name.Tag, name.Name)
	if found == nil {
		return nil, t.unknown(name)
	}
	for range name.Pointers {
		found = &btf.Pointer{Target: found}
	}
	if name.Array >= 0 {
		return arrayNamed(found, name)
	}
	if _, void := found.(*btf.Void); void {
		return types.NoValue, nil
	}
	return converted(found, name)
}

// NamedIn is Named where a program has types of its own: they come behind those of the
// script and of C, and before the kernel's.
func (t *Target) NamedIn(program TypeNames, name *lang.TypeName) (*types.Type, error) {
	own := t.script.named(name.Tag, name.Name) != nil
	plain := name.Tag == "" && (t.script.named("typedef", name.Name) != nil || scriptType(name) != nil || cType(name.Name) != nil)
	if program == nil || own || plain || name.Name == "string" || name.Name == "buffer" {
		return t.Named(name)
	}
	found := program.Named(name.Tag, name.Name)
	if found == nil {
		return t.Named(name)
	}
	for range name.Pointers {
		found = types.NewPointer(found)
		found.User = true
	}
	if name.Array < 0 {
		return found, nil
	}
	if int64(found.Size)*int64(name.Array) > maxTypeSize {
		return nil, fmt.Errorf("%s has more than %d bytes", name.Span.Text(), maxTypeSize)
	}
	if found.Kind == types.Int && found.Size == 1 && found.Alias == "char" {
		return types.NewString(name.Array), nil
	}
	return types.NewArray(found, name.Array), nil
}

// scriptType returns a type that only the language has.
func scriptType(name *lang.TypeName) *types.Type {
	switch {
	case name.Name == "string":
		return types.NewString(max(name.Array, 0))
	case name.Name == "buffer" && name.Array > 0:
		return &types.Type{Kind: types.Buffer, Size: 4 + name.Array}
	case name.Name == "buffer":
		return &types.Type{Kind: types.Buffer}
	case name.Array >= 0:
		return nil
	}
	return scriptTypes[name.Name]
}

func arrayNamed(elem btf.Type, name *lang.TypeName) (*types.Type, error) {
	one, err := converted(elem, name)
	if err != nil {
		return nil, err
	}
	if int64(one.Size)*int64(name.Array) > maxTypeSize {
		return nil, fmt.Errorf("%s has more than %d bytes", name.Span.Text(), maxTypeSize)
	}
	return converted(&btf.Array{Type: elem, Nelems: uint32(name.Array)}, name)
}

// converted fails on what no value can have: arrays of void, typedefs of functions.
func converted(t btf.Type, name *lang.TypeName) (*types.Type, error) {
	if converted := convert(t); converted != nil {
		return converted, nil
	}
	return nil, fmt.Errorf("no value can have the type %s", name.Span.Text())
}

func (t *Target) unknown(name *lang.TypeName) *UnknownType {
	if name.Tag != "" {
		return &UnknownType{Name: name.Tag + " " + name.Name, Nearest: t.NearestType(name.Name)}
	}
	unknown := &UnknownType{Name: name.Name}
	for _, tag := range []string{"struct", "union", "enum"} {
		if t.find(tag, name.Name) != nil {
			unknown.Tag = tag
			return unknown
		}
	}
	unknown.Nearest = t.NearestType(name.Name)
	return unknown
}
