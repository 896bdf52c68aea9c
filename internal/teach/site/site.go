// Package site builds a page on which people try ponytrace without installing anything:
// static files, which any web server hands out.
//
//	sizes, err := site.Build(".build/site")
//
// # What is in the folder
//
//	index.html, *.css, *.js  the page: what lies in assets, and what it shares with package page
//	ponytrace.wasm.gz        the compiler, the emulator, four frozen kernels and the lessons
//	wasm_exec.js             Go's own half of a WebAssembly module
//
// The page asks a worker, which holds the module, and gets an answer, both as JSON:
// package api has the questions. Nothing leaves the browser.
//
// # Its size
//
// The module is packed here, and unpacked by the browser (DecompressionStream), so that it
// travels packed whatever the server does. The whole is at most MaxSize. What keeps it
// there: no function is inlined, which makes it a seventh smaller and slows nothing that one
// would feel; and what is linked reaches neither net/http nor a template engine.
//
// Rejected: wasm-opt, which takes minutes for some percent more, and TinyGo, which lacks
// what participle's grammar needs of package reflect.
package site

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ponytrace/ponytrace/internal/teach/page"
)

//go:embed assets
var assets embed.FS

// shared are the files of package page that this one has, too.
var shared = []string{"base.css", "view.css", "dom.js", "view.js", "explanation.js", "player.js"}

// MaxSize is how many bytes the files may have in all, packed by gzip.
const MaxSize = 3 << 20

// module is the file that holds the compiler.
const module = "ponytrace.wasm.gz"

// replaceable reports as an error that a folder has files that are not of a site.
func replaceable(folder string) error {
	found, err := os.ReadDir(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(found) == 0:
		return nil
	}
	if _, err := os.Stat(filepath.Join(folder, module)); err != nil {
		return fmt.Errorf("%s is not empty, and is no older site: it has no %s", folder, module)
	}
	return nil
}

// Build writes the files of the site to a folder and returns how many bytes they are in
// all, packed by gzip. A folder that holds an older site is emptied before. Any other that
// is not empty is an error.
func Build(folder string) (size int, err error) {
	if err := replaceable(folder); err != nil {
		return 0, err
	}
	files := map[string][]byte{}
	for _, step := range []func(map[string][]byte) error{addAssets, addRuntime, addModule} {
		if err := step(files); err != nil {
			return 0, err
		}
	}
	if err := os.RemoveAll(folder); err != nil {
		return 0, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return 0, err
	}
	for name, text := range files {
		size += len(packed(text))
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return 0, err
		}
	}
	if size > MaxSize {
		return size, fmt.Errorf("the site is %d bytes, packed; it may have %d", size, MaxSize)
	}
	return size, nil
}

func addAssets(files map[string][]byte) error {
	for _, name := range shared {
		files[name] = []byte(page.Asset(name))
	}
	own, err := fs.ReadDir(assets, "assets")
	for _, entry := range own {
		text, _ := assets.ReadFile("assets/" + entry.Name())
		files[entry.Name()] = text
	}
	return err
}

// addRuntime takes the script that belongs to the compiler of Go in use.
func addRuntime(files map[string][]byte) error {
	root, err := run("go", "env", "GOROOT")
	if err != nil {
		return err
	}
	const name = "wasm_exec.js"
	files[name], err = os.ReadFile(filepath.Join(strings.TrimSpace(root), "lib", "wasm", name))
	return err
}

func addModule(files map[string][]byte) error {
	file, err := os.CreateTemp("", "ponytrace-*.wasm")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	_, err = run("go", "build", "-trimpath", "-gcflags=all=-l", "-ldflags=-s -w", "-o", file.Name(),
		"github.com/ponytrace/ponytrace/internal/teach/site/wasm")
	if err != nil {
		return err
	}
	wasm, err := os.ReadFile(file.Name())
	if err == nil {
		wasm, err = slim(wasm)
	}
	files[module] = packed(wasm)
	return err
}

// run returns what a command of Go prints, when it builds for a browser.
func run(name string, arguments ...string) (string, error) {
	command := exec.Command(name, arguments...)
	command.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	output, err := command.Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		err = fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), err, failed.Stderr)
	}
	return string(output), err
}

// packed leaves what is packed already as it is.
func packed(text []byte) []byte {
	if bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
		return text
	}
	var to bytes.Buffer
	w, err := gzip.NewWriterLevel(&to, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // a buffer takes everything
	}
	return to.Bytes()
}
