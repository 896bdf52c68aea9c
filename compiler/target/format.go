package target

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/types"
)

// parseFormat reads a format file. What its fields are is found out when they are asked
// for, with the types of the machine.
func parseFormat(machine *Target, category, name, text string) (*Tracepoint, error) {
	point := &Tracepoint{Category: category, Name: name, machine: machine}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if id, ok := strings.CutPrefix(line, "ID:"); ok {
			point.ID, _ = strconv.Atoi(strings.TrimSpace(id))
		}
		if !strings.HasPrefix(line, "field:") {
			continue
		}
		field, err := parseField(line, category == "syscalls" || category == "raw_syscalls")
		if err != nil {
			return nil, fmt.Errorf("format of tracepoint %s:%s: %w", category, name, err)
		}
		if !strings.HasPrefix(field.name, "common_") {
			point.declared = append(point.declared, field)
		}
	}
	return point, nil
}

// parseField reads a line such as
//
//	field:const char * filename;	offset:24;	size:8;	signed:0;
func parseField(line string, user bool) (declaration, error) {
	properties := map[string]string{}
	for part := range strings.SplitSeq(line, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), ":")
		properties[key] = value
	}
	offset, err := strconv.ParseUint(properties["offset"], 10, 16)
	size, err2 := strconv.ParseUint(properties["size"], 10, 16)
	if err := errors.Join(err, err2); err != nil {
		return declaration{}, fmt.Errorf("%q: %w", line, err)
	}
	d := declaration{offset: int(offset), size: int(size), signed: properties["signed"] == "1", user: user}
	return d, d.parse(properties["field"])
}

// declaration is a field as the file spells it, with the size and sign that stand beside.
type declaration struct {
	name, spelled     string
	offset, size      int
	signed, user      bool
	dynamic, relative bool
}

func (d *declaration) parse(text string) error {
	text, d.dynamic = strings.CutPrefix(text, "__data_loc ")
	if !d.dynamic {
		text, d.relative = strings.CutPrefix(text, "__rel_loc ")
		d.dynamic = d.relative
	}
	if d.spelled, d.name = splitDeclaration(text); d.name == "" {
		return fmt.Errorf("no name in %q", text)
	}
	return nil
}

func (d declaration) field(machine *Target) TracepointField {
	r := resolver{d, machine}
	return TracepointField{Name: d.name, Type: r.resolve(), Offset: d.offset, DataLocation: d.dynamic, Relative: d.relative}
}

// splitDeclaration parts "char comm[16]" into "char[16]" and "comm", "void (*f)(int)"
// into "void (*)" and "f".
func splitDeclaration(text string) (spelled, name string) {
	if before, after, ok := strings.Cut(text, "(*"); ok {
		name, _, _ = strings.Cut(after, ")")
		return before + "(*)", strings.TrimSpace(name)
	}
	text, brackets := strings.TrimSpace(text), ""
	if i := strings.LastIndexByte(text, '['); i >= 0 && strings.HasSuffix(text, "]") {
		text, brackets = strings.TrimSpace(text[:i]), text[i:]
	}
	i := strings.LastIndexAny(text, " *]") + 1
	return strings.TrimSpace(text[:i]) + brackets, text[i:]
}

// qualifiers say nothing of how a value is stored.
// https://elixir.bootlin.com/linux/v6.12/source/include/linux/compiler_types.h
var qualifiers = []string{"const", "volatile", "restrict", "__restrict", "__user", "__kernel", "__iomem", "__percpu", "__rcu",
	"__force", "__nocast", "__seg_gs", "__seg_fs"}

// withoutQualifiers removes qualifiers wherever they stand: "const char *const *" becomes
// "char * *".
func withoutQualifiers(spelled string) string {
	words := strings.Fields(strings.ReplaceAll(spelled, "*", " * "))
	return strings.Join(slices.DeleteFunc(words, func(word string) bool { return slices.Contains(qualifiers, word) }), " ")
}

// resolver finds the type of a declaration.
type resolver struct {
	declaration
	machine *Target
}

func (r resolver) resolve() *types.Type {
	base, brackets, isArray := strings.Cut(r.spelled, "[")
	if base = strings.TrimSpace(base); strings.HasSuffix(base, "(*)") {
		return r.pointer("void *")
	}
	constant := strings.HasPrefix(base, "const ")
	base = withoutQualifiers(base)
	switch {
	case isArray && base == "char":
		return r.text()
	case r.dynamic && base == cpuMask:
		return r.array("unsigned long", "")
	case isArray, r.dynamic:
		return r.array(base, strings.TrimSuffix(brackets, "]"))
	case strings.HasSuffix(base, "*"):
		p := r.pointer(base)
		p.Const = constant && (p.Elem == nil || p.Elem.Kind != types.Pointer)
		return p
	case tagged(base, "struct", "union"):
		return structByName(base, r.size)
	}
	return r.scalar(base)
}

