package runtime

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// # Holding the command of -c
//
// Programs that walk stacks by tables need those of the command before it runs the code
// that they are of. So it is held by ptrace, from its exec on:
//
//	at the exec           the program, its loader (ld.so) and the vdso have their tables
//	system calls          a library that is mapped gets its table
//	at the entry point    all that it begins with is there: the command is let go
//
// A program without a loader is let go at its exec. A breakpoint of the CPU finds the entry
// point. Rejected: an instruction in its place, as a probe may put one there, too. Rejected:
// the first system call from elsewhere than the loader, which in musl is the library.
//
// A signal ends the holding, so that all that job control needs stays the kernel's. Who is
// traced already, or may not trace, does not hold: without CAP_SYS_PTRACE the kernel starts
// programs such as sudo without their privileges where they are traced.
//
// https://man7.org/linux/man-pages/man2/ptrace.2.html

// held is the command while ptrace holds it. One thread does all of it: the one that
// started the command.
type held struct {
	pid    int
	mapped func(pid int) // visits the process when there is more code
	maps   bool          // the system call at hand maps code
}

// The stops of a process by what waiting for it gives.
const (
	systemCallStop = int32(unix.SIGTRAP | 0x80)
	execStop       = int32(unix.SIGTRAP | unix.PTRACE_EVENT_EXEC<<8)
)

// untilEntry holds the process until it is at its entry point, or has ended.
func (h *held) untilEntry() {
	stop, alive := h.executed()
	for ; alive; stop, alive = h.wait() {
		if !h.stopped(stop) || unix.PtraceSyscall(h.pid, 0) != nil {
			h.release(stop)
			return
		}
	}
}

// executed waits for the first exec, which is told by a signal. Others may come before.
func (h *held) executed() (stop int32, alive bool) {
	for stop, alive = h.wait(); alive && stop != int32(unix.SIGTRAP); stop, alive = h.wait() {
		_ = unix.PtraceCont(h.pid, int(stop))
	}
	return execStop, alive
}

// stopped does what a stop is for. It reports whether the process is held further.
func (h *held) stopped(stop int32) bool {
	switch stop {
	case execStop:
		h.mapped(h.pid)
		return h.begin()
	case systemCallStop:
		h.systemCall()
		return true
	}
	return false
}

const holdOptions = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL

// begin prepares to hold a process that has just executed a program. It reports whether
// there is a loader to wait for.
func (h *held) begin() bool {
	entry, loaded := entryOf(h.pid)
	return loaded && h.systemCallInfo().arch == unix.AUDIT_ARCH_X86_64 &&
		unix.PtraceSetOptions(h.pid, holdOptions) == nil && h.breakAt(entry) == nil
}

// release lets the process go, with the signal that it stopped for.
func (h *held) release(stop int32) {
	_ = h.debug(debugControl, 0)
	signal := uintptr(stop)
	if stop == execStop || stop == systemCallStop || h.atBreakpoint(stop) {
		signal = 0
	}
	_, _, _ = unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(h.pid), 0, signal, 0, 0)
}

// systemCall is at the beginning or the end of a system call.
func (h *held) systemCall() {
	switch info := h.systemCallInfo(); info.operation {
	case unix.PTRACE_SYSCALL_INFO_ENTRY:
		protects := info.number == unix.SYS_MMAP || info.number == unix.SYS_MPROTECT
		h.maps = protects && info.arguments[2]&unix.PROT_EXEC != 0
	case unix.PTRACE_SYSCALL_INFO_EXIT:
		if h.maps {
			h.mapped(h.pid)
		}
	}
}

// systemCallInfo is struct ptrace_syscall_info of include/uapi/linux/ptrace.h, for the
// beginning of a call.
type systemCallInfo struct {
	operation    uint8
	_            [3]byte
	arch         uint32
	place, stack uint64
	number       uint64
	arguments    [6]uint64
}

func (h *held) systemCallInfo() (info systemCallInfo) {
	_, _, _ = unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(h.pid),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	return info
}

// Where struct user of arch/x86/include/asm/user_64.h has debug registers: the first, and
// the one that turns them on, whose bit 0 is for the first one as a breakpoint.
const (
	debugAddress = 848
	debugControl = debugAddress + 7*8
	firstOn      = 1
)

func (h *held) breakAt(address uint64) error {
	if err := h.debug(debugAddress, address); err != nil {
		return err
	}
	return h.debug(debugControl, firstOn)
}

func (h *held) debug(register uintptr, value uint64) error {
	_, err := unix.PtracePokeUser(h.pid, register, binary.NativeEndian.AppendUint64(nil, value))
	return err
}

// atBreakpoint reports whether a stop is that of the breakpoint.
func (h *held) atBreakpoint(stop int32) bool {
	const breakpoint = 4 // TRAP_HWBKPT of include/uapi/asm-generic/siginfo.h
	var info unix.Siginfo
	_, _, failed := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GETSIGINFO, uintptr(h.pid), 0,
		uintptr(unsafe.Pointer(&info)), 0, 0)
	return failed == 0 && stop == int32(unix.SIGTRAP) && info.Code == breakpoint
}

// wait waits for a stop. A process that has ended is left to others.
func (h *held) wait() (stop int32, alive bool) {
	const (
		trapped  = 4  // CLD_TRAPPED
		statusAt = 24 // of struct siginfo
	)
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, h.pid, &info, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT, nil)
		if err == unix.EINTR {
			continue
		}
		status := *(*int32)(unsafe.Add(unsafe.Pointer(&info), statusAt))
		return status, err == nil && info.Code == trapped
	}
}

// entryOf returns where the code of a process's program begins, and whether a loader runs
// before. The kernel tells both to the process.
func entryOf(pid int) (entry uint64, loaded bool) {
	const (
		most   = 4096
		loader = 7 // AT_BASE
		begins = 9 // AT_ENTRY
	)
	file, err := os.Open(fmt.Sprintf("/proc/%d/auxv", pid))
	if err != nil {
		return 0, false
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most))
	for ; err == nil && len(text) >= 16; text = text[16:] {
		switch value := binary.NativeEndian.Uint64(text[8:]); binary.NativeEndian.Uint64(text) {
		case loader:
			loaded = value != 0
		case begins:
			entry = value
		}
	}
	return entry, loaded && entry != 0
}
