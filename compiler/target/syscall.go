package target

import "strings"

//go:generate go run ../../internal/syscallnames

// syscallNames are those of an architecture by their numbers. They are arrays, which need
// no work at the start.
func syscallNames(arch string) []string {
	switch arch {
	case "x86_64":
		return amd64Calls[:]
	case "arm64":
		return arm64Calls[:]
	}
	return nil
}

// SyscallName returns the name of a system call of an architecture, or nothing.
func SyscallName(arch string, number int64) string {
	names := syscallNames(arch)
	if number < 0 || number >= int64(len(names)) {
		return ""
	}
	return names[number]
}

// The tracepoints of a system call have the name of the function that serves it, which is
// not always that of its number.
// https://elixir.bootlin.com/linux/v6.12/source/arch/x86/entry/syscalls/syscall_64.tbl,
// https://elixir.bootlin.com/linux/v6.12/source/include/uapi/asm-generic/unistd.h
var syscallFunctions = map[string]map[string]string{
	"x86_64": {
		"newstat": "stat", "newfstat": "fstat", "newlstat": "lstat", "newuname": "uname", "sendfile64": "sendfile",
		"umount": "umount2",
	},
	"arm64": {
		"newfstatat": "fstatat", "newfstat": "fstat", "newuname": "uname", "sendfile64": "sendfile",
		"umount": "umount2", "fadvise64_64": "fadvise64",
	},
}

// SyscallNumber returns the number of the system call whose tracepoints end in a name,
// sys_enter_NAME and sys_exit_NAME.
func (t *Target) SyscallNumber(name string) (int, bool) {
	if other, renamed := syscallFunctions[t.Arch][name]; renamed {
		name = other
	}
	number, known := syscallNumbers(t.Arch)[name]
	return number, known
}

var knownSyscalls answers[string, map[string]int]

func syscallNumbers(arch string) map[string]int {
	return knownSyscalls.get(arch, func() map[string]int {
		numbers := map[string]int{}
		for number, name := range syscallNames(arch) {
			if name != "" {
				numbers[name] = number
			}
		}
		return numbers
	})
}

// The tracepoints of all system calls.
const (
	SyscallEnter = "sys_enter"
	SyscallExit  = "sys_exit"
)

// SplitSyscall parts the name of a system call's tracepoint, sys_enter_openat or
// sys_exit_openat, into that of the tracepoint of all system calls and its own.
func SplitSyscall(name string) (all, call string) {
	for _, all := range []string{SyscallEnter, SyscallExit} {
		if call, found := strings.CutPrefix(name, all+"_"); found {
			return all, call
		}
	}
	return "", ""
}

// Flag is some bits of a word of the kernel.
type Flag struct {
	Offset, Size int
	Mask         int64
}

// CompatCall is what is set, at an offset from struct task_struct, while a thread is in a
// system call of the other instruction set, 32 bits wide, in which numbers mean other
// calls. The struct thread_info stands at the front.
//
// https://elixir.bootlin.com/linux/v6.12/source/arch/x86/include/asm/thread_info.h
// (status, TS_COMPAT),
// https://elixir.bootlin.com/linux/v6.12/source/arch/arm64/include/asm/thread_info.h
// (flags, TIF_32BIT)
func (t *Target) CompatCall() Flag {
	switch {
	case t.Arch == "arm64":
		return Flag{Offset: 0, Size: 8, Mask: 1 << 22}
	case t.Version.AtLeast(5, 11): // which put syscall_work before it
		return Flag{Offset: 16, Size: 4, Mask: 2}
	}
	return Flag{Offset: 8, Size: 4, Mask: 2}
}
