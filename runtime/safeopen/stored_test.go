package safeopen

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// What the kernel makes up is not opened, by whichever path: its own, a link, or one of
// another tree.
func TestOpenStored(t *testing.T) {
	tree := t.TempDir()
	plain, pipe, link := filepath.Join(tree, "plain"), filepath.Join(tree, "pipe"), filepath.Join(tree, "link")
	if err := errors.Join(os.WriteFile(plain, []byte("text"), 0o600), unix.Mkfifo(pipe, 0o600),
		os.Symlink("/proc/self/status", link)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		root, path string
		want       error
	}{
		{"", plain, nil},
		{tree, "/plain", nil},
		{"", "/proc/self/exe", nil}, // leads to a file that is stored
		{"", "/proc/self/status", ErrNotStored},
		{"", link, ErrNotStored},
		{"/proc/self", "/status", ErrNotStored},
		{"", pipe, ErrNotRegular},
		{tree, "/link", os.ErrNotExist},
		{tree, "/none", os.ErrNotExist},
	} {
		file, err := OpenStored(test.root, test.path)
		if !errors.Is(err, test.want) || (file != nil) != (test.want == nil) {
			t.Errorf("%s in %q: %v, want %v", test.path, test.root, err, test.want)
		}
		if file != nil {
			file.Close()
		}
	}
}
