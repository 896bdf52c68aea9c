package binary

import (
	"debug/dwarf"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/types"
)

// programTypes are the types of a program, as they are known to one unit first.
type programTypes struct {
	file *File
	unit uint64
}

// maxNamedTypes bounds the types that are remembered by their name.
const maxNamedTypes = 1 << 10

// namedType is a question for a type.
type namedType struct {
	unit      uint64
	tag, name string
}

// Named returns the type that a tag ("struct", "union", "enum" or none) and a name stand
// for, or nil.
func (p programTypes) Named(tag, name string) *types.Type {
	t, _ := ask(p.file, func() (*types.Type, error) {
		question := namedType{p.unit, tag, name}
		if known, ok := p.file.types[question]; ok {
			return known, nil
		}
		info, err := p.file.debugFile().debugInfo()
		if err != nil {
			return nil, err
		}
		u, err := info.unitAt(p.unit)
		if err != nil {
			return nil, err
		}
		found, err := u.search(tagsOf(tag), name)
		if err != nil {
			found = nil
		}
		if p.file.types == nil || len(p.file.types) >= maxNamedTypes {
			p.file.types = map[namedType]*types.Type{}
		}
		p.file.types[question] = found
		return found, err
	})
	return t
}

// tagsOf: without a tag a name is a typedef or a basic type, or in other languages than C
// a class, an enumeration or a union.
func tagsOf(tag string) []dwarf.Tag {
	switch tag {
	case "struct":
		return []dwarf.Tag{dwarf.TagStructType, dwarf.TagClassType}
	case "union":
		return []dwarf.Tag{dwarf.TagUnionType}
	case "enum":
		return []dwarf.Tag{dwarf.TagEnumerationType}
	}
	return []dwarf.Tag{dwarf.TagTypedef, dwarf.TagBaseType, dwarf.TagStructType,
		dwarf.TagClassType, dwarf.TagUnionType, dwarf.TagEnumerationType}
}

// search looks for the definition of a type by its name: in this unit, and then in all
// others. It is nil where there is none.
func (u *unit) search(tags []dwarf.Tag, name string) (*types.Type, error) {
	if found, err := u.typeNamed(tags, name); found != nil || err != nil || name == "" {
		return found, err
	}
	for at := uint64(0); at < u.info.size; {
		other, err := u.unitAt(at)
		if err != nil {
			return nil, err
		}
		if at = other.end; other.start == u.start {
			continue
		}
		if found, err := other.typeNamed(tags, name); found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// typeNamed looks among the types of a unit that are in no function.
func (u *unit) typeNamed(tags []dwarf.Tag, name string) (*types.Type, error) {
	c := u.info.from(u.entries)
	for depth := 0; c.at < u.end; {
		e, err := u.next(&c)
		switch {
		case err != nil:
			return nil, err
		case e.tag == 0:
			if depth--; depth <= 0 {
				return nil, nil
			}
			continue
		case slices.Contains(tags, e.tag) && e.place(dwarf.AttrDeclaration) == 0 && u.is(&e, name):
			found := u.convert(&e, maxTypes)
			return found, u.pages.step(1) // what was not looked at for want of time is missing
		}
		outer := e.at == u.root.at || e.tag == dwarf.TagNamespace
		if e.children && (outer || !u.skipChildren(&c, &e, false)) {
			depth++
		}
		if depth > maxDepth {
			return nil, errForm
		}
	}
	return nil, nil
}

// is reports whether an entry has a name.
func (u *unit) is(e *entry, name string) bool {
	c := u.textAt(e, dwarf.AttrName)
	return c.is(name)
}
