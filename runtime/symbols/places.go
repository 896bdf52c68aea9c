package symbols

import "github.com/ponytrace/ponytrace/runtime/binary"

// InFile returns the build ID of the file that an address of a process lies in, in
// hexadecimal, and the address's offset in that file; "" and 0 where there is none, as in
// code that the process made. They are what the kernel gives with BPF_F_USER_BUILD_ID.
// That was not taken: the kernel finds an ID only where it is in the file's first page and
// that is in memory, keeps 32 bytes for a frame, and knows no caller at a function's entry.
// https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/stackmap.c
// (stack_map_get_build_id_offset)
func (u *User) InFile(pid int, address uint64) (id string, offset uint64) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	m, ok := u.find(pid, address)
	if !ok || m.made() || m.file.inode == 0 {
		return "", 0
	}
	if id = u.buildID(pid, m); id == "" {
		return "", 0
	}
	return id, address - m.start + m.offset
}

func (u *User) buildID(pid int, m mapping) string {
	s := &u.sources
	if id, known := s.ids[m.file]; known {
		return id
	}
	id, asked := askFile(u, pid, m, (*binary.File).BuildID)
	if asked {
		u.shrinkSources()
		s.ids[m.file] = id
		s.bytes += frameSize + len(id)
	}
	return id
}
