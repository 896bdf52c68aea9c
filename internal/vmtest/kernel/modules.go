package kernel

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Module is a loadable one, decompressed.
type Module struct {
	Name string
	ELF  []byte
}

// MissingModuleError names a module that is needed and neither in the folder nor built
// in.
type MissingModuleError struct{ Kernel, Module string }

func (e *MissingModuleError) Error() string {
	return fmt.Sprintf("kernel %s has no module %s", e.Kernel, e.Module)
}

// Load gives the named modules and all that they depend on, in the order to load them.
// Those built into the kernel are left out.
func (k Kernel) Load(names ...string) ([]Module, error) {
	if k.Modules == "" {
		return nil, nil
	}
	l := loader{kernel: k, files: map[string]string{}, builtin: map[string]bool{}, seen: map[string]bool{}}
	if err := l.index(); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := l.add(name); err != nil {
			return nil, err
		}
	}
	return l.order, nil
}

type loader struct {
	kernel  Kernel
	files   map[string]string
	builtin map[string]bool
	seen    map[string]bool
	order   []Module
}

func (l *loader) index() error {
	list, err := os.ReadFile(filepath.Join(l.kernel.Modules, "modules.builtin"))
	if err != nil {
		return err
	}
	for _, path := range strings.Fields(string(list)) {
		l.builtin[moduleName(path)] = true
	}
	return filepath.WalkDir(l.kernel.Modules, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.Contains(d.Name(), ".ko") {
			l.files[moduleName(path)] = path
		}
		return err
	})
}

func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

func (l *loader) add(name string) error {
	if l.seen[name] || l.builtin[name] {
		return nil
	}
	l.seen[name] = true
	path, ok := l.files[name]
	if !ok {
		return &MissingModuleError{l.kernel.Name, name}
	}
	code, err := readModule(path)
	if err != nil {
		return fmt.Errorf("module %s: %w", path, err)
	}
	needs, err := depends(code)
	if err != nil {
		return fmt.Errorf("module %s: %w", path, err)
	}
	for _, need := range needs {
		if err := l.add(need); err != nil {
			return err
		}
	}
	l.order = append(l.order, Module{name, code})
	return nil
}

func readModule(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := io.Reader(f)
	switch filepath.Ext(path) {
	case ".xz":
		r, err = xz.NewReader(f)
	case ".zst":
		r, err = zstd.NewReader(f)
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func depends(code []byte) ([]string, error) {
	file, err := elf.NewFile(bytes.NewReader(code))
	if err != nil {
		return nil, err
	}
	info, err := file.Section(".modinfo").Data()
	if err != nil {
		return nil, err
	}
	for _, field := range strings.Split(string(info), "\x00") {
		if list, ok := strings.CutPrefix(field, "depends="); ok {
			return slices.DeleteFunc(strings.Split(list, ","), func(s string) bool { return s == "" }), nil
		}
	}
	return nil, nil
}
