package binary

import (
	"debug/dwarf"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/types"
)

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
			return u.convert(&e, maxTypes), nil
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
