package safeopen

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

// ErrNotStored means that the kernel makes up the file as it is read.
var ErrNotStored = errors.New("not a file that is stored anywhere")

// madeUp are the file systems of such files. To read or even to open some of them has an
// effect: of /proc/kmsg and tracefs's trace_pipe nobody else reads what was read once.
var madeUp = []int64{
	unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC,
	unix.SECURITYFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC,
	unix.BPF_FS_MAGIC, unix.EFIVARFS_MAGIC, unix.PSTOREFS_MAGIC, unix.SELINUX_MAGIC,
	unix.SMACK_MAGIC, unix.AAFS_MAGIC, unix.BINFMTFS_MAGIC, unix.RDTGROUP_SUPER_MAGIC,
	unix.XENFS_SUPER_MAGIC, unix.NSFS_MAGIC,
}

// OpenStored opens a file of another tree, or of ours if root is empty, that is named by
// what others have written, and so must be one that they could have made.
func OpenStored(root, path string) (*File, error) {
	place, err := -1, error(nil)
	if root == "" {
		place, err = unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	} else {
		place, err = placeIn(root, path, 0)
	}
	if err != nil {
		return nil, err
	}
	var info unix.Statfs_t
	if err := unix.Fstatfs(place, &info); err != nil {
		unix.Close(place)
		return nil, err
	}
	if slices.Contains(madeUp, int64(info.Type)) {
		unix.Close(place)
		return nil, ErrNotStored
	}
	return openPlace(place)
}
