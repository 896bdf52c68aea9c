// Package kernel gets the kernels that test machines boot.
//
// The four kernels are Debian's own, one per suite: 5.10 is the oldest that ponytrace
// serves, 6.1 and 6.12 are the long-term ones people run, 7.x is the newest. The cloud
// flavour is taken: it is half the size and has everything a test machine needs, as
// modules or built in. A fifth, [Arm], is the 6.12 of arm64.
//
// Nothing is installed. For each kernel a sources file of its own and a state folder of
// its own make apt see just the suite concerned; apt checks the signatures as always;
// `apt-get download` and `dpkg -x` do the rest. Which server to ask is not written down
// here: it is whatever the machine's own apt is set up with, so a mirror, a proxy or an
// apt cache on the local network is used without being told.
//
// A kernel's folder in the cache appears by one rename when it is whole. A lock file
// beside it keeps two processes from fetching the same thing, so any number of them may
// call [Get] at once.
//
// The packages are as they come from the archive, so no depmod has run and there is no
// modules.dep. Each module says itself, in its .modinfo section, what it is called and
// needs; [Kernel.Load] reads that.
package kernel

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Names are the kernels of amd64, oldest first.
var Names = []string{"5.10", "6.1", "6.12", "7.x"}

// Arm is the kernel of arm64.
const Arm = "6.12-arm64"

// The architectures, as Go calls them.
const (
	AMD64 = "amd64"
	ARM64 = "arm64"
)

// Arch is the architecture of the kernel of that name; of one that is not known by name,
// amd64.
func Arch(name string) string { return cmp.Or(sources[name].arch, AMD64) }

// Kernel is one that is ready to boot. Modules is the folder of its modules, or empty.
type Kernel struct {
	Name    string
	Arch    string
	Image   string
	Modules string
}

// Custom is a kernel of the user's own, for amd64.
func Custom(image, modules string) Kernel {
	return Kernel{Name: filepath.Base(image), Arch: AMD64, Image: image, Modules: modules}
}

// UnknownError names a kernel that is neither in [Names] nor [Arm].
type UnknownError struct{ Name string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("no kernel %q; there are %s", e.Name, strings.Join(append(slices.Clone(Names), Arm), ", "))
}

// FetchError says why a kernel could not be had.
type FetchError struct {
	Name string
	Err  error
}

func (e *FetchError) Error() string { return fmt.Sprintf("cannot get kernel %s: %v", e.Name, e.Err) }
func (e *FetchError) Unwrap() error { return e.Err }

// Cached finds a kernel that an earlier [Get] left in the cache folder.
func Cached(cache, name string) (Kernel, bool) {
	dir := filepath.Join(cache, "kernels", name)
	k := Kernel{Name: name, Arch: Arch(name), Image: filepath.Join(dir, "vmlinuz"), Modules: filepath.Join(dir, "modules")}
	_, err := os.Stat(k.Image)
	return k, err == nil
}

// Get finds a kernel in the cache folder or puts it there.
func Get(cache, name string) (Kernel, error) {
	if k, ok := Cached(cache, name); ok {
		return k, nil
	}
	source, ok := sources[name]
	if !ok {
		return Kernel{}, &UnknownError{name}
	}
	unlock, err := Lock(filepath.Join(cache, "kernels", name+".lock"))
	if err != nil {
		return Kernel{}, &FetchError{name, err}
	}
	defer unlock()
	if k, ok := Cached(cache, name); ok {
		return k, nil
	}
	if err := source.fetch(filepath.Join(cache, "kernels", name)); err != nil {
		return Kernel{}, &FetchError{name, err}
	}
	k, _ := Cached(cache, name)
	return k, nil
}

// Lock waits until the file is this process's alone.
func Lock(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
