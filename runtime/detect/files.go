package detect

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// FewFiles are enough for a small script, and for asking the kernel before.
const FewFiles = 64

// leastFiles: with fewer not even the runtime of Go can work.
const leastFiles = 16

// AllowFiles raises the limit of open files to n, or as far as the process may, and fails
// when that leaves too few for anything. It raises no further than to n: the command of
// -c inherits the limit.
func AllowFiles(n uint64) error {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur >= n {
		return nil
	}
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: max(n, limit.Max)}) != nil { // needs CAP_SYS_RESOURCE
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: min(n, limit.Max), Max: limit.Max})
	}
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && limit.Cur < leastFiles {
		return FilesNeeded(n)
	}
	return nil
}

// TooManyFiles reports whether an error means that the process may open no more files.
// The loader has errors that only tell it in words.
func TooManyFiles(err error) bool {
	return err != nil && (errors.Is(err, unix.EMFILE) || strings.Contains(err.Error(), unix.EMFILE.Error()))
}

// FilesNeeded is the error for a process that needs about n open files.
func FilesNeeded(n uint64) error {
	var limit unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	return fmt.Errorf("this needs about %d open files, and the process may open %d: raise the limit with ulimit -n, "+
		"or run with CAP_SYS_RESOURCE", n, limit.Cur)
}
