package target

import (
	"strings"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// Struct finds a type by name. The tag is "struct", "union", "enum", or empty for a typedef or a C integer type.
func (t *Target) Struct(tag, name string) (*types.Type, bool) {
	if tag != "" {
		return t.tagged(tag, name)
	}
	name = strings.Join(strings.Fields(name), " ")
	if builtin, ok := cTypes[name]; ok {
		return builtin, true
	}
	if canonical, ok := integerName(name); ok {
		return cTypes[canonical], true
	}
	return t.typedef(name)
}

func (t *Target) tagged(tag, name string) (*types.Type, bool) {
	var found btf.Type
	t.eachNamed(name, func(candidate btf.Type) bool {
		if tagOf(candidate) != tag {
			return true
		}
		found = candidate
		return false
	})
	converted := convert(found)
	return converted, converted != nil
}

func (t *Target) typedef(name string) (*types.Type, bool) {
	var found btf.Type
	t.eachNamed(name, func(candidate btf.Type) bool {
		switch candidate.(type) {
		case *btf.Typedef, *btf.Int, *btf.Float:
			found = candidate
			return false
		}
		return true
	})
	converted := convert(found)
	return converted, converted != nil
}

// eachNamed calls visit for the types of vmlinux with the name until it returns false.
func (t *Target) eachNamed(name string, visit func(btf.Type) bool) {
	spec := t.spec()
	if spec == nil || name == "" {
		return
	}
	candidates, err := spec.AnyTypesByName(name)
	if err != nil {
		return
	}
	for _, candidate := range candidates {
		if !visit(candidate) {
			return
		}
	}
}

// tagOf returns the C keyword that names of the type's kind follow.
func tagOf(t btf.Type) string {
	switch t.(type) {
	case *btf.Struct:
		return "struct"
	case *btf.Union:
		return "union"
	case *btf.Enum:
		return "enum"
	}
	return ""
}

var (
	int8Type   = types.NewInt(1, true)
	int16Type  = types.NewInt(2, true)
	uint8Type  = types.NewInt(1, false)
	uint16Type = types.NewInt(2, false)
)

// cTypes are the names that need no BTF: C's own in their shortest spelling, and those of fixed size.
var cTypes = map[string]*types.Type{
	"void": types.NoValue, "bool": types.Boolean, "_Bool": types.Boolean,

	"char": int8Type, "signed char": int8Type, "short": int16Type, "int": types.Int32, "long": types.Int64,
	"unsigned char": uint8Type, "unsigned short": uint16Type, "unsigned int": types.Uint32, "unsigned long": types.Uint64,

	"int8": int8Type, "int16": int16Type, "int32": types.Int32, "int64": types.Int64,
	"uint8": uint8Type, "uint16": uint16Type, "uint32": types.Uint32, "uint64": types.Uint64,
	"int8_t": int8Type, "int16_t": int16Type, "int32_t": types.Int32, "int64_t": types.Int64,
	"uint8_t": uint8Type, "uint16_t": uint16Type, "uint32_t": types.Uint32, "uint64_t": types.Uint64,
	"s8": int8Type, "s16": int16Type, "s32": types.Int32, "s64": types.Int64,
	"u8": uint8Type, "u16": uint16Type, "u32": types.Uint32, "u64": types.Uint64,
	"__s8": int8Type, "__s16": int16Type, "__s32": types.Int32, "__s64": types.Int64,
	"__u8": uint8Type, "__u16": uint16Type, "__u32": types.Uint32, "__u64": types.Uint64,
	"size_t": types.Uint64, "ssize_t": types.Int64, "intptr_t": types.Int64, "uintptr_t": types.Uint64,
	"pid_t": types.Int32, "uid_t": types.Uint32, "gid_t": types.Uint32,
}

// integerName reduces "long unsigned int", "unsigned", "signed long long" and the like to the names of cTypes.
func integerName(name string) (string, bool) {
	count := map[string]int{}
	for _, word := range strings.Fields(name) {
		switch word {
		case "unsigned", "signed", "int", "short", "long", "char":
			count[word]++
		default:
			return "", false
		}
	}
	if len(count) == 0 || count["unsigned"] > 0 && count["signed"] > 0 || count["char"] > 0 && count["int"] > 0 {
		return "", false
	}
	base := "int"
	for _, size := range []string{"char", "short", "long"} {
		if count[size] > 0 {
			base = size
		}
	}
	if count["unsigned"] > 0 {
		base = "unsigned " + base
	}
	return base, true
}
