package target

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/types"
)

func parseFormat(category, name, text string) (*Tracepoint, error) {
	point := &Tracepoint{Category: category, Name: name}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if id, ok := strings.CutPrefix(line, "ID:"); ok {
			point.ID, _ = strconv.Atoi(strings.TrimSpace(id))
		}
		if !strings.HasPrefix(line, "field:") {
			continue
		}
		field, err := parseField(line, category == "syscalls")
		if err != nil {
			return nil, fmt.Errorf("format of tracepoint %s:%s: %w", category, name, err)
		}
		if !strings.HasPrefix(field.Name, "common_") {
			point.Fields = append(point.Fields, field)
		}
	}
	return point, nil
}

// parseField reads a line such as
//
//	field:const char * filename;	offset:24;	size:8;	signed:0;
func parseField(line string, user bool) (TracepointField, error) {
	properties := map[string]string{}
	for part := range strings.SplitSeq(line, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), ":")
		properties[key] = value
	}
	offset, err := strconv.ParseUint(properties["offset"], 10, 16)
	size, err2 := strconv.ParseUint(properties["size"], 10, 16)
	if err := errors.Join(err, err2); err != nil {
		return TracepointField{}, fmt.Errorf("%q: %w", line, err)
	}
	d := declaration{size: int(size), signed: properties["signed"] == "1", user: user}
	return d.field(properties["field"], int(offset))
}

// declaration is what the size and sign beside a C declaration say.
type declaration struct {
	size         int
	signed, user bool
}

func (d declaration) field(text string, offset int) (TracepointField, error) {
	field := TracepointField{Offset: offset}
	text, field.DataLocation = strings.CutPrefix(text, "__data_loc ")
	if !field.DataLocation {
		text, field.Relative = strings.CutPrefix(text, "__rel_loc ")
		field.DataLocation = field.Relative
	}
	spelled, name := splitDeclaration(text)
	if name == "" {
		return field, fmt.Errorf("no name in %q", text)
	}
	field.Name = name
	field.Type = d.typeOf(spelled, field.DataLocation)
	return field, nil
}

// splitDeclaration parts "char comm[16]" into "char[16]" and "comm", "void (*f)(int)" into "void (*)" and "f".
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

func (d declaration) typeOf(spelled string, dynamic bool) *types.Type {
	base, _, isArray := strings.Cut(spelled, "[")
	base = strings.TrimSpace(strings.ReplaceAll(" "+base, " const ", " "))
	switch {
	case isArray && base == "char":
		return d.text(dynamic)
	case isArray:
		return d.array(base, dynamic)
	case strings.HasSuffix(base, "*") || strings.HasSuffix(base, "(*)"):
		return d.pointer(base)
	case strings.HasPrefix(base, "struct ") || strings.HasPrefix(base, "union ") || d.size > 8:
		return structByName(base, d.size)
	}
	return d.scalar(base)
}

// scalar prefers C's own idea of a type: system call arguments are all said to be 8 unsigned bytes, of which
// an int fills the first four, and the rest is whatever the caller left in the register.
func (d declaration) scalar(base string) *types.Type {
	if known, ok := (&Target{}).Struct("", base); ok && known.Scalar() && known.Size <= d.size {
		return known
	}
	return types.NewInt(d.size, d.signed)
}

func (d declaration) text(dynamic bool) *types.Type {
	if dynamic {
		return types.NewString(0)
	}
	return types.NewString(d.size)
}

func (d declaration) array(base string, dynamic bool) *types.Type {
	elem := d.element(base)
	array := &types.Type{Kind: types.Array, Elem: elem}
	if !dynamic {
		array.Count = d.size / elem.Size
		array.Size = array.Count * elem.Size
	}
	return array
}

// element guesses bytes for types that C itself does not have: their size is not in the format.
func (d declaration) element(base string) *types.Type {
	if strings.HasSuffix(base, "*") {
		return d.pointer(base)
	}
	if elem, ok := (&Target{}).Struct("", base); ok && elem.Size > 0 {
		return elem
	}
	return uint8Type
}

func (d declaration) pointer(base string) *types.Type {
	p := types.NewPointer(pointee(strings.TrimSpace(strings.TrimSuffix(base, "*"))))
	p.User = d.user
	return p
}

// pointee is a struct by name, its members to be found when asked for, or one of C's own types.
func pointee(base string) *types.Type {
	if inner, ok := strings.CutSuffix(base, "*"); ok {
		return types.NewPointer(pointee(strings.TrimSpace(inner)))
	}
	if strings.HasPrefix(base, "struct ") || strings.HasPrefix(base, "union ") {
		return structByName(base, 0)
	}
	if elem, ok := (&Target{}).Struct("", base); ok && elem.Kind != types.None {
		return elem
	}
	return nil
}

func structByName(base string, size int) *types.Type {
	name := strings.TrimPrefix(strings.TrimPrefix(base, "struct "), "union ")
	return &types.Type{Kind: types.Struct, Name: strings.TrimSpace(name), Size: size, Union: strings.HasPrefix(base, "union ")}
}
