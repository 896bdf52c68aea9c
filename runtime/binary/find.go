package binary

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang/order"
)

// Functions returns the functions of a name: first those that programs are linked with
// today, then by address.
func (f *File) Functions(name string) ([]target.BinaryFunction, error) {
	return ask(f, func() (functions, error) {
		found, err := f.find(name)
		if err == nil {
			found, err = f.choices(found)
		}
		if err != nil {
			return nil, err
		}
		order.Stable(found, func(a, b target.BinaryFunction) int {
			if a.Old != b.Old {
				return cmp.Compare(oldness(a), oldness(b))
			}
			return cmp.Compare(a.Address, b.Address)
		})
		return found, f.bound(found)
	})
}

func oldness(f target.BinaryFunction) int {
	if f.Old {
		return 1
	}
	return 0
}

// find looks for the linker's name, and only if there is none for that of the source.
func (f *File) find(name string) (found functions, err error) {
	name, version, _ := strings.Cut(name, "@")
	version = strings.TrimPrefix(version, "@")
	wanted := f.named(name)
	for _, is := range []func([]byte) bool{wanted.byLinker, wanted.bySource} {
		err = f.eachFunction(func(in *File, s symbol, name []byte) error {
			if is(name) {
				if text := in.versionOf(s); version == "" || version == text {
					found = f.append(found, functionOf(s, name, text))
				}
			}
			return wanted.err
		})
		if len(found) > 0 || err != nil {
			break
		}
	}
	return found, err
}

func functionOf(s symbol, name []byte, version string) target.BinaryFunction {
	return target.BinaryFunction{
		Name: string(name), Source: sourceOf(name), Address: s.address, Size: s.size,
		Version: version, Old: s.old, Indirect: s.indirect(),
	}
}

func sourceOf(name []byte) string {
	if !Mangled(name) {
		return ""
	}
	return Decode(string(name))
}

// append adds a function that lies in the file. Of several names of an address it keeps
// one.
func (f *File) append(list functions, found target.BinaryFunction) functions {
	offset, inside := f.offset(found.Address)
	if !inside {
		return list
	}
	found.Offset = offset
	known := slices.IndexFunc(list, func(b target.BinaryFunction) bool {
		return b.Address == found.Address
	})
	switch {
	case known >= 0 && list[known].Old && !found.Old:
		list[known] = found
	case known < 0 && len(list) < maxNamed:
		list = append(list, found)
	}
	return list
}

// bound gives functions without a size that which they have up to the next one.
func (f *File) bound(list functions) error {
	var addresses []uint64
	for _, function := range list {
		if function.Size == 0 {
			addresses = append(addresses, function.Address)
		}
	}
	ends, err := f.ends(addresses)
	for i := range list {
		if end, known := ends[list[i].Address]; known && list[i].Size == 0 {
			list[i].Size = end - list[i].Address
		}
	}
	return err
}

// sectionsOfStep is how many sections are looked through in a step.
const sectionsOfStep = 32

// ends returns for addresses of functions where the next one begins, or the section ends.
func (f *File) ends(addresses []uint64) (map[uint64]uint64, error) {
	if len(addresses) == 0 {
		return nil, nil
	}
	slices.Sort(addresses)
	ends := map[uint64]uint64{}
	for i, address := range addresses {
		if err := f.pages.step(1 + len(f.elf.Sections)/sectionsOfStep); err != nil {
			return nil, err
		}
		if s := f.codeSection(address); s != nil && s.Addr+s.Size > address {
			ends[address] = s.Addr + s.Size
		}
		if i == 0 || addresses[i-1] == address {
			continue
		}
		if end, known := ends[addresses[i-1]]; known {
			ends[addresses[i-1]] = min(end, address)
		}
	}
	err := f.eachFunction(func(_ *File, s symbol, _ []byte) error {
		at, _ := slices.BinarySearch(addresses, s.address)
		if at == 0 {
			return nil
		}
		before := addresses[at-1]
		if end, known := ends[before]; known && s.address < end {
			ends[before] = s.address
		}
		return nil
	})
	return ends, err
}
