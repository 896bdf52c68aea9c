// Package safeopen reads files whose paths others control: those of traced processes, and
// those that a script makes of traced text. To open a device or a pipe may hang, or do
// something; a regular file (the kernel shows those of /proc as such) can only be read.
//
// Even that may take for ever: /proc/kmsg waits for the next message, and a file of FUSE
// or NFS for a server that somebody else runs. So files are opened non-blocking, and
// Within bounds how long the rest may take. WithinFor keeps one of those that have the
// files, such as a process, from using up what all others have.
package safeopen

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

var (
	// ErrNotRegular means that the path leads to a directory, device, pipe or socket.
	ErrNotRegular = errors.New("not a regular file")
	// ErrEmptyNow means that a read would wait for what somebody may write later.
	ErrEmptyNow = errors.New("a read would wait for what is written later")
	// ErrSlow means that the file was not read in time.
	ErrSlow = errors.New("not read in time")
	// ErrBusy means that too many files were not read in time and may still be.
	ErrBusy = errors.New("too many files that are not read in time")
)

// File is an open regular file.
type File struct{ descriptor int }

// Open opens a regular file for reading. It looks before it opens: a path-only descriptor
// holds the file meanwhile, so that it cannot be exchanged.
func Open(path string) (*File, error) {
	place, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return openPlace(place)
}

// OpenIn opens a file of another tree, such as /proc/PID/root, in which links stay: they
// lead to where they lead whoever has the tree as the root.
func OpenIn(root, path string) (*File, error) { return openIn(root, path, 0) }

// OpenLast is OpenIn for a path that is itself no link.
func OpenLast(root, path string) (*File, error) { return openIn(root, path, unix.O_NOFOLLOW) }

func openIn(root, path string, flags uint64) (*File, error) {
	place, err := placeIn(root, path, flags)
	if err != nil {
		return nil, err
	}
	return openPlace(place)
}

