package detect

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

const traceFolder = "/sys/kernel/tracing"

// TraceFolder returns a path under which tracefs can be read: the usual one when it is
// mounted there, or one through a file descriptor of this process. The path stays good
// until the process ends.
var TraceFolder = sync.OnceValues(func() (string, error) {
	for _, path := range []string{traceFolder, "/sys/kernel/debug/tracing"} {
		if isTracefs(path) {
			return path, nil
		}
	}
	fd, err := mountDetached("tracefs")
	if err != nil {
		return "", &NoTracefs{err}
	}
	path := fmt.Sprintf("/proc/self/fd/%d", fd)
	if !isTracefs(path) {
		return "", &NoTracefs{errors.New("/proc is not mounted")}
	}
	return path, nil
})

// NoTracefs is the error when tracefs cannot be reached; tracepoints then have no
// formats.
type NoTracefs struct{ Err error }

func (e *NoTracefs) Error() string {
	switch {
	case errors.Is(e.Err, unix.EACCES):
		return "only its owner may read " + traceFolder + ": that needs CAP_DAC_READ_SEARCH, which this process does not have (run as root)"
	case errors.Is(e.Err, unix.EPERM):
		return "tracefs is not mounted, and mounting it needs CAP_SYS_ADMIN (run as root, or mount -t tracefs none " + traceFolder + ")"
	}
	return fmt.Sprintf("tracefs is not mounted and this kernel does not let us mount it: %v (try mount -t tracefs none %s)", e.Err, traceFolder)
}

func (e *NoTracefs) Unwrap() error { return e.Err }

func isTracefs(path string) bool {
	var info unix.Statfs_t
	return unix.Statfs(path, &info) == nil && uint32(info.Type) == unix.TRACEFS_MAGIC
}

// mountDetached mounts a file system where no path leads; the mount goes when its
// descriptor closes.
func mountDetached(filesystem string) (int, error) {
	context, err := unix.Fsopen(filesystem, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(context)
	if err := unix.FsconfigCreate(context); err != nil {
		return -1, err
	}
	return unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC)
}

func readTrace(path string, limit int) ([]byte, error) {
	folder, err := TraceFolder()
	if err != nil {
		return nil, err
	}
	text, err := readFile(filepath.Join(folder, path), limit)
	return text, unreadable(err)
}

func unreadable(err error) error {
	if errors.Is(err, unix.EACCES) {
		return &NoTracefs{unix.EACCES}
	}
	return err
}

// OpenTrace opens a file of tracefs for reading.
func OpenTrace(path string) (*os.File, error) {
	folder, err := TraceFolder()
	if err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join(folder, path))
	return file, unreadable(err)
}
