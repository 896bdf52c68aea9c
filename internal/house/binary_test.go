package house

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/testkit"
)

// built is the program as it is shipped, and the linker's list of what refers to what.
func built(t *testing.T) (path string, references []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "ponytrace")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -dumpdep", "-o", path, "./cmd/ponytrace")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return path, output
}

// TestBinary holds what is linked. A reachable function that looks up a method by a name
// that is not constant, which the linker marks, makes it keep every exported method of
// every package: a tenth of the file.
// https://github.com/golang/go/blob/go1.26.0/src/cmd/link/internal/ld/deadcode.go
//
// What is marked go:noinline is so for the size: it is called from 20 to 200 places, none
// of which is in a loop that counts. All such marks together save 0.36 MB.
func TestBinary(t *testing.T) {
	testkit.Long(t)
	path, references := built(t)
	for line := range bytes.Lines(references) {
		from, _, arrow := bytes.Cut(line, []byte(" -> "))
		if arrow && bytes.HasSuffix(from, []byte(" <ReflectMethod>")) {
			t.Fatalf("methods are looked up by name: %s", line)
		}
	}
	if !bytes.Contains(references, []byte("main.main -> ")) {
		t.Error("the linker listed nothing")
	}
	linked, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, module := range linked.Deps {
		modules = append(modules, module.Path)
	}
	slices.Sort(modules)
	if documented := documentedModules(t); !slices.Equal(modules, documented) {
		t.Errorf("linked are\n%s\ndocs/dependencies.md lists\n%s", strings.Join(modules, "\n"), strings.Join(documented, "\n"))
	}
}

var moduleRow = regexp.MustCompile(`(?m)^\| ((?:[a-z0-9]+\.)+[a-z]+/\S+) \|`)

// documentedModules lists those of the first table, of what ships.
func documentedModules(t *testing.T) (modules []string) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	shipped, _, _ := strings.Cut(string(page), "Only in tests and tools")
	for _, row := range moduleRow.FindAllStringSubmatch(shipped, -1) {
		modules = append(modules, row[1])
	}
	slices.Sort(modules)
	return modules
}
