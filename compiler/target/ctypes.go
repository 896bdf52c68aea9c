package target

import (
	"strings"
	"sync"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// Struct finds a type by name. The tag is "struct", "union", "enum", or empty for a
// typedef or a C integer type.
func (t *Target) Struct(tag, name string) (*types.Type, bool) {
	found := t.find(tag, name)
	if _, void := found.(*btf.Void); void {
		return types.NoValue, true
	}
	converted := convert(found)
	return converted, converted != nil
}

// find returns the type that a name stands for, or nil: the script's, one of C, or the
// kernel's.
func (t *Target) find(tag, name string) (found btf.Type) {
	if tag == "" && t.script.named("typedef", name) == nil {
		if known := cType(name); known != nil {
			return known
		}
	}
	t.eachNamed(name, func(candidate btf.Type) bool {
		if fits(candidate, tag) {
			found = candidate
		}
		return found == nil
	})
	if known := kernelTypedefs()[name]; found == nil && tag == "" && known != nil {
		return described(name, known)
	}
	return found
}

// fits reports whether a type of the right name is what the tag asks for.
func fits(candidate btf.Type, tag string) bool {
	if tag != "" {
		return tagOf(candidate) == tag
	}
	switch candidate.(type) {
	case *btf.Typedef, *btf.Int, *btf.Float:
		return true
	}
	return false
}

// cType describes a type of cTypes as the kernel would, or returns nil.
func cType(name string) btf.Type {
	name = canonical(name)
	if builtin, ok := cTypes[name]; ok {
		return described(name, builtin)
	}
	return nil
}

func described(name string, builtin *types.Type) btf.Type {
	switch {
	case builtin.Kind == types.None:
		return &btf.Void{}
	case builtin.Kind == types.Bool:
		return &btf.Int{Name: name, Size: 1, Encoding: btf.Bool}
	case builtin.Kind == types.Struct:
		return &btf.Float{Name: name, Size: uint32(builtin.Size)}
	case builtin.Signed:
		return &btf.Int{Name: name, Size: uint32(builtin.Size), Encoding: btf.Signed}
	}
	return &btf.Int{Name: name, Size: uint32(builtin.Size)}
}

// eachNamed calls visit for the types of the name, those of the script first, until it
// returns false.
func (t *Target) eachNamed(name string, visit func(btf.Type) bool) {
	for _, candidate := range append(t.script.all(name), t.kernelTypes(name)...) {
		if !visit(candidate) {
			return
		}
	}
}

// kernelTypes returns the types of vmlinux with the name, or else those of the first
// module that has one.
func (t *Target) kernelTypes(name string) (candidates []btf.Type) {
	spec := t.spec()
	if spec == nil || name == "" {
		return nil
	}
	if candidates, _ = spec.AnyTypesByName(name); len(candidates) > 0 {
		return candidates
	}
	t.moduleWith(func(spec *btf.Spec) bool {
		candidates, _ = spec.AnyTypesByName(name)
		return len(candidates) > 0
	})
	return candidates
}

// tagOf returns the C keyword that names of the type's kind follow.
//
//go:noinline
func tagOf(t btf.Type) string {
	switch t.(type) {
	case *btf.Struct:
		return "struct"
	case *btf.Union:
		return "union"
	case *btf.Enum:
		return "enum"
	case *btf.Typedef:
		return "typedef"
	}
	return ""
}

var (
	int8Type   = types.NewInt(1, true)
	int16Type  = types.NewInt(2, true)
	uint8Type  = types.NewInt(1, false)
	uint16Type = types.NewInt(2, false)
)

// cTypes are the names that need no BTF: C's own in their shortest spelling, and those of
// fixed size.
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

	"float": opaque("float", 4), "double": opaque("double", 8), "long double": opaque("long double", 16),
	"__int128": opaque("__int128", 16), "unsigned __int128": opaque("unsigned __int128", 16),
}

// kernelTypedefs are the names of integers that every kernel's headers have
// (https://github.com/torvalds/linux/blob/v6.12/include/linux/types.h), for where the
// kernel describes no types or leaves the name out.
var kernelTypedefs = sync.OnceValue(func() map[string]*types.Type {
	return map[string]*types.Type{
		"pid_t": types.Int32, "uid_t": types.Uint32, "gid_t": types.Uint32, "mode_t": types.Uint32, "umode_t": uint16Type,
		"off_t": types.Int64, "loff_t": types.Int64, "dev_t": types.Uint32, "ino_t": types.Uint64, "nlink_t": types.Uint32,
		"key_t": types.Int32, "clockid_t": types.Int32, "timer_t": types.Int32, "clock_t": types.Int64, "ktime_t": types.Int64,
		"time64_t": types.Int64, "ptrdiff_t": types.Int64, "sector_t": types.Uint64, "blkcnt_t": types.Uint64,
		"dma_addr_t": types.Uint64, "phys_addr_t": types.Uint64, "resource_size_t": types.Uint64, "pgoff_t": types.Uint64,
		"gfp_t": types.Uint32, "fmode_t": types.Uint32, "slab_flags_t": types.Uint32, "daddr_t": types.Int32,
		"socklen_t": types.Uint32, "sa_family_t": uint16Type, "in_addr_t": types.Uint32, "in_port_t": uint16Type,
		"u_char": uint8Type, "u_short": uint16Type, "u_int": types.Uint32, "u_long": types.Uint64,
		"unchar": uint8Type, "ushort": uint16Type, "uint": types.Uint32, "ulong": types.Uint64,
		"u_int8_t": uint8Type, "u_int16_t": uint16Type, "u_int32_t": types.Uint32, "u_int64_t": types.Uint64,
		"__le16": uint16Type, "__le32": types.Uint32, "__le64": types.Uint64,
		"__be16": uint16Type, "__be32": types.Uint32, "__be64": types.Uint64, "__sum16": uint16Type, "__wsum": types.Uint32,
	}
})

// canonical reduces "long unsigned int", "unsigned", "signed long long" and the like to
// the names of cTypes.
func canonical(name string) string {
	words := strings.Fields(name)
	count := map[string]int{}
	for _, word := range words {
		if word == "__signed__" {
			word = "signed"
		}
		switch word {
		case "unsigned", "signed", "int", "short", "long", "char":
			count[word]++
		default:
			return strings.Join(words, " ")
		}
	}
	if count["unsigned"] > 0 && count["signed"] > 0 || count["char"] > 0 && count["int"] > 0 {
		return ""
	}
	return integerName(count)
}

func integerName(count map[string]int) string {
	base := "int"
	for _, size := range []string{"char", "short", "long"} {
		if count[size] > 0 {
			base = size
		}
	}
	switch {
	case len(count) == 0:
		return ""
	case count["unsigned"] > 0:
		return "unsigned " + base
	case count["signed"] > 0 && base == "char":
		return "signed char"
	}
	return base
}
