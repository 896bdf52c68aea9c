package regular

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpen(t *testing.T) {
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
		file, err := Open(path)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		if file == nil {
			continue
		}
		if text, err := io.ReadAll(file); err != nil || len(text) == 0 {
			t.Errorf("%s: read %q, %v", path, text, err)
		}
		file.Close()
	}
}
