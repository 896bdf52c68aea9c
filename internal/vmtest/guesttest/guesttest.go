// Package guesttest turns the tests of a package, run on a real kernel, into tests of the
// host.
//
// A guest package has its tests under the build tag "guest", so that the host does not
// run them by accident. [Suite.Run] builds them into one static binary, boots every
// kernel once, runs the binary there and gives each guest test a subtest of the host's
// with the same name, output and result, as soon as it has ended. The guest says what
// happened in the form that the go command itself understands (-test.v=test2json);
// test2json, which is part of Go, reads it.
//
// KERNELS chooses the kernels (KERNELS=6.12,5.10), KERNEL a kernel of your own, GUEST_RUN
// the tests, GUEST_COUNT how often each runs; a suite runs on those of its architecture.
// Other variables GUEST_* reach the guest. Two machines run at a time, as -parallel says.
// Without QEMU a developer's run skips and says so; in CI (CI=true) that is a failure.
//
// The go command must not take an old result for a new one: the sources of the guest's
// programs are no part of the host's test binary. So a run walks over the module's
// folders, which the go command notes as inputs of the test.
package guesttest

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/internal/vmtest"
	"github.com/ponytrace/ponytrace/internal/vmtest/kernel"
	"github.com/ponytrace/ponytrace/internal/vmtest/wire"
)

// Suite is one guest package and what its tests need beside them. All paths are from the
// module's root.
type Suite struct {
	Package  string        // such as internal/vmtest/guest; its testdata comes along
	Tests    string        // a pattern of those that need a kernel; all without it
	Programs []string      // main packages, found in the guest by their last name
	Files    []vmtest.File // anything else
	Arch     string        // amd64 without it
	Kernel   string        // the one to run on; all of the architecture without it
	Machine  vmtest.Machine
}

// Kernels are the names of those to test on.
func Kernels() []string {
	if os.Getenv("KERNEL") != "" {
		return []string{"custom"}
	}
	if list := os.Getenv("KERNELS"); list != "" {
		return strings.Split(list, ",")
	}
	return append(slices.Clone(kernel.Names), kernel.Arm)
}

// NeedQEMU skips the test where there is no QEMU of the architecture, and fails it in CI.
func NeedQEMU(t testing.TB, arch string) {
	t.Helper()
	testkit.Long(t)
	err := vmtest.CheckQEMU(arch)
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip("real kernels not tested: ", err)
	}
}

// Run tests on the suite's kernels. What they need is built when the first of them begins.
func (s Suite) Run(t *testing.T) {
	s.Arch = cmp.Or(s.Arch, kernel.AMD64)
	NeedQEMU(t, s.Arch)
	root, err := vmtest.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	dependOn(root)
	files := sync.OnceValues(func() ([]vmtest.File, error) { return s.files(root) })
	for _, name := range Kernels() {
		if kernel.Arch(name) != s.Arch || s.Kernel != "" && s.Kernel != name {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := files()
			if err != nil {
				t.Fatal(err)
			}
			s.on(t, name, files)
		})
	}
}

func (s Suite) files(root string) ([]vmtest.File, error) {
	tests, err := vmtest.Build(s.Arch, "test", s.Package, "-c", "-tags", "guest")
	if err != nil {
		return nil, err
	}
	files := append(s.Files, vmtest.File{Guest: "/tmp/guest.test", Content: tests, Mode: 0o755})
	for _, pkg := range s.Programs {
		program, err := vmtest.Build(s.Arch, "build", pkg)
		if err != nil {
			return nil, err
		}
		files = append(files, vmtest.File{Guest: "/bin/" + path.Base(pkg), Content: program, Mode: 0o755})
	}
	data := filepath.Join(root, s.Package, "testdata")
	if _, err := os.Stat(data); err == nil {
		files = append(files, vmtest.File{Guest: "/tmp/testdata", Host: data})
	}
	return files, nil
}

func (s Suite) on(t *testing.T, name string, files []vmtest.File) {
	k, err := vmtest.FindKernel(name)
	if err != nil {
		t.Fatal(err)
	}
	m := s.Machine
	m.Kernel, m.Files, m.Log, m.Env = k, files, t.Output(), switches()
	if m.Timeout == 0 {
		m.Timeout = testkit.Choose(0, 35*time.Minute, 12*time.Hour)
	}
	m.Commands = []wire.Command{{Args: s.command(m.Timeout)}}
	var complaints strings.Builder
	m.Stderr = &complaints
	results, err := listen(t)
	if err != nil {
		t.Fatal(err)
	}
	m.Stdout = results
	result, err := m.Start(context.Background())
	unfinished := results.close()
	if err != nil || unfinished || result.ExitCode() != 0 && !t.Failed() {
		t.Errorf("the tests ended with %d, %v\n%s", result.ExitCode(), err, complaints.String())
	}
	t.Logf("%s: booted in %.1f s, tested in %.1f s, of which\n%s",
		result.Release, result.Boot.Seconds(), result.Run.Seconds(), results.slowest())
}

// command runs the tests that GUEST_RUN or the suite selects, and stops them early enough
// to say where they hung.
func (s Suite) command(limit time.Duration) []string {
	args := []string{"/tmp/guest.test", "-test.v=test2json", fmt.Sprintf("-test.timeout=%s", limit-time.Minute)}
	if pattern := cmp.Or(os.Getenv("GUEST_RUN"), s.Tests); pattern != "" {
		args = append(args, "-test.run="+pattern)
	}
	if count := os.Getenv("GUEST_COUNT"); count != "" {
		args = append(args, "-test.count="+count)
	}
	return args
}

// switches are the variables GUEST_*, by which a run by hand makes tests do more.
func switches() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool { return !strings.HasPrefix(variable, "GUEST_") })
}

func dependOn(root string) {
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && path != root && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		return nil
	})
}
