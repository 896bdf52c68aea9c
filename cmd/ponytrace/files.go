package main

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
	"unicode"

	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// maxScript bounds what is read of a script file.
const maxScript = 8 << 20

// readScript reads a file, or standard input for "-".
func readScript(name string) (*diag.Source, error) {
	if name == "-" {
		text, err := io.ReadAll(io.LimitReader(os.Stdin, maxScript))
		return diag.NewSource("stdin", string(text)), err
	}
	text, err := readNamed(name)
	if err != nil {
		return nil, fmt.Errorf("the script %s cannot be read: %w", name, plain(err))
	}
	return diag.NewSource(name, string(text)), nil
}

// scriptPatience is for a busy machine or a slow network: nothing waits but the user, who can interrupt.
const scriptPatience = 30 * time.Second

// readNamed refuses a pipe or a device, for which one could wait for ever. What the shell has opened already, as for
// <(command), is read like standard input.
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

// parse reads a script's text, and the files that it imports.
func parse(source *diag.Source) (*lang.Script, diag.Diagnostics) {
	script, diagnostics := lang.Parse(source)
	if !diagnostics.HasErrors() {
		diagnostics = append(diagnostics, lang.Merge(script, readImport)...)
	}
	return script, diagnostics
}

const (
	maxImport  = 4 << 20 // bytes of an imported file
	maxEntries = 1000    // of an imported folder
)

// readImport takes regular files and folders only: a pipe or a device could keep the script waiting, or never end. Where
// everybody may write, anybody could have put the file.
func readImport(path string) (lang.Imported, error) {
	folder, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err == nil {
		defer folder.Close()
		return readFolder(folder)
	}
	text, err := safeopen.ReadFileWithin(scriptPatience, path, maxImport+1)
	if err != nil {
		return lang.Imported{}, whyNot(err)
	}
	if writable(filepath.Dir(path)) {
		return lang.Imported{}, errors.New("everybody may write to its folder")
	}
	if len(text) > maxImport {
		err = fmt.Errorf("it has more than %d bytes", maxImport)
	}
	return lang.Imported{Text: string(text)}, err
}

func readFolder(folder *os.File) (lang.Imported, error) {
	if writable(folder.Name()) {
		return lang.Imported{}, errors.New("everybody may write to this folder")
	}
	names, err := folder.Readdirnames(maxEntries + 1)
	switch {
	case err != nil && err != io.EOF:
		return lang.Imported{}, plain(err)
	case len(names) > maxEntries:
		return lang.Imported{}, fmt.Errorf("it has more than %d entries", maxEntries)
	}
	return lang.Imported{Folder: true, Names: names}, nil
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
	return plain(err)
}

// plain takes the system call and path off a file error.
func plain(err error) error { return errors.New(safeopen.Reason(err)) }

// words splits a command as a shell does with blanks and quotes; there is no shell, so nothing else is special.
func words(command string) ([]string, error) {
	var list []string
	var word strings.Builder
	var quote rune
	started := false
	for _, r := range command {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, started = r, true
		case quote == 0 && unicode.IsSpace(r):
			if started {
				list = append(list, word.String())
			}
			word.Reset()
			started = false
		default:
			word.WriteRune(r)
			started = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the command of -c lacks a closing %c", quote)
	}
	if started {
		list = append(list, word.String())
	}
	return list, nil
}
