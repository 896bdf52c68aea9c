package binary

import (
	"debug/dwarf"
	"debug/elf"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// goAssembly marks functions in assembly, since Go 1.18.
const goAssembly = 4

// Goroutine returns how probes at some places find the number of the goroutine.
func (f *File) Goroutine(places []uint64) (target.Goroutine, error) {
	return ask(f, func() (g target.Goroutine, err error) {
		table, err := f.goTable()
		if err != nil {
			return g, err
		}
		g.Register = target.GoroutineRegister(architectures[f.elf.Machine], f.goVersion())
		for _, offset := range places {
			address, loaded := f.address(offset)
			if table == nil || !loaded {
				return g, target.ErrNotGo
			}
			d, known := table.describe(address)
			if !known {
				return g, target.ErrNotGo
			}
			if d.unusual && f.elf.Machine == elf.EM_X86_64 {
				g.Register = -1
			}
		}
		if g.Register < 0 {
			if g.Thread, err = f.goroutineOfThread(); err != nil {
				return g, err
			}
		}
		g.ID, err = f.goroutineID()
		return g, err
	})
}

// goroutineOfThread returns where the variable of the thread is that has the address of
// the goroutine. The variables that a program has for each thread end at the thread's
// pointer; Go's own linker makes no other one, and may then leave it undeclared.
func (f *File) goroutineOfThread() (int, error) {
	i := slices.IndexFunc(f.elf.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_TLS })
	if i < 0 || f.elf.Progs[i].Memsz == wordSize {
		return -wordSize, nil
	}
	size, align := f.elf.Progs[i].Memsz, max(f.elf.Progs[i].Align, 1)
	if size > maxValue || align > maxAlign {
		return 0, target.ErrGoroutineLost
	}
	end := int((size + align - 1) / align * align)
	for _, table := range f.symbolTables() {
		at, err := f.threadVariable(table, "runtime.tlsg")
		if err != nil || at >= 0 && at < end {
			return at - end, err
		}
	}
	return 0, target.ErrGoroutineLost
}

// threadVariable returns where among those of a thread a variable of a table is; -1 where
// it is not there.
func (f *File) threadVariable(table *elf.Section, name string) (at int, err error) {
	names, err := f.open(f.elf.Sections[table.Link])
	if err != nil {
		return 0, err
	}
	at = -1
	err = f.definitions(table, func(s symbol) error {
		text := names.from(uint64(s.name))
		if elf.ST_TYPE(s.info) == elf.STT_TLS && s.address < maxValue && text.is(name) {
			at = int(s.address)
		}
		return nil
	})
	return at, err
}

const wordSize = 8

// goroutineID takes what the debug information has, or what is known of the version.
func (f *File) goroutineID() (at int, err error) {
	at = -1
	info, none := f.debugFile().debugInfo()
	if none == nil {
		err = info.eachUnit(func(u *unit) {
			if at < 0 && u.is(&u.root, "runtime") {
				at = u.memberOf("runtime.g", "goid")
			}
		})
	}
	if err != nil || at >= 0 {
		return at, err
	}
	return target.GoroutineID(f.goVersion())
}

// memberOf returns where in a struct of a unit a member is; -1 where it is not.
func (u *unit) memberOf(name, member string) int {
	at := -1
	c := u.info.from(u.entries)
	for c.at < u.end {
		e, err := u.next(&c)
		if err != nil {
			return at
		}
		if e.tag == dwarf.TagStructType && u.is(&e, name) {
			u.eachChild(&e, func(child *entry) bool {
				if n, ok := u.memberPlace(child); ok && u.is(child, member) && n >= 0 && n < maxAlign {
					at = int(n)
				}
				return at < 0
			})
			return at
		}
		if e.at != u.root.at && e.children {
			u.skipChildren(&c, &e, false)
		}
	}
	return at
}
