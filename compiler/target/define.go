package target

import (
	"fmt"
	"math"
	"slices"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// The types that a script defines become BTF types like the kernel's own, so that members
// are found, placed and printed by the same code. They may be used before they are
// defined, as long as none contains itself.

// maxTypeSize limits a defined type, in bytes: nothing that a program could look at is
// larger.
const maxTypeSize = 1 << 24

// Define returns a Target that also knows the types that a script defines, which hide the
// kernel's of the same names. The receiver stays as it is. The function constant gives
// the value of an expression, on a Target that knows the enums defined so far; report
// takes what is wrong with the definitions.
func (t *Target) Define(definitions []*lang.TypeDefinition, constant func(on *Target, e lang.Expr) (int64, bool),
	report func(span diag.Span, message, hint string)) *Target {
	if len(definitions) == 0 {
		return t
	}
	own := &Target{
		Arch: t.Arch, Release: t.Release, Version: t.Version, CPUs: t.CPUs, PageSize: t.PageSize,
		Features: t.Features, Sources: t.Sources, base: t.kernel(), script: newDefinitions(),
	}
	d := definer{on: own, script: own.script, constant: constant, report: report,
		bodies: map[btf.Type]*lang.TypeDefinition{}, shells: map[*lang.TypeDefinition]btf.Type{}, open: map[btf.Type]bool{}}
	for _, definition := range definitions {
		if !definition.Declared {
			d.declare(definition)
		}
	}
	for _, definition := range definitions {
		d.complete(d.shells[definition])
	}
	return own
}

// definitions are the types of a script. A nil one is empty.
type definitions struct {
	types     map[string][]btf.Type // by name
	spans     map[btf.Type]diag.Span
	constants map[string]enumerator
	aligns    map[btf.Type]int // in bytes, of what has been asked
	order     []string
}

type enumerator struct {
	value int64
	of    *btf.Enum
}

func newDefinitions() *definitions {
	return &definitions{types: map[string][]btf.Type{}, spans: map[btf.Type]diag.Span{},
		constants: map[string]enumerator{}, aligns: map[btf.Type]int{}}
}

func (d *definitions) all(name string) []btf.Type {
	if d == nil {
		return nil
	}
	return slices.Clip(d.types[name])
}

//go:noinline
func (d *definitions) named(tag, name string) btf.Type {
	for _, t := range d.all(name) {
		if tagOf(t) == tag {
			return t
		}
	}
	return nil
}

func (d *definitions) names() []string {
	if d == nil {
		return nil
	}
	return slices.Clip(d.order)
}

func (d *definitions) constant(name string) (enumerator, bool) {
	if d == nil {
		return enumerator{}, false
	}
	found, ok := d.constants[name]
	return found, ok
}

// definer fills definitions. Every type is made empty first, so that pointers to it can
// be made at once.
type definer struct {
	on       *Target
	script   *definitions
	constant func(*Target, lang.Expr) (int64, bool)
	report   func(span diag.Span, message, hint string)
	bodies   map[btf.Type]*lang.TypeDefinition // of the types that are still empty
	shells   map[*lang.TypeDefinition]btf.Type
	open     map[btf.Type]bool // types in the middle of being laid out
}

func (d *definer) failf(span diag.Span, format string, args ...any) {
	d.report(span, fmt.Sprintf(format, args...), "")
}

// declare makes the empty type of a definition and of those inside it.
func (d *definer) declare(definition *lang.TypeDefinition) {
	shell := newShell(definition)
	d.shells[definition] = shell
	if definition.Name == "" || d.register(definition, shell) {
		d.bodies[shell] = definition
	}
	if definition.Definition != nil {
		d.declare(definition.Definition)
	}
	for _, m := range definition.Members {
		if m.Definition != nil {
			d.declare(m.Definition)
		}
	}
}

func newShell(definition *lang.TypeDefinition) btf.Type {
	switch definition.Tag {
	case "union":
		return &btf.Union{Name: definition.Name}
	case "enum":
		return &btf.Enum{Name: definition.Name, Size: 4}
	case "typedef":
		return &btf.Typedef{Name: definition.Name, Type: &btf.Void{}}
	}
	return &btf.Struct{Name: definition.Name}
}

// register enters a name. A second definition is taken when it is written as the first,
// as headers do.
func (d *definer) register(definition *lang.TypeDefinition, shell btf.Type) bool {
	first := d.script.named(definition.Tag, definition.Name)
	if first == nil {
		d.script.types[definition.Name] = append(d.script.types[definition.Name], shell)
		d.script.order = append(d.script.order, definition.Name)
		d.script.spans[shell] = definition.Span
		return true
	}
	d.shells[definition] = first
	if d.script.spans[first].Text() != definition.Span.Text() || definition.Span.Source == nil {
		d.failf(definition.Span, "%s is defined twice", title(definition))
	}
	return false
}

func title(definition *lang.TypeDefinition) string {
	if definition.Tag == "typedef" {
		return definition.Name
	}
	return definition.Tag + " " + definition.Name
}

// complete gives an empty type its body.
func (d *definer) complete(t btf.Type) {
	definition, empty := d.bodies[t]
	if !empty {
		return
	}
	delete(d.bodies, t)
	d.open[t] = true
	defer delete(d.open, t)
	switch t := t.(type) {
	case *btf.Enum:
		d.enum(t, definition)
	case *btf.Typedef:
		d.typedef(t, definition)
	case *btf.Struct:
		l := d.layOut(definition, false)
		t.Members, t.Size = l.members, l.size()
		d.script.aligns[t] = l.align
	case *btf.Union:
		l := d.layOut(definition, true)
		t.Members, t.Size = l.members, l.size()
		d.script.aligns[t] = l.align
	}
}

// whole completes a type that is to be contained in another. It fails on types that
// contain themselves, and on those that only a declaration is known of.
func (d *definer) whole(t btf.Type, span diag.Span) bool {
	for range maxDepth {
		if d.open[t] {
			d.failf(span, "%s contains itself", span.Text())
			return false
		}
		d.complete(t)
		switch inner := t.(type) {
		case *btf.Typedef:
			t = inner.Type
		case *btf.Array:
			t = inner.Type
		case *btf.Fwd:
			d.report(span, fmt.Sprintf("nothing is known of the members of %s", span.Text()), "a pointer to it would do")
			return false
		case *btf.Void, *btf.FuncProto:
			d.failf(span, "nothing can have the type %s", span.Text())
			return false
		default:
			return true
		}
	}
	d.failf(span, "%s is nested too deeply", span.Text())
	return false
}

// typedef takes what it names as the type of a member that has the typedef's name.
func (d *definer) typedef(t *btf.Typedef, definition *lang.TypeDefinition) {
	of := d.declared(&lang.MemberDefinition{
		Name: definition.Name, Type: definition.Type, Definition: definition.Definition,
		Pointers: definition.Pointers, Dimensions: definition.Dimensions, Span: definition.Span,
	})
	if of != nil {
		t.Type = of
	}
	if n, ok := d.alignment(definition.Aligned); ok {
		d.script.aligns[t] = n
	}
}

// alignment evaluates __attribute__((aligned(n))).
func (d *definer) alignment(aligned lang.Expr) (int, bool) {
	if aligned == nil {
		return 0, false
	}
	n, known := d.constant(d.on, aligned)
	if !known || n < 1 || n > 1<<16 || n&(n-1) != 0 {
		d.failf(aligned.Range(), "an alignment is a power of two, 65536 at most")
		return 0, false
	}
	return int(n), true
}

// enum gives the values, and chooses the size as gcc does: that of an int unless a value
// needs more, or, when packed, the least that holds them all.
func (d *definer) enum(t *btf.Enum, definition *lang.TypeDefinition) {
	next, least, most := int64(0), int64(0), int64(0)
	for _, v := range definition.Values {
		if v.Value != nil {
			value, known := d.constant(d.on, v.Value)
			if !known {
				d.failf(v.Value.Range(), "the value of %s must be a constant", v.Name)
			}
			next = value
		}
		t.Values = append(t.Values, btf.EnumValue{Name: v.Name, Value: uint64(next)})
		if _, twice := d.script.constants[v.Name]; twice {
			d.failf(v.Span, "%s is defined twice", v.Name)
		}
		d.script.constants[v.Name] = enumerator{next, t}
		least, most = min(least, next), max(most, next)
		next++
	}
	t.Signed = least < 0
	for t.Size = smallest(definition.Packed); t.Size < 8 && !holds(t, least, most); {
		t.Size *= 2
	}
}

func smallest(packed bool) uint32 {
	if packed {
		return 1
	}
	return 4
}

func holds(t *btf.Enum, least, most int64) bool {
	bits := t.Size * 8
	if !t.Signed {
		return most <= 1<<bits-1
	}
	return least >= -1<<(bits-1) && most <= 1<<(bits-1)-1
}

// member returns the type of a member, or nil when it has none that can be.
func (d *definer) member(m *lang.MemberDefinition) btf.Type {
	t := d.declared(m)
	if t == nil || !d.whole(t, typeSpan(m)) {
		return nil
	}
	return t
}

// typeSpan is the place of a member's type where it has a name, else of the member.
func typeSpan(m *lang.MemberDefinition) diag.Span {
	if m.Type != nil {
		return m.Type.Span
	}
	return m.Span
}

// declared puts the pointers and arrays of a declaration around its type.
func (d *definer) declared(m *lang.MemberDefinition) btf.Type {
	var t btf.Type
	if m.Definition != nil {
		t = d.shells[m.Definition]
		d.complete(t)
	} else {
		t = d.named(m.Type)
	}
	for range m.Pointers {
		t = pointTo(t)
	}
	for i := len(m.Dimensions) - 1; i >= 0 && t != nil; i-- {
		t = d.array(m, t, i)
	}
	return t
}

func pointTo(t btf.Type) btf.Type {
	if t == nil {
		return nil
	}
	return &btf.Pointer{Target: t}
}

// array puts one dimension of a member around its element.
func (d *definer) array(m *lang.MemberDefinition, elem btf.Type, dimension int) btf.Type {
	if !d.whole(elem, typeSpan(m)) {
		return nil
	}
	count := int64(0)
	if e := m.Dimensions[dimension]; e != nil {
		var known bool
		if count, known = d.constant(d.on, e); !known || count < 0 || count > math.MaxInt32 {
			d.failf(e.Range(), "the number of elements must be a constant that is not negative")
			return nil
		}
	} else if dimension > 0 {
		d.failf(m.Span, "only the first dimension of %s can be left out", m.Name)
		return nil
	}
	return d.arrayOf(elem, count, m.Span)
}

func (d *definer) arrayOf(elem btf.Type, count int64, span diag.Span) btf.Type {
	if count*int64(max(d.size(elem), 1)) > maxTypeSize {
		d.failf(span, "the array has more than %d bytes", maxTypeSize)
		return nil
	}
	return &btf.Array{Index: &btf.Int{Size: 4}, Type: elem, Nelems: uint32(count)}
}

// size returns that of a whole type.
func (d *definer) size(t btf.Type) int {
	size, err := btf.Sizeof(t)
	if err != nil {
		return maxTypeSize + 1
	}
	return size
}

// named finds the BTF type that a written type names; unknown structs behind a pointer
// are declared.
func (d *definer) named(name *lang.TypeName) btf.Type {
	if name == nil {
		return nil
	}
	if name.Of != nil {
		d.failf(name.Span, "the type of an expression cannot be used in a definition")
		return nil
	}
	t := d.on.find(name.Tag, name.Name)
	switch {
	case t != nil:
	case name.Tag == "struct" || name.Tag == "union":
		t = &btf.Fwd{Name: name.Name, Kind: forward(name.Tag)}
	default:
		d.report(name.Span, fmt.Sprintf("there is no type %s", name.Span.Text()), suggestion(d.on.NearestType(name.Name)))
		return nil
	}
	for range name.Pointers {
		t = pointTo(t)
	}
	if name.Array < 0 {
		return t
	}
	if !d.whole(t, name.Span) {
		return nil
	}
	return d.arrayOf(t, int64(name.Array), name.Span)
}

func forward(tag string) btf.FwdKind {
	if tag == "union" {
		return btf.FwdUnion
	}
	return btf.FwdStruct
}
