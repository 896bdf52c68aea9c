package target

import (
	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// maxFields limits the members of a completed struct, those of the structs in it
// included. A task_struct has some 700.
const maxFields = 1 << 13

// Complete returns a struct, or an array of structs, with Fields, and so the structs in
// it, as printing needs them. Members of anonymous structs and unions stand among the
// others, at their place in the whole. Pointers are not followed. What is nested too
// deeply or lies beyond the 8192nd member has no Fields. All other types come back as
// they are.
func (t *Target) Complete(of *types.Type) *types.Type {
	if of == nil || of.Kind != types.Struct {
		return (&completer{t, maxFields}).complete(of, 0)
	}
	t.mu.Lock()
	fields, known := t.fields[of.Origin]
	t.mu.Unlock()
	if !known {
		fields = (&completer{t, maxFields}).structFields(of, 0)
		switch of.Origin.(type) {
		case btf.Type, Composite:
			t.keep(of.Origin, fields)
		}
	}
	return withFields(of, fields)
}

func (t *Target) keep(origin any, fields []types.Field) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fields == nil {
		t.fields = map[any][]types.Field{}
	}
	t.fields[origin] = fields
}

// completer counts the fields that it may still add.
type completer struct {
	target *Target
	left   int
}

func (c *completer) complete(of *types.Type, depth int) *types.Type {
	switch {
	case of == nil || depth > maxDepth:
		return of
	case of.Kind == types.Array, of.Kind == types.Buffer && of.Elem != nil:
		whole := *of
		whole.Elem = c.complete(of.Elem, depth+1)
		return &whole
	case of.Kind == types.Struct:
		return withFields(of, c.structFields(of, depth+1))
	}
	return of
}

func withFields(of *types.Type, fields []types.Field) *types.Type {
	whole := *of
	whole.Fields = fields
	return &whole
}

func (c *completer) structFields(of *types.Type, depth int) []types.Field {
	if composite := compositeOf(of); composite != nil {
		return c.compositeFields(composite, depth)
	}
	return c.fields(c.target.members(of), 0, depth)
}

// compositeFields lists the members of a program's struct.
func (c *completer) compositeFields(of Composite, depth int) (fields []types.Field) {
	if depth > maxDepth {
		return nil
	}
	for _, m := range compositeMembers(of) {
		if m.Missing != "" || m.Type == nil {
			continue
		}
		if c.left--; c.left < 0 {
			break
		}
		field := m.field()
		field.Type = c.complete(m.Type, depth+1)
		fields = append(fields, field)
	}
	return fields
}

func (m Member) field() types.Field {
	return types.Field{
		Name: m.Name, Type: m.Type, Offset: m.Offset, BitOffset: m.BitOffset, BitSize: m.BitSize,
	}
}

// fields lists the members of a struct that starts at base bits.
func (c *completer) fields(members []btf.Member, base btf.Bits, depth int) (fields []types.Field) {
	if depth > maxDepth {
		return nil
	}
	for _, m := range members {
		m.Offset += base
		if inner := membersOf(bare(m.Type)); m.Name == "" {
			fields = append(fields, c.fields(inner, m.Offset, depth+1)...)
			continue
		}
		placed, ok := place(m)
		if c.left--; c.left < 0 {
			break
		}
		if ok {
			placed.Type = c.complete(placed.Type, depth+1)
			fields = append(fields, placed.field())
		}
	}
	return fields
}
