package doctest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	_ "github.com/ponytrace/ponytrace/compiler/target/frozen/arm64"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	required  = regexp.MustCompile(`(?m)^(?:require )?\t?([a-z]+\.[a-z]+/\S+) v`)
	firstCell = regexp.MustCompile(`(?m)^\| ([a-z]+\.[a-z]+/[^|]+?) \|`)
	link      = regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`)
)

// TestDependencies holds docs/dependencies.md against go.mod and the modules that the
// code imports.
func TestDependencies(t *testing.T) {
	var modules []string
	for _, match := range required.FindAllStringSubmatch(read(t, "go.mod"), -1) {
		modules = append(modules, match[1])
	}
	var explained []string
	for _, cell := range firstCell.FindAllStringSubmatch(read(t, "docs/dependencies.md"), -1) {
		explained = append(explained, strings.Split(cell[1], ", ")...)
	}
	for _, module := range explained {
		if !slices.Contains(modules, module) {
			t.Errorf("docs/dependencies.md explains %s, which go.mod does not require", module)
		}
	}
	used := 0
	imported := imports(t)
	for _, module := range modules {
		uses := func(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }
		if !slices.ContainsFunc(imported, uses) {
			continue
		}
		used++
		if !slices.Contains(explained, module) {
			t.Errorf("the code imports %s, which docs/dependencies.md does not explain", module)
		}
	}
	if used == 0 {
		t.Error("the code imports no module: is the search broken?")
	}
}

// imports returns all import paths of the repository.
func imports(t *testing.T) (paths []string) {
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && name != root:
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestExamples compiles every example for every frozen kernel and looks for it in the
// list.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "examples", "*.pt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	list := read(t, "examples/README.md")
	for _, file := range files {
		name := filepath.Base(file)
		if !strings.Contains(list, "["+name+"]") {
			t.Errorf("examples/README.md does not list %s", name)
		}
		script, diagnostics := lang.Parse(diag.NewSource(name, read(t, "examples/"+name)))
		if diagnostics.HasErrors() {
			t.Error(diagnostics)
			continue
		}
		for _, kernel := range frozen.Names() {
			if _, err := compiler.Compile(script, frozen.Target(kernel), compiler.Options{}); err != nil {
				t.Errorf("%s on %s: %v", name, kernel, err)
			}
		}
	}
}

// TestTree holds the syntax tree that the README shows against the parser's.
func TestTree(t *testing.T) {
	script, _ := lang.Parse(diag.NewSource("-e", "kprobe:blk_start_request < @ = hist(arg0->__data_len) >"))
	var want strings.Builder
	for line := range strings.Lines(lang.Dump(script)) {
		want.WriteString("       " + line)
	}
	if !strings.Contains(read(t, "README.md"), want.String()) {
		t.Errorf("README.md does not show\n%s", want.String())
	}
}

// TestLinks follows the links inside of the repository, to files and to headings.
func TestLinks(t *testing.T) {
	for _, document := range []string{"README.md", "spec.md", "CHANGELOG.md", "docs/dependencies.md", "examples/README.md"} {
		for _, match := range link.FindAllStringSubmatch(prose(read(t, document)), -1) {
			file, heading := match[1], match[2]
			if strings.Contains(file, "://") {
				continue
			}
			target := document
			if file != "" {
				target = filepath.Join(filepath.Dir(document), file)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s: %v", document, file, err)
				continue
			}
			if heading != "" && !slices.Contains(headings(read(t, target)), heading) {
				t.Errorf("%s links to a heading that %s does not have: %s", document, target, heading)
			}
		}
	}
}

// prose is a document without its scripts.
func prose(text string) string {
	return regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(text, "")
}

// headings returns the anchors of a document as GitHub makes them.
func headings(text string) []string {
	var anchors []string
	count := map[string]int{}
	for line := range strings.Lines(prose(text)) {
		title := strings.TrimLeft(line, "#")
		if title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		anchor := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(title)), " ", "-")
		if n := count[anchor]; n > 0 {
			anchors = append(anchors, anchor+"-"+strconv.Itoa(n))
		} else {
			anchors = append(anchors, anchor)
		}
		count[anchor]++
	}
	return anchors
}
