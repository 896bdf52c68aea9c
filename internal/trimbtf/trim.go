package main

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// trimmer copies types, leaving out what the roots do not keep. Every type has one copy,
// so the copies have the same cycles and the same shared parts as the originals.
type trimmer struct {
	spec   *btf.Spec
	roots  *roots
	copies map[btf.Type]btf.Type
	names  map[string]btf.Type // structs reduced to a name
	added  []btf.Type
}

func newTrimmer(spec *btf.Spec, r *roots) *trimmer {
	return &trimmer{spec: spec, roots: r, copies: map[btf.Type]btf.Type{}, names: map[string]btf.Type{}}
}

func (t *trimmer) add(typ btf.Type) { t.added = append(t.added, t.copy(typ)) }

func (t *trimmer) function(name string) {
	var f *btf.Func
	if t.spec.TypeByName(name, &f) == nil {
		t.add(f)
	}
}

func (t *trimmer) typedef(name string) {
	var d *btf.Typedef
	if t.spec.TypeByName(name, &d) == nil {
		t.add(d)
	}
}

// iterator keeps what describes an iterator: the struct that programs get, and a function
// with the same as arguments.
func (t *trimmer) iterator(name string) {
	t.function("bpf_iter_" + name)
	var context *btf.Struct
	if t.spec.TypeByName("bpf_iter__"+name, &context) == nil {
		t.add(context)
	}
}

// named adds the structs, types and constants of the roots.
func (t *trimmer) named() {
	names := slices.Clone(t.roots.types)
	for name := range t.roots.structs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		found, _ := t.spec.AnyTypesByName(name)
		for _, typ := range found {
			if _, isFunction := typ.(*btf.Func); !isFunction {
				t.add(typ)
			}
		}
	}
	t.enumsWith(t.roots.constants)
}

func (t *trimmer) enumsWith(constants []string) {
	for typ, err := range t.spec.All() {
		e, ok := typ.(*btf.Enum)
		if err == nil && ok && slices.ContainsFunc(e.Values, func(v btf.EnumValue) bool { return slices.Contains(constants, v.Name) }) {
			t.add(typ)
		}
	}
}

func (t *trimmer) marshal(order binary.ByteOrder) ([]byte, error) {
	slices.SortStableFunc(t.added, func(a, b btf.Type) int { return cmp.Compare(a.TypeName(), b.TypeName()) })
	builder, err := btf.NewBuilder(t.added, nil)
	if err != nil {
		return nil, err
	}
	return builder.Marshal(nil, &btf.MarshalOptions{Order: order})
}

// copy returns the copy of a type; it is entered before its parts are copied, which ends
// every cycle.
func (t *trimmer) copy(typ btf.Type) btf.Type {
	if known, ok := t.copies[typ]; ok {
		return known
	}
	switch from := typ.(type) {
	case *btf.Typedef:
		to := &btf.Typedef{Name: from.Name}
		t.copies[typ] = to
		to.Type = t.copy(from.Type)
	case *btf.Const:
		to := &btf.Const{}
		t.copies[typ] = to
		to.Type = t.copy(from.Type)
	case *btf.Volatile:
		to := &btf.Volatile{}
		t.copies[typ] = to
		to.Type = t.copy(from.Type)
	case *btf.Restrict:
		to := &btf.Restrict{}
		t.copies[typ] = to
		to.Type = t.copy(from.Type)
	case *btf.TypeTag:
		to := &btf.TypeTag{Value: from.Value}
		t.copies[typ] = to
		to.Type = t.copy(from.Type)
	case *btf.Pointer:
		to := &btf.Pointer{}
		t.copies[typ] = to
		to.Target = t.target(from.Target)
	case *btf.Array:
		to := &btf.Array{Nelems: from.Nelems}
		t.copies[typ] = to
		to.Index, to.Type = t.copy(from.Index), t.copy(from.Type)
	case *btf.Struct:
		to := &btf.Struct{Name: from.Name, Size: from.Size}
		t.copies[typ] = to
		to.Members = t.members(from.Members, t.roots.structs[from.Name])
	case *btf.Union:
		to := &btf.Union{Name: from.Name, Size: from.Size}
		t.copies[typ] = to
		to.Members = t.members(from.Members, t.roots.structs[from.Name])
	case *btf.FuncProto:
		to := &btf.FuncProto{}
		t.copies[typ] = to
		to.Return, to.Params = t.copy(from.Return), t.params(from.Params)
	case *btf.Func:
		to := &btf.Func{Name: from.Name, Linkage: from.Linkage}
		t.copies[typ] = to
		to.Type = t.copy(from.Type)
	default:
		t.copies[typ] = typ
	}
	return t.copies[typ]
}

func (t *trimmer) params(from []btf.FuncParam) []btf.FuncParam {
	to := make([]btf.FuncParam, len(from))
	for i, p := range from {
		to[i] = btf.FuncParam{Name: p.Name, Type: t.copy(p.Type)}
	}
	return to
}

// members copies those that are kept; a kept member inside an anonymous struct keeps the
// struct.
func (t *trimmer) members(from []btf.Member, kept members) []btf.Member {
	var to []btf.Member
	for _, m := range from {
		if kept != nil && !kept[m.Name] && (m.Name != "" || !holds(m.Type, kept)) {
			continue
		}
		m.Tags = nil
		if kept != nil && m.Name == "" {
			m.Type = t.anonymous(m.Type, kept)
		} else {
			m.Type = t.copy(m.Type)
		}
		to = append(to, m)
	}
	return to
}

func (t *trimmer) anonymous(typ btf.Type, kept members) btf.Type {
	switch from := btf.UnderlyingType(typ).(type) {
	case *btf.Struct:
		return &btf.Struct{Size: from.Size, Members: t.members(from.Members, kept)}
	case *btf.Union:
		return &btf.Union{Size: from.Size, Members: t.members(from.Members, kept)}
	}
	return t.copy(typ)
}

func holds(typ btf.Type, kept members) bool {
	return slices.ContainsFunc(membersOf(typ), func(m btf.Member) bool {
		return kept[m.Name] || m.Name == "" && holds(m.Type, kept)
	})
}

func membersOf(typ btf.Type) []btf.Member {
	switch typ := btf.UnderlyingType(typ).(type) {
	case *btf.Struct:
		return typ.Members
	case *btf.Union:
		return typ.Members
	}
	return nil
}

// target copies what a pointer points at: a struct that the roots do not name becomes its
// name.
func (t *trimmer) target(typ btf.Type) btf.Type {
	switch from := typ.(type) {
	case *btf.Const:
		return &btf.Const{Type: t.target(from.Type)}
	case *btf.Volatile:
		return &btf.Volatile{Type: t.target(from.Type)}
	case *btf.TypeTag:
		return &btf.TypeTag{Value: from.Value, Type: t.target(from.Type)}
	case *btf.Struct:
		return t.reduce(from, btf.FwdStruct)
	case *btf.Union:
		return t.reduce(from, btf.FwdUnion)
	}
	return t.copy(typ)
}

func (t *trimmer) reduce(typ btf.Type, kind btf.FwdKind) btf.Type {
	name := typ.TypeName()
	if _, listed := t.roots.structs[name]; listed || name == "" {
		return t.copy(typ)
	}
	key := kind.String() + " " + name
	if t.names[key] == nil {
		t.names[key] = &btf.Fwd{Name: name, Kind: kind}
	}
	return t.names[key]
}
