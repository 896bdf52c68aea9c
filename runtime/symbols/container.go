package symbols

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ponytrace/ponytrace/lang/diag"
	"golang.org/x/sys/unix"
)

// CgroupFolder returns the folder of a control group (version 2) that the user names: as
// a path, or by its place below the mounted hierarchy, as systemd-cgls and
// /proc/PID/cgroup write it.
func CgroupFolder(name string) (string, error) {
	mount, err := unified()
	switch {
	case name == "": // below the mounted hierarchy, that would be all of it
		return "", errors.New("the name of the control group is empty")
	case err != nil:
		return "", err
	case isCgroup(name):
		return filepath.Abs(name)
	case isCgroup(filepath.Join(mount, name)):
		return filepath.Join(mount, name), nil
	}
	return "", fmt.Errorf("there is no control group %s, neither as a folder nor below %s",
		diag.Printable(name), diag.Printable(mount))
}

func isCgroup(folder string) bool {
	var system unix.Statfs_t
	return unix.Statfs(folder, &system) == nil && system.Type == unix.CGROUP2_SUPER_MAGIC
}

func unified() (mount string, err error) {
	for _, h := range mountedHierarchies("/proc/self/mounts") {
		if h.name == "unified" {
			return h.mount, nil
		}
	}
	return "", errors.New("control groups of version 2 are not mounted here (mount -t cgroup2 none /sys/fs/cgroup)")
}

// ContainerFolder returns the folder of the control group of a container. The programs
// that run containers name the folders in ways of their own:
//
//	docker, moby       docker/ID, system.slice/docker-ID.scope
//	containerd, k8s    .../cri-containerd-ID.scope, kubepods/.../ID
//	CRI-O, podman      .../crio-ID.scope, .../libpod-ID.scope
//	LXC                lxc.payload.NAME, lxc/NAME
//	systemd-nspawn     machine.slice/systemd-nspawn@NAME.service, machine-NAME.scope
//
// The beginning of an ID will do where it has at least four digits and one container
// alone has it.
func ContainerFolder(id string) (string, error) {
	if id == "" {
		return "", errors.New("the name of the container is empty")
	}
	mount, err := unified()
	if err != nil {
		return "", err
	}
	var found []string
	folders := 0
	err = filepath.WalkDir(mount, func(full string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || !entry.IsDir():
			return nil
		case folders > maxCgroupFolders:
			return fmt.Errorf("there are more than %d control groups; --cgroup takes the path of one", maxCgroupFolders)
		}
		folders++
		if full != mount && isContainer(entry.Name(), id) {
			found = append(found, full)
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return onlyContainer(id, mount, found)
}

func onlyContainer(id, mount string, found []string) (string, error) {
	switch len(found) {
	case 0:
		return "", fmt.Errorf("no control group below %s belongs to a container %s; --cgroup takes the path of one",
			diag.Printable(mount), diag.Printable(id))
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%s is the beginning of several: %s and %s", diag.Printable(id),
		diag.Printable(filepath.Base(found[0])), diag.Printable(filepath.Base(found[1])))
}

// shortestID is the length from which the beginning of an ID stands for all of it.
const shortestID = 4

// isContainer reports whether a folder of a control group has the name of a container.
func isContainer(folder, id string) bool {
	name := strings.TrimSuffix(strings.TrimSuffix(folder, ".scope"), ".service")
	for _, prefix := range []string{
		"docker-", "cri-containerd-", "containerd-", "crio-", "libpod-", "lxc.payload.", "systemd-nspawn@", "machine-",
	} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			name = rest
			break
		}
	}
	if name == id {
		return id != ""
	}
	return len(id) >= shortestID && len(name) == 64 && hexadecimal(name) && strings.HasPrefix(name, id)
}

func hexadecimal(text string) bool { return strings.Trim(text, "0123456789abcdef") == "" }

// OpenCgroup opens the folder of a control group, for a map of them.
func OpenCgroup(folder string) (*os.File, error) {
	file, err := os.OpenFile(folder, unix.O_PATH|unix.O_DIRECTORY, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no folder %q", folder)
	case err != nil:
		return nil, fmt.Errorf("%q cannot be looked at: %w", folder, errors.Unwrap(err))
	case !isCgroup("/proc/self/fd/" + fmt.Sprint(file.Fd())):
		file.Close()
		return nil, fmt.Errorf("%q is not the folder of a cgroup (version 2)", folder)
	}
	return file, nil
}
