// Package scriptfile reads scripts, and what they import, from files that somebody else
// may have put there.
//
// A script may be a regular file, standard input, or what the shell has opened already.
// It is read up to a size, and without waiting for ever: a named pipe or a device is
// refused. What a script imports must not lie in a folder that everybody may write to,
// since the script runs as root.
package scriptfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// maxScript bounds what is read of a script file.
const maxScript = 8 << 20

// Read reads a file, or standard input for "-".
func Read(name string) (*diag.Source, error) {
	if name == "-" {
		text, err := io.ReadAll(io.LimitReader(os.Stdin, maxScript))
		return diag.NewSource("stdin", string(text)), err
	}
	text, err := readNamed(name)
	if err != nil {
		return nil, fmt.Errorf("the script %s cannot be read: %w", name, errors.New(safeopen.Reason(err)))
	}
	return diag.NewSource(name, string(text)), nil
}

// scriptPatience is for a busy machine or a slow network: nothing waits but the user, who
// can interrupt.
const scriptPatience = 30 * time.Second

// readNamed refuses a pipe or a device, for which one could wait for ever. What the shell
// has opened already, as for <(command), is read like standard input.
func readNamed(name string) ([]byte, error) {
	for _, folder := range []string{"/dev/fd/", "/proc/self/fd/", "/dev/stdin"} {
		if strings.HasPrefix(filepath.Clean(name), folder) {
			return readOpened(name)
		}
	}
	text, err := safeopen.ReadFileWithin(scriptPatience, name, maxScript)
	if errors.Is(err, safeopen.ErrNotRegular) {
		return nil, errors.New("it is not a regular file; - reads standard input")
	}
	return text, err
}

func readOpened(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxScript))
}

const (
	maxImport  = 4 << 20 // bytes of an imported file
	maxEntries = 1000    // of an imported folder
)

// Import is a file, or a folder with the names in it.
type Import struct {
	Text   string
	Folder bool
	Names  []string
}

// ReadImport takes regular files and folders only: a pipe or a device could keep the
// script waiting, or never end. Where everybody may write, anybody could have put the
// file.
func ReadImport(path string) (Import, error) {
	folder, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err == nil {
		defer folder.Close()
		return readFolder(folder)
	}
	text, err := safeopen.ReadFileWithin(scriptPatience, path, maxImport+1)
	if err != nil {
		return Import{}, whyNot(err)
	}
	if writable(filepath.Dir(path)) {
		return Import{}, errors.New("everybody may write to its folder")
	}
	if len(text) > maxImport {
		err = fmt.Errorf("it has more than %d bytes", maxImport)
	}
	return Import{Text: string(text)}, err
}

func readFolder(folder *os.File) (Import, error) {
	if writable(folder.Name()) {
		return Import{}, errors.New("everybody may write to this folder")
	}
	names, err := folder.Readdirnames(maxEntries + 1)
	switch {
	case err != nil && err != io.EOF:
		return Import{}, errors.New(safeopen.Reason(err))
	case len(names) > maxEntries:
		return Import{}, fmt.Errorf("it has more than %d entries", maxEntries)
	}
	return Import{Folder: true, Names: names}, nil
}

// writable reports whether everybody may put files into a folder.
func writable(folder string) bool {
	info, err := os.Stat(folder)
	return err == nil && info.Mode().Perm()&0o002 != 0
}

// whyNot keeps the error for a file that is not there, after which another is tried.
func whyNot(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.New(safeopen.Reason(err))
}