func placeIn(root, path string, flags uint64) (place int, err error) {
	tree, err := unix.Open(root, unix.O_PATH|unix.O_CLOEXEC|unix.O_DIRECTORY, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(tree)
	return follow(tree, path, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC | flags,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// follow tries again where something was renamed or mounted, anywhere, while the kernel
// went a step up, so that it cannot tell whether that led out of the tree (openat2(2)).
func follow(tree int, path string, how *unix.OpenHow) (place int, err error) {
	const tries = 100
	for range tries {
		if place, err = unix.Openat2(tree, path, how); !errors.Is(err, unix.EAGAIN) {
			break
		}
	}
	return place, err
}

// openPlace opens what a path-only descriptor holds, and closes that.
func openPlace(place int) (*File, error) {
	defer unix.Close(place)
	var info unix.Stat_t
	if err := unix.Fstat(place, &info); err != nil {
		return nil, err
	}
	if info.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, ErrNotRegular
	}
	descriptor, err := unix.Open("/proc/self/fd/"+strconv.Itoa(place), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &File{descriptor}, nil
}

// Path returns the path of the file without links, as it is now.
func (f *File) Path() (string, error) {
	return os.Readlink("/proc/self/fd/" + strconv.Itoa(f.descriptor))
}

// Read reads what is there. It uses the system call itself: package os would wait for the
// file to become readable.
func (f *File) Read(b []byte) (int, error) {
	return result(b, func() (int, error) { return unix.Read(f.descriptor, b) })
}

// ReadAt reads a part of the file.
func (f *File) ReadAt(b []byte, offset int64) (done int, err error) {
	for done < len(b) && err == nil {
		var n int
		rest := b[done:]
		n, err = result(rest, func() (int, error) { return unix.Pread(f.descriptor, rest, offset+int64(done)) })
		done += n
	}
	return done, err
}

func result(b []byte, read func() (int, error)) (int, error) {
	for {
		n, err := read()
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return 0, ErrEmptyNow
		case err != nil:
			return 0, err
		case n == 0 && len(b) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// Stat returns the file's size and inode.
func (f *File) Stat() (size int64, inode uint64, err error) {
	var info unix.Stat_t
	err = unix.Fstat(f.descriptor, &info)
	return info.Size, info.Ino, err
}

// Numbers returns those of the device, in hexadecimal, and of the inode, as maps of
// processes have them.
func (f *File) Numbers() (device string, inode uint64, err error) {
	var info unix.Stat_t
	err = unix.Fstat(f.descriptor, &info)
	return fmt.Sprintf("%02x:%02x", unix.Major(info.Dev), unix.Minor(info.Dev)), info.Ino, err
}

// Modified returns when the file was written last.
func (f *File) Modified() (time.Time, error) {
	var info unix.Stat_t
	err := unix.Fstat(f.descriptor, &info)
	return time.Unix(info.Mtim.Unix()), err
}

// Owner returns the user that the file belongs to.
func (f *File) Owner() (user uint32, err error) {
	var info unix.Stat_t
	err = unix.Fstat(f.descriptor, &info)
	return info.Uid, err
}

// Place is a path that leads to this very file as long as it is open.
func (f *File) Place() string { return "/proc/self/fd/" + strconv.Itoa(f.descriptor) }

// Identity is the number of the device and the inode; empty where they cannot be told.
func (f *File) Identity() string {
	var info unix.Stat_t
	if unix.Fstat(f.descriptor, &info) != nil {
		return ""
	}
	return fmt.Sprintf("%#x:%d", info.Dev, info.Ino)
}

// Close closes the file.
func (f *File) Close() error { return unix.Close(f.descriptor) }

// ReadFile reads a file, limit bytes at most, within the default patience.
func ReadFile(path string, limit int) ([]byte, error) { return ReadFileWithin(Patience, path, limit) }

// ReadFileWithin is ReadFile with another patience.
func ReadFileWithin(patience time.Duration, path string, limit int) ([]byte, error) {
	return Within(patience, func() ([]byte, error) {
		file, err := Open(path)
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		defer file.Close()
		text, err := io.ReadAll(io.LimitReader(file, int64(limit)))
		if errors.Is(err, ErrEmptyNow) && len(text) > 0 {
			err = nil
		}
		return text, err
	})
}

const (
	// Patience is how long a file may take to be read while others wait.
	Patience = time.Second
	// maxLate is how many may take longer at one time.
	maxLate = 4
)

// late is how many reads were left behind. Those that are in time do not count, however
// many there are: each part of a session reads on its own, and one read may ask another.
var late atomic.Int32

// Within returns what read does if that is done in time. A read that is not cannot be
// stopped: it keeps a thread, so that only a few are left behind, and all others fail at
// once until one of them ends. What it returns in the end is closed.
func Within[T any](patience time.Duration, read func() (T, error)) (T, error) {
	var value T
	var failure error
	err := within(patience, func() { value, failure = read() }, func() {
		if opened, ok := any(value).(io.Closer); ok && failure == nil {
			opened.Close()
		}
	})
	if err != nil {
		return *new(T), err
	}
	return value, failure
}

func within(patience time.Duration, read, discard func()) error {
	if late.Load() >= maxLate {
		return ErrBusy
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		read()
	}()
	select {
	case <-done:
		return nil
	case <-time.After(patience):
		late.Add(1)
		go func() {
			<-done
			discard()
			late.Add(-1)
		}()
		return ErrSlow
	}
}

// WithinFor is Within for what belongs to one of many, such as a process. While a read
// for one is late, others for it fail at once: it keeps one thread, and not all that
// there are.
func WithinFor[T any](who int, patience time.Duration, read func() (T, error)) (T, error) {
	t := turn{who: who}
	if !t.begin() {
		return *new(T), ErrBusy
	}
	value, err := Within(patience, func() (T, error) {
		defer t.over.Store(true)
		return read()
	})
	t.end(err)
	return value, err
}

// lateOf has of whom a read was left behind, and whether that has ended.
var lateOf sync.Map

// turn is a read for one of many.
type turn struct {
	who     int
	over    *atomic.Bool
	wasLate bool // the one before
}

func (t *turn) begin() bool {
	before, wasLate := lateOf.Load(t.who)
	t.over, t.wasLate = new(atomic.Bool), wasLate
	return !wasLate || before.(*atomic.Bool).Load()
}

func (t *turn) end(err error) {
	switch {
	case errors.Is(err, ErrSlow) && !t.over.Load():
		lateOf.Store(t.who, t.over)
	case t.wasLate:
		lateOf.Delete(t.who)
	}
}

// Reason says why a file could not be read.
func Reason(err error) string {
	var path *os.PathError
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, ErrNotRegular):
		return "it is not a regular file"
	case errors.Is(err, ErrEmptyNow):
		return "it has nothing to read now, and reading would wait for more"
	case errors.Is(err, ErrSlow):
		return "it did not give its text in time"
	case errors.Is(err, ErrBusy):
		return "other files that do not give their text are still being read"
	case errors.As(err, &path):
		return path.Err.Error()
	}
	return err.Error()
}
