package attach

import (
	"errors"
	"os"
	"runtime"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"golang.org/x/sys/unix"
)

// Iterator is the link of an iterator. Unlike others it brings no events by itself: Run
// has the kernel go through its objects.
//
// cilium/ebpf attaches iterators, too, but to all processes or one map only.
type Iterator struct{ *os.File }

type iteratorAttributes struct {
	linkHeader
	info     unsafe.Pointer
	infoSize uint32
	_        uint32
}

// iteratorInfo is union bpf_iter_link_info: the objects of a process (its threads, and
// its files or its memory as a whole), or the order of a tree.
type iteratorInfo [4]uint32

const (
	iteratorCreate = 33
	// parentsFirst is BPF_CGROUP_ITER_DESCENDANTS_PRE.
	parentsFirst = 2
)

func attachIterator(r request, at object.IterPoint) ([]Link, error) {
	var info iteratorInfo
	attributes := iteratorAttributes{linkHeader: linkHeader{
		program: uint32(r.program.FD()), attach: uint32(ebpf.AttachTraceIter),
	}}
	switch {
	case at.Pid != 0:
		info[1] = uint32(at.Pid)
	case at.Name == "cgroup":
		info[0] = parentsFirst
	}
	if info != (iteratorInfo{}) {
		attributes.info, attributes.infoSize = unsafe.Pointer(&info), uint32(unsafe.Sizeof(info))
	}
	link, err := createLink(&attributes)
	runtime.KeepAlive(&info)
	if err != nil {
		return nil, err
	}
	return []Link{&Iterator{link}}, nil
}

// Run has the program run for each object, until there is none left or stopped says so.
// The kernel leaves its loop with EAGAIN after a million objects, and where the program
// wants an object again later, because the ring buffer is filling up: after wait it is
// asked to go on.
func (i *Iterator) Run(stopped func() bool, wait func()) error {
	attributes := struct{ link, flags uint32 }{link: uint32(i.Fd())}
	file, err := bpfFile(iteratorCreate, "iterator", unsafe.Pointer(&attributes), unsafe.Sizeof(attributes))
	if err != nil {
		return err
	}
	defer file.Close()
	buffer := make([]byte, 4096)
	for !stopped() {
		n, err := unix.Read(int(file.Fd()), buffer)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			wait()
		case err != nil:
			return err
		case n == 0:
			return nil
		}
	}
	return nil
}
