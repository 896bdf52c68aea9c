// Package programs builds the programs that user-space probes are tested on: in C, C++,
// Go and Rust, each in variants that differ in what a tracer meets.
//
// # What they do
//
// Each makes as many rounds as its first argument says, and a round calls each of its
// functions as often as the head of its source tells, with the values that are written
// there. So a test knows the counts and arguments that must arrive. c/target.c also takes
// a number of threads, and waits for a line of input where a third argument is given, so
// that a tracer can be attached to it by number meanwhile. So does usdt/target.c, whose
// events are USDT probes.
//
// # Variants
//
// [Variants] is the table. On the host, [Build] makes one and gives its path; in a test
// machine all of them are /programs/NAME ([Files]), with the libraries that they need at
// their usual places, and a few of Debian's own programs. All that is built stays in the
// cache, by the sum of sources and commands.
//
// The compilers are Debian's gcc, g++ and rustc, and the Go that builds ponytrace. What is
// Debian's, internal/compilers.sh installs.
//
// A machine with the kernel for arm64 has [ARM64] ([ARM64Files]): a Go program, and one in
// assembly, whose instructions and notes do not depend on a compiler. Debian's C compiler
// for arm64 takes 158 MB, the assembler and linker alone 19 MB.
package programs

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/internal/vmtest"
)

// Variant is a program and how it is built.
type Variant struct {
	Name string
	// Source is its folder.
	Source string
	// Steps are commands, run in the folder of the source; @ stands for the program.
	Steps []string
	// Beside are files that the steps leave beside the program: @.debug.
	Beside []string
}

// Variants are all of them. The first of each language is the plain one.
var Variants = []Variant{
	{Name: "c", Source: "c", Steps: []string{c + " -O2"}},
	{Name: "c-O0", Source: "c", Steps: []string{c + " -O0"}},
	{Name: "c-frames", Source: "c", Steps: []string{c + " -O2 -fno-omit-frame-pointer"}},
	{Name: "c-dwarf4", Source: "c", Steps: []string{c + " -O1 -gdwarf-4"}},
	{Name: "c-units", Source: "c", Steps: []string{c + " -O1 -fdebug-types-section"}},
	{Name: "c-plain", Source: "c", Steps: []string{c + " -O2 -g0"}},
	{Name: "c-endbr", Source: "c", Steps: []string{c + " -O2 -fcf-protection=full -fno-omit-frame-pointer"}},
	{Name: "c-fixed", Source: "c", Steps: []string{c + " -O2 -no-pie"}},
	{Name: "c-static", Source: "c", Steps: []string{c + " -O2 -static"}},
	{Name: "c-static-pie", Source: "c", Steps: []string{c + " -O2 -static-pie"}},
	{Name: "c-stripped", Source: "c", Steps: []string{c + " -O2 -rdynamic", "strip @"}},
	{Name: "c-bare", Source: "c", Steps: []string{c + " -O2 -fvisibility=hidden", "strip @"}},
	{Name: "c-debuglink", Source: "c", Beside: []string{"@.debug"}, Steps: []string{
		c + " -O2", "objcopy --only-keep-debug @ @.debug", "strip @", "objcopy --add-gnu-debuglink=@.debug @"}},
	{Name: "c-debugdata", Source: "c", Steps: []string{
		c + " -O2 -g0", "objcopy --only-keep-debug @ @.mini", "strip @.mini --keep-file-symbols --strip-debug",
		"xz -kf @.mini", "strip @", "objcopy --add-section .gnu_debugdata=@.mini.xz @", "rm @.mini @.mini.xz"}},
	{Name: "cpp", Source: "cpp", Steps: []string{cpp + " -O2"}},
	{Name: "cpp-O0", Source: "cpp", Steps: []string{cpp + " -O0"}},
	{Name: "cpp-stripped", Source: "cpp", Steps: []string{cpp + " -O2 -rdynamic", "strip @"}},
	{Name: "go", Source: "golang", Steps: []string{"go build -o @ ."}},
	{Name: "go-O0", Source: "golang", Steps: []string{"go build -gcflags=all=-N -o @ ."}},
	{Name: "go-stripped", Source: "golang", Steps: []string{"go build -ldflags=-s -o @ ."}},
	{Name: "go-pie", Source: "golang", Steps: []string{"go build -buildmode=pie -o @ ."}},
	{Name: "go-cgo", Source: "golang", Steps: []string{"env CGO_ENABLED=1 go build -tags viacgo -o @ ."}},
	{Name: "usdt", Source: "usdt", Steps: []string{c + " -O2", library}, Beside: []string{"@.so"}},
	{Name: "usdt-O0", Source: "usdt", Steps: []string{c + " -O0", library}, Beside: []string{"@.so"}},
	{Name: "usdt-fixed", Source: "usdt", Steps: []string{c + " -O2 -no-pie"}},
	{Name: "usdt-static", Source: "usdt", Steps: []string{c + " -O2 -static -DALONE"}},
	{Name: "usdt-static-pie", Source: "usdt", Steps: []string{c + " -O2 -static-pie -DALONE"}},
	{Name: "usdt-stripped", Source: "usdt", Steps: []string{c + " -O2 -g0", "strip @"}},
	{Name: "rust", Source: "rust", Steps: []string{rust + " -O"}},
	{Name: "rust-O0", Source: "rust", Steps: []string{rust}},
	{Name: "rust-stripped", Source: "rust", Steps: []string{rust + " -O -C strip=debuginfo"}},
}

