package eval

import (
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// plain are C's and the language's own number types on the 64-bit machines that Linux
// traces.
var plain = map[string]*types.Type{
	"void": types.NoValue, "bool": types.Boolean, "_Bool": types.Boolean,
	"char": types.NewInt(1, true), "signed char": types.NewInt(1, true), "unsigned char": types.NewInt(1, false),
	"short": types.NewInt(2, true), "unsigned short": types.NewInt(2, false), "short int": types.NewInt(2, true),
	"int": types.Int32, "signed": types.Int32, "signed int": types.Int32, "unsigned": types.Uint32, "unsigned int": types.Uint32,
	"long": types.Int64, "long int": types.Int64, "unsigned long": types.Uint64, "unsigned long int": types.Uint64,
	"long long": types.Int64, "unsigned long long": types.Uint64, "long unsigned int": types.Uint64,
	"size_t": types.Uint64, "ssize_t": types.Int64, "uintptr_t": types.Uint64, "intptr_t": types.Int64,
	"pid_t": types.Int32, "loff_t": types.Int64, "umode_t": types.NewInt(2, false), "ushort": types.NewInt(2, false),
	"u_int8_t": types.NewInt(1, false), "__be16": types.NewInt(2, false),
}

func init() {
	for _, size := range []int{1, 2, 4, 8} {
		bits := strconv.Itoa(8 * size)
		for _, name := range []string{"int" + bits, "int" + bits + "_t", "s" + bits, "__s" + bits} {
			plain[name] = types.NewInt(size, true)
		}
		for _, name := range []string{"uint" + bits, "uint" + bits + "_t", "u" + bits, "__u" + bits} {
			plain[name] = types.NewInt(size, false)
		}
	}
}

// define enters the script's own types and the values of its enums.
func (p *program) define(definitions []*lang.TypeDefinition) {
	for _, d := range definitions {
		name := d.Tag + " " + d.Name
		if d.Tag == "typedef" {
			name = d.Name
		}
		p.definitions[name] = d
	}
	for _, d := range definitions {
		p.enumerate(d)
		if d.Definition != nil {
			p.enumerate(d.Definition)
		}
	}
}

func (p *program) enumerate(d *lang.TypeDefinition) {
	if d.Tag != "enum" {
		return
	}
	t := p.enum(d)
	for _, value := range t.Values {
		p.constants[value.Name] = number(t, uint64(value.Value))
	}
}

// enum is 32 bits wide, as far as its values fit; it is signed when one is negative.
func (p *program) enum(d *lang.TypeDefinition) *types.Type {
	t := &types.Type{Kind: types.Enum, Size: 4, Name: d.Name}
	next := int64(0)
	for _, e := range d.Values {
		if e.Value != nil {
			next = p.constant(e.Value)
		}
		t.Values = append(t.Values, types.EnumValue{Name: e.Name, Value: next})
		t.Signed = t.Signed || next < 0
		next++
	}
	return t
}

func (p *program) isType(name string) bool {
	return plain[name] != nil || p.definitions[name] != nil
}

// named resolves a written type.
func (p *program) named(name *lang.TypeName) *types.Type {
	t := p.base(name)
	for range name.Pointers {
		t = types.NewPointer(t)
	}
	if name.Array >= 0 && t.Kind != types.String {
		t = array(t, name.Array)
	}
	return t
}

func array(elem *types.Type, count int) *types.Type {
	return &types.Type{Kind: types.Array, Elem: elem, Count: count, Size: count * elem.Size}
}

func (p *program) base(name *lang.TypeName) *types.Type {
	if name.Of != nil {
		if inner, ok := name.Of.(*lang.TypeExpr); ok {
			return p.named(inner.Type)
		}
		return p.typeOf(name.Of)
	}
	key := strings.TrimSpace(name.Tag + " " + name.Name)
	switch {
	case key == "string":
		return types.NewString(max(name.Array, 0))
	case plain[key] != nil:
		return plain[key]
	case p.resolved[key] != nil:
		return p.resolved[key]
	}
	d := p.definitions[key]
	if d == nil {
		fail(name.Span, "the type is not known")
	}
	t := &types.Type{Kind: types.Struct, Name: d.Name, Union: d.Tag == "union"}
	p.resolved[key] = t // before its members, which may point at it
	*t = *p.definition(d)
	return t
}

func (p *program) definition(d *lang.TypeDefinition) *types.Type {
	switch {
	case d.Tag == "enum":
		return p.enum(d)
	case d.Tag == "typedef" && d.Definition != nil:
		return p.definition(d.Definition)
	case d.Tag == "typedef":
		return p.named(d.Type)
	}
	return p.structure(d)
}

// structure lays a struct or union out as C compilers for Linux do.
func (p *program) structure(d *lang.TypeDefinition) *types.Type {
	t := &types.Type{Kind: types.Struct, Name: d.Name, Union: d.Tag == "union"}
	l := layout{packed: d.Packed, union: t.Union, align: 1}
	for _, m := range d.Members {
		member := p.memberType(m)
		if m.Bits != nil {
			if field, ok := l.bits(member, int(p.constant(m.Bits))); ok && m.Name != "" {
				field.Name = m.Name
				t.Fields = append(t.Fields, field)
			}
			continue
		}
		t.Fields = append(t.Fields, types.Field{Name: m.Name, Type: member, Offset: l.place(member)})
	}
	if d.Aligned != nil {
		l.align = max(l.align, int(p.constant(d.Aligned)))
	}
	t.Size, t.Origin = up((l.end+7)/8, l.align), l.align
	return t
}

func (p *program) memberType(m *lang.MemberDefinition) *types.Type {
	var t *types.Type
	if m.Definition != nil {
		t = p.definition(m.Definition)
	} else {
		t = p.named(m.Type)
	}
	for range m.Pointers {
		t = types.NewPointer(t)
	}
	for i := len(m.Dimensions) - 1; i >= 0; i-- {
		count := 0
		if m.Dimensions[i] != nil {
			count = int(p.constant(m.Dimensions[i]))
		}
		t = array(t, count)
	}
	if t.Kind == types.Array && t.Elem.Kind == types.Int && t.Elem.Size == 1 && t.Elem.Signed {
		return types.NewString(t.Count) // an array of char is a text
	}
	return t
}

// layout is a struct while it is laid out.
type layout struct {
	packed, union bool
	end           int // in bits
	align         int
}

func up(n, to int) int { return (n + to - 1) / to * to }

// alignment is C's: of a struct what its layout came to.
func alignment(t *types.Type) int {
	switch t.Kind {
	case types.Array:
		return alignment(t.Elem)
	case types.String:
		return 1
	case types.Struct:
		return t.Origin.(int)
	}
	return max(t.Size, 1)
}

// place returns the offset of a member in bytes.
func (l *layout) place(t *types.Type) int {
	to := alignment(t)
	if l.packed {
		to = 1
	}
	l.align = max(l.align, to)
	offset := up((l.end+7)/8, to)
	if l.union {
		offset = 0
	}
	l.end = max(l.end, 8*(offset+t.Size))
	return offset
}

// bits places a bitfield; a width of 0 only closes the unit.
func (l *layout) bits(t *types.Type, width int) (types.Field, bool) {
	unit := 8 * t.Size
	if width == 0 {
		l.end = up(l.end, unit)
		return types.Field{}, false
	}
	start := l.end
	if l.union {
		start = 0
	}
	if !l.packed && start/unit != (start+width-1)/unit {
		start = up(start, unit)
	}
	if !l.packed {
		l.align = max(l.align, t.Size)
	}
	l.end = max(l.end, start+width)
	offset := start / unit * t.Size
	return types.Field{Type: t, Offset: offset, BitOffset: start - 8*offset, BitSize: width}, true
}
