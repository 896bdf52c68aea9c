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
	"unicode"

	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/runtime/regular"
)

// maxScript bounds what is read of a script file.
const maxScript = 8 << 20

// readScript reads a file, or standard input for "-".
func readScript(name string) (*lang.Source, error) {
	if name == "-" {
		text, err := io.ReadAll(io.LimitReader(os.Stdin, maxScript))
		return lang.NewSource("stdin", string(text)), err
	}
	file, err := openScript(name)
	if err != nil {
		return nil, fmt.Errorf("the script %s cannot be read: %w", name, plain(err))
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxScript))
	if err != nil {
		return nil, fmt.Errorf("the script %s cannot be read: %w", name, plain(err))
	}
	return lang.NewSource(name, string(text)), nil
}

// openScript refuses a pipe or a device, for which one could wait for ever. What the shell has opened already, as for
// <(command), is read like standard input.
func openScript(name string) (*os.File, error) {
	for _, folder := range []string{"/dev/fd/", "/proc/self/fd/", "/dev/stdin"} {
		if strings.HasPrefix(filepath.Clean(name), folder) {
			return os.Open(name)
		}
	}
	file, err := regular.Open(name)
	if errors.Is(err, regular.ErrNotRegular) {
		return nil, errors.New("it is not a regular file; - reads standard input")
	}
	return file, err
}

// parse reads a script's text, and the files that it imports.
func parse(source *lang.Source) (*lang.Script, lang.Diagnostics) {
	script, diagnostics := lang.Parse(source)
	if !diagnostics.HasErrors() {
		diagnostics = append(diagnostics, lang.Merge(script, readImport)...)
	}
	return script, diagnostics
}

// maxImport limits an imported file, in bytes.
const maxImport = 4 << 20

// readImport takes regular files only: a pipe or a device could keep the script waiting, or never end.
func readImport(path string) (string, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		return "", plain(err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return "", plain(err)
	case !info.Mode().IsRegular():
		return "", errors.New("it is not a regular file")
	case info.Size() > maxImport:
		return "", fmt.Errorf("it has %d bytes, more than the limit of %d", info.Size(), maxImport)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxImport+1))
	return string(text), err
}

// plain takes the system call and path off a file error.
func plain(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no such file")
	}
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

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
