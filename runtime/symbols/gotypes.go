package symbols

import "github.com/ponytrace/ponytrace/runtime/binary"

// goType is where a type of Go is described, or a table that leads there.
type goType struct {
	place
	indirect bool
}

// GoType returns the name of a type of Go, as Go's %T prints it: by the address of its
// description in a process, or, with indirect, of the table of an interface that leads
// there. Types that the program made while it ran have none.
//
// Descriptions are data, and what is known of a process is where its code is. But linkers
// put both at a fixed distance, the data behind the code (lld also before it, but then the
// program is the first thing in memory).
func (u *User) GoType(pid int, address uint64, indirect bool) (string, bool) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	m, ok := u.findBy(preceding, pid, address)
	if !ok || m.made() {
		return "", false
	}
	s, at := &u.sources, goType{place{m.file, address - m.start + m.offset}, indirect}
	if name, known := s.types[at]; known {
		return name, name != ""
	}
	name, asked := askFile(u, pid, m, func(file *binary.File) (string, error) {
		return file.GoType(m.offset, address-m.start, indirect)
	})
	if asked {
		u.shrinkSources()
		s.types[at] = name
		s.bytes += frameSize + len(name)
	}
	return name, name != ""
}
