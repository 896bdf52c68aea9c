package safeopen

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ponytrace/ponytrace/internal/testkit"
)

func TestReadFile(t *testing.T) {
	folder := t.TempDir()
	plain, pipe := filepath.Join(folder, "plain"), filepath.Join(folder, "pipe")
	if err := os.WriteFile(plain, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		plain: nil, "/proc/self/status": nil, pipe: ErrNotRegular, folder: ErrNotRegular, "/dev/tty": ErrNotRegular,
		filepath.Join(folder, "missing"): os.ErrNotExist,
	} {
		text, err := ReadFile(path, 1000)
		if !errors.Is(err, want) || (len(text) > 0) != (want == nil) {
			t.Errorf("%s: read %q, %v, want %v", path, text, err, want)
		}
	}
	if text, err := ReadFile(plain, 3); string(text) != "tex" || err != nil {
		t.Errorf("three bytes: %q, %v", text, err)
	}
}

// A file that waits for what is written later, under whatever name, is no file without
// end. The kernel's log is one where it may be read; it is empty when it was read.
func TestFileThatWaits(t *testing.T) {
	name := filepath.Join(t.TempDir(), "name")
	if err := os.Symlink("/proc/kmsg", name); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		switch text, err := ReadFile(name, 1<<20); {
		case errors.Is(err, unix.EPERM), errors.Is(err, os.ErrNotExist):
			testkit.Lack(t, "CAP_SYSLOG")
		case errors.Is(err, ErrEmptyNow):
			return
		case err != nil:
			t.Fatalf("read %q, %v; want %v", text, err, ErrEmptyNow)
		}
	}
	t.Error("the log does not end")
}

// Reads that hang are left behind, a few at most.
func TestWithin(t *testing.T) {
	hang := make(chan struct{})
	stuck := func() (int, error) { <-hang; return 1, nil }
	for range maxLate {
		if n, err := Within(0, stuck); n != 0 || !errors.Is(err, ErrSlow) {
			t.Errorf("%d, %v; want %v", n, err, ErrSlow)
		}
	}
	if n, err := Within(Patience, stuck); n != 0 || !errors.Is(err, ErrBusy) {
		t.Errorf("%d, %v; want %v", n, err, ErrBusy)
	}
	close(hang)
	awaitLate()
	if n, err := Within(Patience, stuck); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func awaitLate() {
	for late.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
}

// Reads that are in time do not keep others from it, and may ask for others.
func TestManyReads(t *testing.T) {
	const reads = 3 * maxLate
	var all, over sync.WaitGroup
	all.Add(reads)
	for range reads {
		over.Go(func() {
			n, err := Within(time.Minute, func() (int, error) {
				all.Done()
				all.Wait()
				return Within(time.Minute, func() (int, error) { return 1, nil })
			})
			if n != 1 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		})
	}
	over.Wait()
}

// What others rename meanwhile, anywhere, keeps no path from being followed.
func TestOpenInWhileOthersRename(t *testing.T) {
	tree := t.TempDir()
	if err := os.MkdirAll(filepath.Join(tree, "a/b"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var renaming sync.WaitGroup
	renaming.Go(func() {
		one, other := filepath.Join(tree, "one"), filepath.Join(tree, "other")
		if err := os.WriteFile(one, nil, 0o600); err != nil {
			t.Error(err)
		}
		for {
			select {
			case <-stop:
				return
			default:
				if err := errors.Join(os.Rename(one, other), os.Rename(other, one)); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for range 2000 {
		file, err := OpenIn(tree, "a/b/../../a/b/../../a/b/../../file")
		if err != nil {
			t.Error(err)
			break
		}
		file.Close()
	}
	close(stop)
	renaming.Wait()
}

// While a read for one is late, others are read for, and it is not.
func TestWithinFor(t *testing.T) {
	hang := make(chan struct{})
	stuck := func() (int, error) { <-hang; return 1, nil }
	quick := func() (int, error) { return 2, nil }
	if n, err := WithinFor(7, 0, stuck); n != 0 || !errors.Is(err, ErrSlow) {
		t.Errorf("%d, %v; want %v", n, err, ErrSlow)
	}
	for range 2 * maxLate {
		if n, err := WithinFor(7, Patience, quick); n != 0 || !errors.Is(err, ErrBusy) {
			t.Errorf("%d, %v; want %v", n, err, ErrBusy)
		}
	}
	if n, err := WithinFor(8, time.Minute, quick); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	close(hang)
	awaitLate()
	if n, err := WithinFor(7, time.Minute, quick); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, kept := lateOf.Load(7); kept {
		t.Error("what was late is kept")
	}
}

// A file that is open too late is closed.
func TestLateFile(t *testing.T) {
	answer := make(chan struct{})
	var file *File
	late, err := Within(0, func() (*File, error) {
		<-answer
		opened, err := Open("/proc/self/status")
		file = opened
		return opened, err
	})
	if late != nil || !errors.Is(err, ErrSlow) {
		t.Fatalf("%v, %v", late, err)
	}
	close(answer)
	awaitLate()
	if _, _, err := file.Stat(); !errors.Is(err, unix.EBADF) {
		t.Errorf("the file is open: %v", err)
	}
}

// A link in another tree leads to what it leads to there.
func TestOpenIn(t *testing.T) {
	tree := t.TempDir()
	inner := filepath.Join(tree, "inner")
	if err := os.Mkdir(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(inner, "file"), []byte("right"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "outside"), []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"absolute": "/file", "relative": "file", "up": "../../file", "out": "../outside"} {
		if err := os.Symlink(to, filepath.Join(inner, link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]error{
		"/file": nil, "/absolute": nil, "/relative": nil, "/up": nil, "/out": os.ErrNotExist, "/../outside": os.ErrNotExist, "/": ErrNotRegular,
	} {
		file, err := OpenIn(inner, path)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		if err != nil {
			continue
		}
		text := make([]byte, 5)
		if _, err := file.ReadAt(text, 0); err != nil || string(text) != "right" {
			t.Errorf("%s has %q, %v", path, text, err)
		}
		file.Close()
	}
}
