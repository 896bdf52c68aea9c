package attach

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
	"github.com/ponytrace/ponytrace/runtime/symbols"
	"golang.org/x/sys/unix"
)

// attachWatchpoint watches memory of the kernel on every CPU, that of processes in their
// threads. The command of -c inherits the watchpoint from the thread that starts it, where
// it is off until the command's program begins (enable_on_exec).
func attachWatchpoint(r request, at object.WatchPoint) ([]Link, error) {
	address, err := watchedAddress(at)
	if err != nil {
		return nil, err
	}
	links, err := watch(r, address, at)
	var known *explained
	if why := watchProblem(err, at, address); why != "" && !errors.As(err, &known) {
		return links, &explained{why, err}
	}
	return links, err
}

func watch(r request, address uint64, at object.WatchPoint) (links []Link, err error) {
	attributes := watched(at, address)
	switch {
	case at.File != "":
		return watchFile(r, at)
	case !at.Command:
		return attachCounter(r, attributes, at.Processes)
	}
	attributes.Bits |= unix.PerfBitInherit | unix.PerfBitDisabled | unix.PerfBitEnableOnExec
	l, err := attachPerf(r, attributes, at.Starter, everyCPU)
	if err != nil {
		return nil, err
	}
	return []Link{l}, nil
}

// watchFile watches memory of a file where each of the processes has it.
func watchFile(r request, at object.WatchPoint) (links []Link, err error) {
	for _, process := range at.Processes {
		start, err := mappedAt(process, at.File)
		if err != nil {
			return links, err
		}
		of, err := attachCounter(r, watched(at, start+at.Address-at.Start), []int{process})
		links = append(links, of...)
		if err != nil {
			return links, err
		}
	}
	return links, nil
}

// mappedAt is where a process has the first byte of a file. The file is known by its
// inode: file systems in layers have other numbers of devices there.
func mappedAt(process int, path string) (uint64, error) {
	start, err := safeopen.Within(safeopen.Patience, func() (uint64, error) {
		var file unix.Stat_t
		if err := unix.Stat(path, &file); err != nil {
			return 0, &explained{"there is no file " + diag.Printable(path) + " any more", err}
		}
		maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", process))
		if err != nil {
			return 0, &explained{"the process has ended", err}
		}
		defer maps.Close()
		return startIn(maps, file.Ino), nil
	})
	switch {
	case errors.Is(err, safeopen.ErrSlow), errors.Is(err, safeopen.ErrBusy):
		why := fmt.Sprintf("process %d does not tell in time what it has in its memory", process)
		return 0, &explained{why, err}
	case err == nil && start == 0:
		why := fmt.Sprintf("process %d does not have %s in its memory", process, diag.Printable(path))
		return 0, &explained{why, syscall.ESRCH}
	}
	return start, err
}

// startIn reads a map of memory for the beginning of a file, 0 where it is not there. A
// process may have read its file through memory besides, before or after the code: then
// the beginning counts that the code follows.
func startIn(maps io.Reader, inode uint64) (first uint64) {
	number := strconv.FormatUint(inode, 10)
	lines := bufio.NewReaderSize(maps, 64<<10)
	for last := uint64(0); ; {
		line, err := lines.ReadSlice('\n')
		if fields := strings.Fields(string(line)); len(fields) > 5 && fields[4] == number {
			if strings.Trim(fields[2], "0") == "" {
				last = startOf(fields[0])
				first = cmp.Or(first, last)
			}
			if last != 0 && strings.Contains(fields[1], "x") {
				return last
			}
		}
		if err != nil {
			return first
		}
	}
}

// startOf is the first number of "7f5a3000-7f5b9000".
func startOf(part string) uint64 {
	first, _, _ := strings.Cut(part, "-")
	start, _ := strconv.ParseUint(first, 16, 64)
	return start
}

// watchedAddress finds the symbol, if the point has one.
func watchedAddress(at object.WatchPoint) (uint64, error) {
	if at.Symbol == "" {
		return at.Address, nil
	}
	kernel := symbols.NewKernel()
	address, known := kernel.Address(at.Symbol)
	switch {
	case kernel.Err() != nil:
		return 0, kernel.Err()
	case !known:
		return 0, &explained{unknownSymbol(at.Symbol, kernel), syscall.ENOENT}
	}
	return address + at.Address, nil
}

// unknownSymbol says why a symbol is not found. Every kernel has the variable init_task.
func unknownSymbol(name string, kernel *symbols.Kernel) string {
	why := "this kernel has no symbol " + name
	if _, variables := kernel.Address("init_task"); !variables {
		return why + ": its table has functions alone (CONFIG_KALLSYMS_ALL)"
	}
	if near := symbols.NamesLike(name); len(near) > 0 {
		return why + "; did you mean " + strings.Join(near, ", ") + "?"
	}
	return why
}

// watched is the event. The length of an instruction is to be that of a long.
func watched(at object.WatchPoint, address uint64) unix.PerfEventAttr {
	length := at.Length
	if at.Mode == object.Executes {
		length = int(unsafe.Sizeof(uintptr(0)))
	}
	return unix.PerfEventAttr{
		Type: unix.PERF_TYPE_BREAKPOINT, Sample: 1, Bp_type: uint32(at.Mode),
		Ext1: address, Ext2: uint64(length),
	}
}

func watchProblem(err error, at object.WatchPoint, address uint64) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "the CPU has no register left to watch with: there are four on x86, and debuggers take some"
	case errors.Is(err, syscall.EINVAL) && address&uint64(at.Length-1) != 0:
		return fmt.Sprintf("the address %#x is not a multiple of %d", address, at.Length)
	case errors.Is(err, syscall.EINVAL):
		return fmt.Sprintf("the kernel lets nobody watch %#x", address)
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.EOPNOTSUPP):
		return "this kernel has no watchpoints (CONFIG_HAVE_HW_BREAKPOINT)"
	case errors.Is(err, syscall.ESRCH):
		return "the process has ended"
	}
	return ""
}
