// Package outfile opens the files that a user names for output.
//
// ponytrace runs as root, and people name files in folders where everybody may write,
// such as /tmp. There somebody else can put a link, a file or a pipe under the name
// before, so that what root prints ends up in a file of that one's choice. Linux can
// refuse that (sysctl fs.protected_symlinks, protected_regular, protected_fifos,
// protected_hardlinks), but not everywhere, and not by default. So the path is walked
// here, one name after the other, and what somebody else has put where everybody may
// write is refused: who owns it must be this process's user or the folder's owner. All
// else, devices, pipes and the user's own links, opens as a shell opens it.
//
// Files that are open already (/dev/stdout, /dev/fd/3, /proc/self/fd/3) are not opened
// again: that would write from the beginning over what was written, and needs permissions
// that the one who opened them may not have left.
//
// Sources: https://docs.kernel.org/6.12/admin-guide/sysctl/fs.html, openat(2),
// path_resolution(7)
package outfile

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Errors say why a file is not opened.
var (
	ErrForeign  = errors.New("somebody else has put it where everybody may write")
	ErrFolder   = errors.New("it is a folder")
	ErrLoop     = errors.New("too many links lead from one to the other")
	ErrNotOpen  = errors.New("no file is open under this number")
	ErrReadOnly = errors.New("it is open for reading only")
	ErrSocket   = errors.New("it is a socket")
)