// cpuMask is what a set of CPUs is declared as, without brackets: a bit each, in words.
const cpuMask = "cpumask_t"

func tagged(base string, tags ...string) bool {
	tag, _, _ := strings.Cut(base, " ")
	return slices.Contains(tags, tag)
}

// scalar prefers the type of the name: system call arguments are all said to be 8
// unsigned bytes, of which an int fills the first four, and the rest is whatever the
// caller left in the register.
func (r resolver) scalar(base string) *types.Type {
	known := r.named(base)
	switch {
	case known == nil || known.Size > r.size || known.Size == 0:
		return r.unnamed(base)
	case known.Scalar(), known.Size == r.size && r.size > 8:
		return r.placed(known)
	}
	return r.placed(types.NewInt(r.size, r.signed))
}

// processAddress is what the words of a system call are, where they are addresses.
var processAddress = &types.Type{User: true}

func (r resolver) placed(t *types.Type) *types.Type {
	if r.user {
		return t.Beside(processAddress)
	}
	return t
}

// unnamed is for what has no type here.
func (r resolver) unnamed(base string) *types.Type {
	if r.size > 8 {
		return structByName(base, r.size)
	}
	return r.placed(types.NewInt(r.size, r.signed))
}

// named returns C's type of the name, the kernel's, or, where that is not described, the
// one that it has in every kernel; nil where there is none.
func (r resolver) named(base string) *types.Type {
	tag, name := "", base
	if tagged(base, "struct", "union", "enum") {
		tag, name, _ = strings.Cut(base, " ")
	}
	if found, ok := r.machine.Struct(tag, name); ok && found.Kind != types.None {
		return found
	}
	if tag == "enum" && r.user {
		return types.Uint32
	}
	usual := usualTypes[name]
	if usual == nil {
		return nil
	}
	known := *usual
	known.Alias = name
	return &known
}

// usualTypes are the typedefs in declarations of system calls beyond kernelTypedefs, for
// kernels that do not describe their types.
// https://elixir.bootlin.com/linux/v6.12/source/include/linux/types.h,
// https://elixir.bootlin.com/linux/v6.12/source/include/uapi/asm-generic/posix_types.h
var usualTypes = map[string]*types.Type{
	"time_t": types.Int64, "key_serial_t": types.Int32, "mqd_t": types.Int32, "rwf_t": types.Int32, "qid_t": types.Uint32,
	"aio_context_t": types.Uint64, "cap_user_header_t": types.NewPointer(nil), "cap_user_data_t": types.NewPointer(nil),
}

func (r resolver) text() *types.Type {
	if r.dynamic {
		return types.NewString(0)
	}
	return types.NewString(r.size)
}

func (r resolver) array(base, count string) *types.Type {
	elem := r.placed(r.element(base, count))
	array := &types.Type{Kind: types.Array, Elem: elem}
	if !r.dynamic {
		array.Count = r.size / elem.Size
		array.Size = array.Count * elem.Size
	}
	return array
}

// element is that of an array. The size of one whose type is not known follows from the
// number of elements; else they are taken for bytes.
func (r resolver) element(base, count string) *types.Type {
	if strings.HasSuffix(base, "*") {
		return r.pointer(base)
	}
	if elem := r.named(base); elem != nil && elem.Size > 0 {
		return elem
	}
	n, err := strconv.Atoi(count)
	if err == nil && n > 0 && slices.Contains([]int{1, 2, 4, 8}, r.size/n) {
		return types.NewInt(r.size/n, r.signed)
	}
	return uint8Type
}

func (r resolver) pointer(base string) *types.Type {
	p := types.NewPointer(r.pointee(strings.TrimSpace(strings.TrimSuffix(base, "*"))))
	p.User = r.user
	return p
}

// pointee is a struct by name, its members to be found when asked for, or another named
// type.
func (r resolver) pointee(base string) *types.Type {
	if inner, ok := strings.CutSuffix(base, "*"); ok {
		return types.NewPointer(r.pointee(strings.TrimSpace(inner)))
	}
	if tagged(base, "struct", "union") {
		return structByName(base, 0)
	}
	return r.named(base)
}

func structByName(base string, size int) *types.Type {
	name := strings.TrimPrefix(strings.TrimPrefix(base, "struct "), "union ")
	return &types.Type{Kind: types.Struct, Name: strings.TrimSpace(name), Size: size, Union: strings.HasPrefix(base, "union ")}
}
