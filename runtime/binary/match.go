package binary

import (
	"slices"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// batch is how many of the functions that match are made out at once: what visits them
// may ask the file in between.
const batch = 256

// Match visits the functions that have a name like the pattern.
func (f *File) Match(pattern string, visit func(target.BinaryFunction) bool) error {
	wanted, err := f.like(pattern)
	if err != nil {
		return err
	}
	found, err := ask(f, func() (*Table, error) { return f.matching(wanted) })
	if err != nil {
		return err
	}
	for entries := range slices.Chunk(found.entries, batch) {
		list, err := ask(f, func() (functions, error) { return f.madeOut(found, entries), nil })
		if err != nil {
			return err
		}
		for _, function := range list {
			if !visit(function) {
				return nil
			}
		}
	}
	return nil
}

func (f *File) madeOut(t *Table, entries []function) (list functions) {
	for _, e := range entries {
		offset, inside := f.offset(e.address)
		if !inside {
			continue
		}
		name := t.text(e)
		function := target.BinaryFunction{
			Name: string(name), Source: sourceOf(name), Address: e.address, Offset: offset,
			Size: e.size, Old: e.flags&isOld != 0, Indirect: e.flags&isIndirect != 0,
		}
		switch {
		case e.flags&hasSuffix != 0:
			function.Version = string(t.behind(e))
		case e.flags&isChosen != 0:
			function.ChosenAs = string(t.behind(e))
		default:
			function.Version = f.version(e.version)
		}
		list = append(list, function)
	}
	return list
}

// matching collects the functions by address.
func (f *File) matching(wanted *naming) (*Table, error) {
	t := &Table{room: maxTable}
	var indirect functions
	err := f.eachFunction(func(_ *File, s symbol, name []byte) error {
		switch {
		case !wanted.byLinker(name) && !wanted.bySource(name):
			return wanted.err
		case s.indirect() && len(indirect) < maxNamed:
			indirect = f.append(indirect, functionOf(s, name, ""))
			return nil
		case s.suffix != nil:
			return t.add(s, name, s.suffix)
		}
		return t.add(s, name)
	})
	if err != nil {
		return nil, err
	}
	if err := f.addChoices(t, indirect); err != nil {
		return nil, err
	}
	t.order()
	return t, f.boundTable(t)
}

// addChoices adds the functions that those of the list choose from.
func (f *File) addChoices(t *Table, indirect functions) error {
	list, err := f.choices(indirect)
	if err != nil {
		return err
	}
	for _, function := range list {
		s := symbol{address: function.Address, size: function.Size, old: function.Old}
		if err := t.add(s, []byte(function.Name), []byte(function.ChosenAs)); err != nil {
			return err
		}
		added := &t.entries[len(t.entries)-1]
		if added.flags |= isChosen; function.Indirect {
			added.flags |= isIndirect
		}
	}
	return nil
}

// boundTable gives functions without a size that which they have up to the next one.
func (f *File) boundTable(t *Table) error {
	var addresses []uint64
	for _, e := range t.entries {
		if e.size == 0 {
			addresses = append(addresses, e.address)
		}
	}
	ends, err := f.ends(addresses)
	for i, e := range t.entries {
		if end, known := ends[e.address]; known && e.size == 0 {
			t.entries[i].size = end - e.address
		}
	}
	return err
}
