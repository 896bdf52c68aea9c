package vmtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ponytrace/ponytrace/internal/vmtest/kernel"
)

const module = "github.com/ponytrace/ponytrace"

// CacheDir is where kernels, binaries and what was extracted are kept between runs.
func CacheDir() (string, error) {
	if dir := os.Getenv("PONYTRACE_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	root, err := ModuleRoot()
	return filepath.Join(root, ".cache"), err
}

// ModuleRoot is the folder of the ponytrace repository that the working folder is in.
func ModuleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module "+module+"\n") {
			return dir, nil
		}
		if dir == "/" {
			return "", errors.New("not inside the ponytrace repository, from which the test machine's programs are built")
		}
	}
}

// FindKernel gives the kernel of that name, or the one that KERNEL and KERNEL_MODULES
// name.
func FindKernel(name string) (kernel.Kernel, error) {
	if image := os.Getenv("KERNEL"); image != "" {
		return kernel.Custom(image, os.Getenv("KERNEL_MODULES")), nil
	}
	cache, err := CacheDir()
	if err != nil {
		return kernel.Kernel{}, err
	}
	return kernel.Get(cache, name)
}

// Programs are the static binaries that every machine has.
type Programs struct{ Init, Workload []byte }

// Tools builds them for an architecture, once in a process. Go's own cache makes that
// quick when nothing changed.
func Tools(arch string) (Programs, error) {
	if arch == kernel.ARM64 {
		return armTools()
	}
	return tools()
}

var (
	tools    = sync.OnceValues(func() (Programs, error) { return buildTools(kernel.AMD64) })
	armTools = sync.OnceValues(func() (Programs, error) { return buildTools(kernel.ARM64) })
)

func buildTools(arch string) (p Programs, err error) {
	if p.Init, err = Build(arch, "build", "internal/vmtest/init"); err != nil {
		return p, err
	}
	p.Workload, err = Build(arch, "build", "internal/vmtest/cmd/workload")
	return p, err
}

// Build makes a static binary with `go build` or `go test -c` of a package of this module
// and gives its bytes.
func Build(arch, verb, pkg string, flags ...string) ([]byte, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	root, err := ModuleRoot()
	if err != nil {
		return nil, err
	}
	out := filepath.Join(cache, "bin", strings.ReplaceAll(pkg, "/", "-")+"."+verb+"."+arch)
	unlock, err := kernel.Lock(out + ".lock")
	if err != nil {
		return nil, err
	}
	defer unlock()
	args := append([]string{verb, "-trimpath", "-o", out}, flags...)
	cmd := exec.Command("go", append(args, "./"+pkg)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cannot build %s for the machine: %w\n%s", pkg, err, text)
	}
	return os.ReadFile(out)
}
