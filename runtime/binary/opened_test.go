package binary

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ponytrace/ponytrace/internal/testkit"
)

// A program of an image is one in the image itself, in layers over it and in a layer over
// these, until one of them has a copy of its own.
func TestIdentityThroughLayers(t *testing.T) {
	folder := layers(t)
	var files Opened
	identity := func(path string) string {
		file, err := Open(filepath.Join(folder, path))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		files.Add(file)
		return file.Identity()
	}
	image, other := identity("image/program"), identity("image/other")
	if image == other || image == "" {
		t.Errorf("two files of one size are %q and %q", image, other)
	}
	for path, want := range map[string]string{
		"one/program": image, "two/program": image, "both/program": image, "one/other": other, "two/other": other,
	} {
		if got := identity(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if err := os.Chmod(filepath.Join(folder, "two/program"), 0o700); err != nil {
		t.Fatal(err)
	}
	if own := identity("two/program"); own == image || own == other {
		t.Errorf("the copy is %s, as the file in the image", own)
	}
}

// layers mounts two containers over an image of two equal programs, and both over it.
func layers(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	mount(t, "tmpfs", folder, "")
	for _, name := range []string{"image", "one", "two", "both", "changes", "work", "nothing"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"image/program", "image/other"} {
		if err := os.WriteFile(filepath.Join(folder, name), program, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	below := func(names string) string { return "lowerdir=" + names }
	mount(t, "overlay", filepath.Join(folder, "one"), below(folder+"/image:"+folder+"/nothing"))
	mount(t, "overlay", filepath.Join(folder, "two"), below(folder+"/image")+",upperdir="+folder+"/changes,workdir="+folder+"/work")
	mount(t, "overlay", filepath.Join(folder, "both"), below(folder+"/one:"+folder+"/nothing"))
	return folder
}

func mount(t *testing.T, kind, at, options string) {
	t.Helper()
	err := unix.Mount(kind, at, kind, 0, options)
	testkit.Need(t, kind, err != unix.EPERM && err != unix.ENODEV)
	if err != nil {
		t.Fatal(kind, options, err)
	}
	t.Cleanup(func() { unix.Unmount(at, unix.MNT_DETACH) })
}
