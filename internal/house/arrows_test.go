package house

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/ponytrace/ponytrace"
)

// library is the package at the root.
const library = "."

// arrows tells for each part of the house what it may import. The command traces through
// the library alone; the rest of what it uses is the table that help prints, messages,
// files, what --info asks the machine, and what teaches eBPF.
var arrows = map[string][]string{
	"lang":     {"lang"},
	"compiler": {"compiler", "lang"},
	"runtime":  {"runtime", "lang/diag", "lang/order", "compiler/object", "compiler/types", "compiler/target", "compiler/builtin", "compiler/emu"},
	library:    {"lang", "compiler", "runtime"},
	"cmd":      {library, "internal/teach", "lang/diag", "compiler/builtin", "runtime/detect", "runtime/outfile", "runtime/safeopen"},
	"internal": {library, "internal", "lang", "compiler", "runtime", "examples"},
	"examples": {},
}

// testArrows: tests may look further than the code. Those of the runtime compile scripts,
// those of the compiler ask the kernel.
var testArrows = []string{library, "lang", "compiler", "runtime", "internal"}

func TestArrows(t *testing.T) {
	files := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "vendor"):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".go"):
			files++
			check(t, path)
		}
		return nil
	})
	if err != nil || files < 50 {
		t.Fatalf("%d files were found: %v", files, err)
	}
}

func check(t *testing.T, path string) {
	name, err := filepath.Rel(root, path)
	if err != nil {
		t.Fatal(err)
	}
	part, _, inFolder := strings.Cut(name, "/")
	if !inFolder {
		part = library
	}
	allowed, known := arrows[part]
	if !known {
		t.Errorf("%s is in no part of the house", name)
	}
	if strings.HasSuffix(name, "_test.go") {
		allowed = testArrows
	}
	for _, target := range imports(t, path) {
		if !within(target, allowed) {
			t.Errorf("%s imports %s; it may only import %s", name, target, strings.Join(allowed, ", "))
		}
	}
}

// imports lists the packages of this module that a file imports.
func imports(t *testing.T, path string) (list []string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if imported == module {
			list = append(list, library)
		}
		if target, ours := strings.CutPrefix(imported, module+"/"); ours {
			list = append(list, target)
		}
	}
	return list
}

func within(name string, parts []string) bool {
	for _, part := range parts {
		if name == part || strings.HasPrefix(name, part+"/") {
			return true
		}
	}
	return false
}
