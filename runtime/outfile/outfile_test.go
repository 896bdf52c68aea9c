package outfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ponytrace/ponytrace/internal/testkit"
)

const stranger = 65534

// place is a folder of the user's own with a folder in it where everybody may write.
func place(t *testing.T) (own, open string) {
	t.Helper()
	own = t.TempDir()
	open = filepath.Join(own, "open")
	check(t, os.Mkdir(open, 0o700))
	check(t, os.Chmod(open, 0o777|os.ModeSticky))
	return own, open
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// written opens a name, writes a word, and returns what a file then holds.
func written(t *testing.T, name, file string) string {
	t.Helper()
	out, err := Create(name)
	check(t, err)
	_, err = out.WriteString("new")
	check(t, errors.Join(err, out.Close()))
	text, err := os.ReadFile(file)
	check(t, err)
	return string(text)
}

func TestFilesOfTheUser(t *testing.T) {
	own, open := place(t)
	for _, folder := range []string{own, open} {
		file, link, chain := filepath.Join(folder, "file"), filepath.Join(folder, "link"), filepath.Join(folder, "chain")
		check(t, os.Symlink("file", link)) // dangles at first
		check(t, os.Symlink(filepath.Join(folder, ".", "link"), chain))
		for _, name := range []string{link, file, chain, filepath.Join(folder, "..", filepath.Base(folder), "link"), "/proc/self/root" + file} {
			if got := written(t, name, file); got != "new" {
				t.Errorf("%s: %q", name, got)
			}
			check(t, os.WriteFile(file, []byte("something longer"), 0o600))
		}
		info, err := os.Stat(file)
		check(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("others may read it: %v", info.Mode())
		}
	}
	t.Chdir(own)
	if got := written(t, "file", "file"); got != "new" {
		t.Errorf("%q", got)
	}
}

func TestWhatIsNoFile(t *testing.T) {
	own, _ := place(t)
	loop, socket := filepath.Join(own, "loop"), filepath.Join(own, "socket")
	check(t, os.Symlink("loop", loop))
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	check(t, err)
	defer unix.Close(fd)
	check(t, unix.Bind(fd, &unix.SockaddrUnix{Name: socket}))
	for name, want := range map[string]error{
		own: ErrFolder, own + "/": ErrFolder, own + "/new/": ErrFolder, "/": ErrFolder, ".": ErrFolder, loop: ErrLoop, loop + "/x": ErrLoop,
		socket: ErrSocket, "/dev/fd/999": ErrNotOpen, "/dev/stdin": ErrReadOnly, own + "/no/file": unix.ENOENT, socket + "/file": unix.ENOTDIR,
	} {
		if name == "/dev/stdin" && !readOnly(0) {
			continue
		}
		if file, err := Create(name); !errors.Is(err, want) {
			t.Errorf("%s: %v, %v; want %v", name, file, err, want)
		}
	}
}

func readOnly(fd uintptr) bool {
	mode, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
	return err == nil && mode&unix.O_ACCMODE == unix.O_RDONLY
}

// Devices and pipes are what they are for the shell.
func TestDevicesAndPipes(t *testing.T) {
	full, err := Create("/dev/full")
	check(t, err)
	if _, err := full.WriteString("x"); !errors.Is(err, unix.ENOSPC) {
		t.Error(err)
	}
	own, _ := place(t)
	pipe := filepath.Join(own, "pipe")
	check(t, unix.Mkfifo(pipe, 0o600))
	read := make(chan string)
	go func() {
		file, err := os.Open(pipe)
		if err != nil {
			t.Error(err)
		}
		text, _ := io.ReadAll(file)
		read <- string(text)
	}()
	out, err := Create(pipe)
	check(t, err)
	out.WriteString("through")
	out.Close()
	if got := <-read; got != "through" {
		t.Errorf("%q", got)
	}
}

// A file that is open is written on, not from its beginning; one that this process has
// opened itself is no file of the user's.
func TestOpenFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	file, err := os.Create(name)
	check(t, err)
	file.WriteString("before ")
	path := "/proc/self/fd/" + strconv.Itoa(int(file.Fd()))
	if _, err := Create(path); !errors.Is(err, ErrNotOpen) {
		t.Errorf("a file that closes on exec: %v", err)
	}
	_, err = unix.FcntlInt(file.Fd(), unix.F_SETFD, 0)
	check(t, err)
	for _, path := range []string{path, "/dev/fd/" + filepath.Base(path)} {
		out, err := Create(path)
		check(t, err)
		out.WriteString("new ")
		out.Close()
	}
	file.WriteString("after")
	if text, err := os.ReadFile(name); err != nil || string(text) != "before new new after" {
		t.Errorf("%q, %v", text, err)
	}
}

// What somebody else has put where everybody may write is refused before it is opened,
// and stays as it is.
func TestTraps(t *testing.T) {
	testkit.Need(t, "CAP_CHOWN", os.Geteuid() == 0)
	own, open := place(t)
	prey := filepath.Join(own, "prey")
	check(t, os.WriteFile(prey, []byte("old"), 0o600))
	check(t, os.Symlink(prey, filepath.Join(open, "link")))
	check(t, os.Symlink(own, filepath.Join(open, "folder")))
	check(t, os.Symlink(filepath.Join(own, "new"), filepath.Join(open, "dangling")))
	check(t, os.WriteFile(filepath.Join(open, "file"), nil, 0o666))
	check(t, unix.Mkfifo(filepath.Join(open, "pipe"), 0o666))
	for _, name := range []string{"link", "folder", "dangling", "file", "pipe"} {
		check(t, os.Lchown(filepath.Join(open, name), stranger, stranger))
	}
	check(t, os.Link(prey, filepath.Join(open, "second name")))
	check(t, os.Symlink(filepath.Join(open, "link"), filepath.Join(own, "own link"))) // leads over the trap
	for _, name := range []string{"open/link", "open/folder/prey", "open/dangling", "open/file", "open/pipe", "open/second name", "own link"} {
		if file, err := Create(filepath.Join(own, name)); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v, %v", name, file, err)
		}
	}
	if text, err := os.ReadFile(prey); err != nil || string(text) != "old" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Lstat(filepath.Join(own, "new")); err == nil {
		t.Error("a file was made where a stranger's link leads")
	}
}

// In a folder of their own people may have what they want: whoever names it trusts them.
func TestFoldersOfOthers(t *testing.T) {
	testkit.Need(t, "CAP_CHOWN", os.Geteuid() == 0)
	own, open := place(t)
	home, log := filepath.Join(own, "home"), filepath.Join(own, "log")
	check(t, os.Mkdir(home, 0o755))
	check(t, os.Symlink(log, filepath.Join(home, "link")))
	check(t, os.Symlink(log, filepath.Join(open, "link")))
	for _, name := range []string{home, filepath.Join(home, "link"), open, filepath.Join(open, "link")} {
		check(t, os.Lchown(name, stranger, stranger))
	}
	for _, name := range []string{filepath.Join(home, "link"), filepath.Join(open, "link")} { // a link of the folder's owner
		if got := written(t, name, log); got != "new" {
			t.Errorf("%s: %q", name, got)
		}
	}
}
