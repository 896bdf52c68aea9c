package detect

import (
	"errors"
	"runtime"
	"unsafe"

	"github.com/ponytrace/ponytrace/compiler/target"
	"golang.org/x/sys/unix"
)

// programAttributes and linkAttributes are the parts of union bpf_attr
// (include/uapi/linux/bpf.h) that the probes need. cilium/ebpf loads programs too,
// but for a tracing program it first indexes all kernel types (20 ms), and it cannot send
// a link request that is wrong on purpose.
type programAttributes struct {
	kind, count       uint32
	instructions      unsafe.Pointer
	license           unsafe.Pointer
	logLevel, logSize uint32
	log               uint64
	version, flags    uint32
	name              [16]byte
	device, attach    uint32
	btf, functionSize uint32
	functions         uint64
	functionCount     uint32
	lineSize          uint32
	lines             uint64
	lineCount         uint32
	attachTo          uint32
	attachObject      uint32
	_                 uint32
}

type linkAttributes struct {
	program, target, attach, flags uint32
	multiFlags, count              uint32
	symbols, addresses, cookies    uint64
}

type uprobeAttributes struct {
	program, target, attach, flags   uint32
	path, offsets, counters, cookies unsafe.Pointer
	count, multiFlags, pid           uint32
	_                                uint32
}

const (
	programLoad, linkCreate   = 5, 28
	kprobeProgram, tracing    = 2, 26
	fentryAttach, multiAttach = 24, 42
	uprobeMultiAttach         = 48
	returnZero                = "\xb7\x00\x00\x00\x00\x00\x00\x00\x95\x00\x00\x00\x00\x00\x00\x00" // r0 = 0; exit
	impossible                = 1 << 31
)

func bpf(command uintptr, attributes unsafe.Pointer, size uintptr) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_BPF, command, uintptr(attributes), size)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

func loadProgram(kind, attach, attachTo uint32) (int, error) {
	code, license := []byte(returnZero), []byte("GPL\x00")
	a := programAttributes{
		kind: kind, count: uint32(len(code) / 8), instructions: unsafe.Pointer(&code[0]), license: unsafe.Pointer(&license[0]),
		attach: attach, attachTo: attachTo,
	}
	fd, err := bpf(programLoad, unsafe.Pointer(&a), unsafe.Sizeof(a))
	runtime.KeepAlive(code)
	runtime.KeepAlive(license)
	return fd, err
}

// fentryRefused asks for a tracing program on a type that is no function. A kernel with
// tracing programs says that the request makes no sense; one that does not allow them at
// all says so first. Before 5.11 EPERM proves nothing: it is also the answer while the
// memory of programs that were just closed still counts.
// https://elixir.bootlin.com/linux/v5.10/source/kernel/bpf/syscall.c (__bpf_prog_charge)
func fentryRefused(t *target.Target) bool {
	if !t.Version.AtLeast(5, 11) {
		return false
	}
	fd, err := loadProgram(tracing, fentryAttach, 1)
	if err == nil {
		unix.Close(fd)
	}
	return errors.Is(err, unix.EPERM)
}

// uprobeMulti asks for a link to a place in a file that is none. Loading the program proves
// nothing, as kernels from before such links load it. EINVAL is what those answer, which
// do not know the kind of link; one that does looks the file up first.
// https://elixir.bootlin.com/linux/v6.6/source/kernel/trace/bpf_trace.c
// (bpf_uprobe_multi_link_attach)
func uprobeMulti() bool {
	program, err := loadProgram(kprobeProgram, uprobeMultiAttach, 0)
	if err != nil {
		return false
	}
	defer unix.Close(program)
	path, offset := []byte("/\x00"), uint64(0)
	a := uprobeAttributes{
		program: uint32(program), attach: uprobeMultiAttach, path: unsafe.Pointer(&path[0]),
		offsets: unsafe.Pointer(&offset), count: 1,
	}
	link, err := bpf(linkCreate, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err == nil {
		unix.Close(link)
	}
	return errors.Is(err, unix.EBADF)
}

// kprobeMulti asks for a link that is wrong in its flags: EINVAL comes from code that
// exists only with CONFIG_FPROBE, and EOPNOTSUPP from what stands in its place.
func kprobeMulti() bool {
	program, err := loadProgram(kprobeProgram, multiAttach, 0)
	if err != nil {
		return false
	}
	defer unix.Close(program)
	a := linkAttributes{program: uint32(program), attach: multiAttach, multiFlags: impossible}
	link, err := bpf(linkCreate, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err == nil {
		unix.Close(link)
	}
	return errors.Is(err, unix.EINVAL)
}