// ARM64 are the programs for arm64.
var ARM64 = []Variant{
	{Name: "asm", Source: "arm64", Steps: []string{
		"aarch64-linux-gnu-as -o @.o target.s", "aarch64-linux-gnu-ld -o @ @.o", "rm @.o"}},
	{Name: "go", Source: "golang", Steps: []string{"env GOARCH=arm64 CGO_ENABLED=0 go build -o @ ."}},
}

const (
	c       = "gcc -std=gnu17 -g -pthread -o @ target.c"
	cpp     = "g++ -std=c++17 -g -o @ target.cpp"
	library = "gcc -std=gnu17 -O2 -shared -fPIC -o @.so library.c"
	rust    = "rustc --edition 2021 -g -o @ target.rs"
)

// real are programs of Debian's, at their usual places.
var real = []string{"/bin/bash", python}

const python = "/usr/bin/python3"

// Build makes a variant, unless the cache has it, and gives its path. Without its compiler
// the test is skipped, and in CI fails.
func Build(t testing.TB, name string) string {
	t.Helper()
	for _, v := range Variants {
		if v.Name == name {
			return v.build(t)
		}
	}
	t.Fatalf("there is no program %q", name)
	return ""
}

// Files are all programs for a test machine, with the libraries that they need.
func Files(t testing.TB) (files []vmtest.File) {
	t.Helper()
	libraries := map[string]bool{}
	for _, v := range Variants {
		program := v.build(t)
		files = append(files, vmtest.File{Guest: "/programs/" + v.Name, Host: program})
		for _, beside := range v.Beside {
			file := strings.Replace(beside, "@", program, 1)
			files = append(files, vmtest.File{Guest: "/programs/" + filepath.Base(file), Host: file})
		}
		needed(t, program, libraries)
	}
	for _, program := range real {
		testkit.Need(t, program, exists(program))
		files = append(files, vmtest.File{Guest: program, Host: program})
		needed(t, program, libraries)
	}
	for _, module := range modules(t) {
		libraries[module] = true
	}
	for library := range libraries {
		files = append(files, vmtest.File{Guest: library, Host: library})
	}
	return files
}

// ARM64Files are all programs for a test machine with the kernel for arm64.
func ARM64Files(t testing.TB) (files []vmtest.File) {
	t.Helper()
	for _, v := range ARM64 {
		files = append(files, vmtest.File{Guest: "/programs/" + v.Name, Host: v.build(t)})
	}
	return files
}

func (v Variant) build(t testing.TB) string {
	t.Helper()
	compiler := v.compiler()
	_, err := exec.LookPath(compiler)
	testkit.Need(t, compiler, err == nil)
	root, err := vmtest.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(root, "internal/vmtest/programs", v.Source)
	program := filepath.Join(v.folder(t, source), v.Name)
	if exists(program) {
		return program
	}
	v.make(t, source, program)
	return program
}

// compiler is the command of the first step, behind variables that env sets for it.
func (v Variant) compiler() string {
	for _, word := range strings.Fields(v.Steps[0]) {
		if word != "env" && !strings.Contains(word, "=") {
			return word
		}
	}
	return ""
}

// folder is where the program is kept: by the sum of what it is made of.
func (v Variant) folder(t testing.TB, source string) string {
	t.Helper()
	sum := sha256.New()
	fmt.Fprintln(sum, v)
	for _, file := range testkit.Glob(t, source+"/*") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sum.Write(text)
	}
	cache, err := vmtest.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "programs", hex.EncodeToString(sum.Sum(nil)[:8]))
}

// make builds in a folder of its own, and renames that: tests of several packages run at
// once.
func (v Variant) make(t testing.TB, source, program string) {
	t.Helper()
	folder := filepath.Dir(program)
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		t.Fatal(err)
	}
	work, err := os.MkdirTemp(filepath.Dir(folder), "new-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(work)
	for _, step := range v.Steps {
		args := strings.Fields(strings.ReplaceAll(step, "@", filepath.Join(work, v.Name)))
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = source
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", step, err, text)
		}
	}
	// Other users than the one that builds run the programs as well.
	if err := os.Chmod(work, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(work, folder); err != nil {
		if !exists(program) {
			t.Fatal(err)
		}
	}
}

// modules are the files of Python's library that it reads before a script begins, and
// os.py, by which it finds the library.
func modules(t testing.TB) []string {
	t.Helper()
	const tell = `
import os, sys
for module in sys.modules.values():
	if file := getattr(module, "__file__", None):
		print(file)`
	out, err := exec.Command(python, "-ISB", "-c", tell).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.Fields(string(out))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// needed adds the libraries that a program is linked with, and those that they need.
func needed(t testing.TB, path string, libraries map[string]bool) {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if interpreter := file.Section(".interp"); interpreter != nil {
		text, _ := interpreter.Data()
		libraries[strings.TrimRight(string(text), "\x00")] = true
	}
	names, _ := file.ImportedLibraries()
	for _, name := range names {
		library := find(t, name)
		if !libraries[library] {
			libraries[library] = true
			needed(t, library, libraries)
		}
	}
}

// find looks a library up where Debian has them.
func find(t testing.TB, name string) string {
	t.Helper()
	for _, folder := range []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64"} {
		if exists(folder + "/" + name) {
			return folder + "/" + name
		}
	}
	t.Fatalf("%s is not there", name)
	return ""
}
