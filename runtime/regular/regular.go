// Package regular opens files whose paths others control: those of traced processes, and those that a script makes of
// traced text. To open a device or a pipe may hang, or do something; a regular file (the kernel shows those of /proc as such)
// can only be read.
package regular

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// ErrNotRegular means that the path leads to a directory, device, pipe or socket.
var ErrNotRegular = errors.New("not a regular file")

// Open opens a regular file for reading. It looks before it opens: a path-only descriptor holds the file meanwhile, so that
// it cannot be exchanged.
func Open(path string) (*os.File, error) {
	place, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(place)
	var info unix.Stat_t
	if err := unix.Fstat(place, &info); err != nil {
		return nil, err
	}
	if info.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, ErrNotRegular
	}
	return os.Open("/proc/self/fd/" + strconv.Itoa(place))
}
