package binary

import (
	"debug/elf"
	"slices"
)

// Variables returns the addresses of the variables of a name: those of the program, or of
// its debug file where the program has none. What each thread has for itself is not among
// them.
func (f *File) Variables(name string) ([]uint64, error) {
	return ask(f, func() ([]uint64, error) {
		found, err := f.variables(name)
		if debug := f.debugFile(); len(found) == 0 && err == nil && debug != f {
			found, err = debug.variables(name)
		}
		slices.Sort(found)
		return slices.Compact(found), err
	})
}

func (f *File) variables(name string) (found []uint64, err error) {
	for _, table := range f.symbolTables() {
		names, err := f.open(f.elf.Sections[table.Link])
		if err != nil {
			return nil, err
		}
		err = f.definitions(table, func(s symbol) error {
			text := names.from(uint64(s.name))
			if inMemory(s) && len(found) < maxNamed && text.is(name) {
				found = append(found, s.address)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// inMemory reports a symbol whose value is an address: of a variable, a function, or of
// code in assembly, which often has no type.
func inMemory(s symbol) bool {
	switch elf.ST_TYPE(s.info) {
	case elf.STT_NOTYPE, elf.STT_OBJECT, elf.STT_COMMON, elf.STT_FUNC:
		return s.section < uint16(elf.SHN_LORESERVE)
	}
	return false
}