// Create opens a file for writing. It makes a new one that only its owner may read, or
// empties a regular one.
func Create(name string) (*os.File, error) {
	if number, ok := descriptor(name); ok {
		return duplicate(number, name)
	}
	if strings.HasSuffix(name, "/") {
		return nil, ErrFolder
	}
	fd, err := walk(name)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// descriptor returns which of this process's files a name means.
func descriptor(name string) (int, bool) {
	clean := filepath.Clean(name)
	switch clean {
	case "/dev/stdin", "/dev/stdout", "/dev/stderr":
		return map[string]int{"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}[clean], true
	}
	for _, folder := range []string{"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/", "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/"} {
		if digits, ok := strings.CutPrefix(clean, folder); ok {
			number, err := strconv.Atoi(digits)
			return number, err == nil
		}
	}
	return 0, false
}

// duplicate takes only files that this process was started with: those that it has opened
// itself close on exec.
func duplicate(number int, name string) (*os.File, error) {
	flags, err := unix.FcntlInt(uintptr(number), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return nil, ErrNotOpen
	}
	if mode, err := unix.FcntlInt(uintptr(number), unix.F_GETFL, 0); err != nil || mode&unix.O_ACCMODE == unix.O_RDONLY {
		return nil, ErrReadOnly
	}
	fd, err := unix.FcntlInt(uintptr(number), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// maxLinks is as many as the kernel follows.
const maxLinks = 40

// walker stands in a folder, with the rest of the path before it.
type walker struct {
	folder int // a descriptor, or AT_FDCWD before the first step
	rest   []string
	links  int
}

func walk(path string) (int, error) {
	w := &walker{folder: unix.AT_FDCWD}
	defer w.enter(unix.AT_FDCWD)
	if err := w.goTo(path); err != nil {
		return -1, err
	}
	for len(w.rest) > 0 {
		fd, err := w.step()
		if fd >= 0 || err != nil {
			return fd, err
		}
	}
	return -1, ErrFolder
}

// goTo puts a path before the rest. It leads on from the folder, or from the root.
func (w *walker) goTo(path string) error {
	w.rest = append(strings.FieldsFunc(path, func(r rune) bool { return r == '/' }), w.rest...)
	switch {
	case strings.HasPrefix(path, "/"):
		return w.descend("/", 0)
	case w.folder == unix.AT_FDCWD:
		return w.descend(".", 0)
	}
	return nil
}

func (w *walker) descend(name string, flags int) error {
	fd, err := unix.Openat(w.folder, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC|flags, 0)
	if err == nil {
		w.enter(fd)
	}
	return err
}

// enter closes the folder that it leaves.
func (w *walker) enter(folder int) {
	if w.folder != unix.AT_FDCWD {
		unix.Close(w.folder)
	}
	w.folder = folder
}

// step takes the next name. It returns the file when that was the last one, else -1.
func (w *walker) step() (int, error) {
	name := w.rest[0]
	w.rest = w.rest[1:]
	var info unix.Stat_t
	err := unix.Fstatat(w.folder, name, &info, unix.AT_SYMLINK_NOFOLLOW)
	switch last, link := len(w.rest) == 0, info.Mode&unix.S_IFMT == unix.S_IFLNK; {
	case errors.Is(err, unix.ENOENT) && last:
		return w.create(name)
	case err != nil:
		return -1, err
	case link && !w.inProc():
		return -1, w.follow(name)
	case last:
		return w.open(name, link)
	case link:
		return -1, w.descend(name, 0)
	}
	return -1, w.descend(name, unix.O_NOFOLLOW)
}

// inProc: links there are the kernel's, and may lead to what has no path.
func (w *walker) inProc() bool {
	var system unix.Statfs_t
	return unix.Fstatfs(w.folder, &system) == nil && system.Type == unix.PROC_SUPER_MAGIC
}

// create makes a new file, unless somebody makes one at the same time.
func (w *walker) create(name string) (int, error) {
	return unix.Openat(w.folder, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
}

// hold keeps hold of what a name stands for, so that it cannot be exchanged after it was
// judged. It opens nothing yet.
func (w *walker) hold(name string) (int, *unix.Stat_t, error) {
	place, err := unix.Openat(w.folder, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, nil, err
	}
	info := &unix.Stat_t{}
	if err = unix.Fstat(place, info); err == nil {
		err = w.judge(info)
	}
	if err != nil {
		unix.Close(place)
	}
	return place, info, err
}

// judge refuses what somebody else has put where everybody may write. A second name of a
// file can be put there by everybody, too.
func (w *walker) judge(info *unix.Stat_t) error {
	var folder unix.Stat_t
	if err := unix.Fstat(w.folder, &folder); err != nil {
		return err
	}
	own := info.Uid == uint32(os.Geteuid()) || info.Uid == folder.Uid
	single := info.Mode&unix.S_IFMT != unix.S_IFREG || info.Nlink == 1
	if folder.Mode&unix.S_IWOTH != 0 && (!own || !single) {
		return ErrForeign
	}
	return nil
}

// follow goes where a link leads.
func (w *walker) follow(name string) error {
	if w.links++; w.links > maxLinks {
		return ErrLoop
	}
	place, _, err := w.hold(name)
	if err != nil {
		return err
	}
	defer unix.Close(place)
	path := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(place, "", path)
	if err != nil {
		return err
	}
	return w.goTo(string(path[:n]))
}

// open opens what is there already. A pipe waits for its reader.
func (w *walker) open(name string, inProc bool) (int, error) {
	const flags = unix.O_WRONLY | unix.O_TRUNC | unix.O_CLOEXEC | unix.O_NOCTTY
	if inProc {
		return unix.Openat(w.folder, name, flags, 0)
	}
	place, info, err := w.hold(name)
	if err != nil {
		return -1, err
	}
	defer unix.Close(place)
	switch info.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return -1, ErrFolder
	case unix.S_IFSOCK:
		return -1, ErrSocket
	case unix.S_IFLNK:
		return -1, ErrForeign // it was something else just now
	}
	fd, err := unix.Open("/proc/self/fd/"+strconv.Itoa(place), flags, 0)
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	return w.openAgain(name, info)
}

// openAgain is for where /proc is not mounted: what is open then must be what was judged.
func (w *walker) openAgain(name string, judged *unix.Stat_t) (int, error) {
	fd, err := unix.Openat(w.folder, name, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return -1, err
	}
	var info unix.Stat_t
	if err = unix.Fstat(fd, &info); err == nil && (info.Dev != judged.Dev || info.Ino != judged.Ino) {
		err = ErrForeign
	}
	if err == nil && info.Mode&unix.S_IFMT == unix.S_IFREG {
		err = unix.Ftruncate(fd, 0)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
