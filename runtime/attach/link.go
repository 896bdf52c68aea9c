package attach

import (
	"errors"
	"os"
	"unsafe"

	"github.com/ponytrace/ponytrace/compiler/target"
	"golang.org/x/sys/unix"
)

// linkHeader begins the part of union bpf_attr that makes a link
// (include/uapi/linux/bpf.h). cilium/ebpf hands no cookies on for perf events that were
// opened elsewhere, and for uprobe_multi it reads the program of the path anew.
type linkHeader struct{ program, target, attach, flags uint32 }

type perfLinkAttributes struct {
	linkHeader
	cookie uint64
}

type multiLinkAttributes struct {
	linkHeader
	path, offsets, counters, cookies unsafe.Pointer
	count, flags, pid                uint32
	_                                uint32
}

const linkCreate = 28

func createLink[T perfLinkAttributes | multiLinkAttributes | iteratorAttributes](attributes *T) (*os.File, error) {
	return bpfFile(linkCreate, "link", unsafe.Pointer(attributes), unsafe.Sizeof(*attributes))
}

func bpfFile(command uintptr, name string, attributes unsafe.Pointer, size uintptr) (*os.File, error) {
	fd, _, errno := unix.Syscall(unix.SYS_BPF, command, uintptr(attributes), size)
	if errno != 0 {
		return nil, errno
	}
	return os.NewFile(fd, name), nil
}

// files are what attaches a program, in the order in which they are to be closed.
type files []*os.File

func (list files) Close() (err error) {
	for _, file := range list {
		err = errors.Join(err, file.Close())
	}
	return err
}

// opened leads to the file that was read when the script was compiled, whatever its path
// leads to by now.
func opened(machine *target.Target, path string) string {
	binary, err := machine.Binary(path)
	if file, ok := binary.(interface{ Place() string }); ok && err == nil {
		return file.Place()
	}
	return path
}
