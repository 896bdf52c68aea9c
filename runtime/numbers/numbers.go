// Package numbers names what the kernel numbers: errors, signals and system calls. The
// names are those of Linux, also where a page in a browser prints them.
package numbers

import (
	"cmp"
	"fmt"
	"runtime"
	"syscall"
	"unicode"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// Error returns the text of an error number as strerror(3) does; that of -n is that of n,
// since the kernel returns errors so.
func Error(number int64) string {
	if number < 0 {
		number = -number
	}
	text := syscall.Errno(number).Error()
	switch {
	case number == 0:
		return "Success"
	case text == fmt.Sprintf("errno %d", number):
		return fmt.Sprintf("Unknown error %d", number)
	}
	return capital(text)
}

// The real-time signals, of which the C library keeps the first two for itself.
const (
	firstRealTime = 34
	lastRealTime  = 64
)

// Signal returns the name of a signal as kill(1) writes it, SIGKILL or SIGRTMIN+3, and
// "N/A" for a number that is none. Rejected: strsignal(3), "Killed", which nobody can
// pass on to another program.
func Signal(number int64) string {
	switch {
	case number <= 0 || number > lastRealTime:
		return "N/A"
	case number >= firstRealTime:
		return fmt.Sprintf("SIGRTMIN+%d", number-firstRealTime)
	case number > int64(len(signals)):
		return fmt.Sprintf("SIG%d", number)
	}
	return signals[number-1]
}

// signals are those from 1 on: include/uapi/asm-generic/signal.h.
var signals = [...]string{
	"SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE",
	"SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT",
	"SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU",
	"SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
}

// Syscall returns the name of a system call of this machine. Without one, where wasm runs,
// it is that of x86_64.
func Syscall(number int64) string {
	arch := map[string]string{"amd64": "x86_64", "arm64": "arm64", "wasm": "x86_64"}[runtime.GOARCH]
	return cmp.Or(target.SyscallName(arch, number), "Unknown syscall")
}

// capital writes the first letter as the C library does and Go does not.
func capital(text string) string {
	return string(unicode.ToUpper(rune(text[0]))) + text[1:]
}
