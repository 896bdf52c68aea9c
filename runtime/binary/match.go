package binary

import (
	"debug/elf"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// batch is how many of the functions that match are made out at once: what visits them may
// ask the file in between.
const batch = 256

// Match visits the functions that have a name like the pattern.
func (f *File) Match(pattern string, visit func(target.BinaryFunction) bool) error {
	wanted, err := target.ParsePattern(pattern)
	if err != nil {
		return err
	}
	found, err := ask(f, func() (*Table, error) { return f.matching(wanted) })
	if err != nil {
		return err
	}
	for at := 0; at < len(found.entries); at += batch {
		next := found.entries[at:min(at+batch, len(found.entries))]
		for _, e := range next {
			if offset, inside := f.offset(e.address); inside && !visit(found.function(e, offset)) {
				return nil
			}
		}
	}
	return nil
}

// function makes out an entry.
func (t *Table) function(e function, offset uint64) target.BinaryFunction {
	return target.BinaryFunction{
		Name: string(t.text(e)), Address: e.address, Offset: offset, Size: e.size,
	}
}

// matching collects the functions, with their names in a list of its own.
func (f *File) matching(wanted *target.Pattern) (*Table, error) {
	t := &Table{room: maxTable, names: [][]byte{nil}}
	add := func(s symbol, name []byte) error {
		if !wanted.Matches(string(name)) {
			return nil
		}
		if !t.take(uint64(functionSize + len(name) + 1)) {
			return ErrNoRoom
		}
		t.entries = append(t.entries, function{
			address: s.address, size: s.size, name: uint32(len(t.names[0])), rank: rank(name, elf.ST_BIND(s.info)),
		})
		t.names[0] = append(append(t.names[0], name...), 0)
		return nil
	}
	if err := f.eachFunction(add); err != nil {
		return nil, err
	}
	t.order()
	return t, nil
}

// eachFunction visits the functions of the symbol tables, and those of Go's table or of
// the debug file where the symbols of the program were taken off.
func (f *File) eachFunction(visit func(s symbol, name []byte) error) error {
	if err := f.eachSymbol(visit); err != nil || f.elf.SectionByType(elf.SHT_SYMTAB) != nil {
		return err
	}
	table, err := f.goTable()
	if err != nil {
		return err
	}
	if table != nil {
		return table.eachName(visit)
	}
	if debug := f.debugFile(); debug != f {
		return debug.eachSymbol(visit)
	}
	return nil
}

// eachSymbol visits the functions of this file's symbol tables.
func (f *File) eachSymbol(visit func(s symbol, name []byte) error) error {
	for _, table := range f.symbolTables() {
		names, err := f.open(f.elf.Sections[table.Link])
		if err != nil {
			return err
		}
		err = symbols(f.elf, table, func(s symbol) error {
			name := names.from(uint64(s.name))
			if err := visit(s, name.bytes(maxName)); err != nil {
				return err
			}
			return f.pages.step(1)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachName visits the functions of Go's table.
func (t *goTable) eachName(visit func(s symbol, name []byte) error) (err error) {
	walked := t.each(func(start, end, description uint64) bool {
		name := t.from(t.names + uint64(t.nameAt(description)))
		err = visit(symbol{address: t.text + start, size: end - start}, name.bytes(maxName))
		return err == nil
	})
	if err != nil {
		return err
	}
	return walked
}
