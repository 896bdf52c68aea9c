package symbols

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
	"golang.org/x/sys/unix"
)

// mapFile makes a file of a text and maps it until the test ends.
func mapFile(t *testing.T, path, text string) mapping {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return mapExisting(t, path)
}

func mapExisting(t *testing.T, path string) mapping {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	page, err := unix.Mmap(int(file.Fd()), 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(page) })
	m, err := ownMapping(uint64(uintptr(unsafe.Pointer(&page[0]))))
	if err != nil || m.path != path {
		t.Fatalf("%+v, %v; want the mapping of %s", m, err, path)
	}
	return m
}

// compareMapped opens the file of a mapping of ours; "" stands for none.
func compareMapped(t *testing.T, m mapping, want string) {
	t.Helper()
	got := ""
	file, err := openMapped(os.Getpid(), m)
	if err == nil {
		text := make([]byte, 100)
		n, _ := file.ReadAt(text, 0)
		got = string(text[:n])
		file.Close()
	} else if !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("the file of %+v has %q, want %q", m, got, want)
	}
}

// A process may have another file in the place of its mapping by now, or at the path, or
// one on another device that has the same inode: that one is not read.
func TestOnlyTheMappedFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "library")
	right := mapFile(t, path, "right")
	wrong := mapFile(t, filepath.Join(folder, "wrong"), "wrong")
	compareMapped(t, right, "right")
	exchanged := right
	exchanged.start, exchanged.end = wrong.start, wrong.end
	compareMapped(t, exchanged, "right")
	device := right
	device.start, device.file.device = 0, "ff:fffff"
	compareMapped(t, device, "")
	if err := os.Rename(wrong.path, path); err != nil {
		t.Fatal(err)
	}
	compareMapped(t, exchanged, "")
	compareMapped(t, right, "right") // though it has no path any more
}

// Files of file systems in layers are known by the numbers that their mappings have.
func TestMappedLayers(t *testing.T) {
	testkit.Need(t, "root", os.Geteuid() == 0)
	folder := t.TempDir()
	mount := func(kind, at, options string) {
		err := unix.Mount(kind, at, kind, 0, options)
		testkit.Need(t, kind, err != unix.EPERM && err != unix.ENODEV)
		if err != nil {
			t.Fatal(kind, options, err)
		}
		t.Cleanup(func() { _ = unix.Unmount(at, unix.MNT_DETACH) })
	}
	mount("tmpfs", folder, "")
	for _, name := range []string{"image", "changes", "work", "container"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "image/library"), []byte("right"), 0o644); err != nil {
		t.Fatal(err)
	}
	container := filepath.Join(folder, "container")
	mount("overlay", container, "lowerdir="+folder+"/image,upperdir="+folder+"/changes,workdir="+folder+"/work")
	path := filepath.Join(container, "library")
	compareMapped(t, mapExisting(t, path), "right")
	below := mapExisting(t, filepath.Join(folder, "image/library"))
	below.start, below.path = 0, path
	compareMapped(t, below, "right")
	below.file.inode++
	compareMapped(t, below, "")
	if err := os.Chmod(path, 0o755); err != nil { // a copy in the layer of the container
		t.Fatal(err)
	}
	compareMapped(t, mapExisting(t, path), "right")
}

// The debug file of a program that our tree has is looked for there.
func TestLocated(t *testing.T) {
	m := mapFile(t, filepath.Join(t.TempDir(), "program"), "program")
	if got := m.located(os.Getpid()); got != m.path {
		t.Errorf("%s, want %s", got, m.path)
	}
	if err := os.WriteFile(m.path+"2", []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(m.path+"2", m.path); err != nil {
		t.Fatal(err)
	}
	if got, want := m.located(os.Getpid()), m.inTree(os.Getpid()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What a process that has ended does not lead to may be found by another; what a living
// one cannot read is not asked for again.
func TestPassingFailures(t *testing.T) {
	u, none := NewUser(true, 64<<20), mapping{start: 4096, end: 8192, file: fileID{device: "08:01", inode: 7}, path: "/none"}
	callers := NewCallers(nil)
	callers.versions[none.file] = version{size: 1}
	for pid, known := range map[int]int{1 << 30: 0, os.Getpid(): 1} {
		u.image(pid, none)
		u.source(pid, none)
		callers.image(pid, none)
		if len(u.images) != known || len(u.sources.open) != known || len(callers.images) != known {
			t.Errorf("%d: %d, %d and %d files are known, want %d", pid, len(u.images), len(u.sources.open), len(callers.images), known)
		}
		if gone := 1 - known; len(u.gone) != gone || u.lacks(pid, none) != (gone == 1) {
			t.Errorf("%d: %v are gone, want %d", pid, u.gone, gone)
		}
		clear(u.gone)
		clear(u.images)
		clear(callers.images)
		u.sources.open = nil
	}
}

func TestGoneFilesAreBounded(t *testing.T) {
	gone, m := goneFiles{}, mapping{file: fileID{device: "08:01", inode: 7}}
	for pid := range 2 * maxImages {
		gone.add(pid, m, os.ErrNotExist)
	}
	if last := 2*maxImages - 1; len(gone) > maxImages || !gone.has(last, m) || gone.has(last+1, m) {
		t.Errorf("%d are kept", len(gone))
	}
	gone.add(-1, m, safeopen.ErrBusy)
	if gone.has(-1, m) {
		t.Error("what may come later is gone")
	}
}

func TestNoOwnMapping(t *testing.T) {
	if m, err := ownMapping(1); err == nil {
		t.Errorf("%+v", m)
	}
	file, err := safeopen.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if (mapping{}).isOf(file) {
		t.Error("a file that cannot be mapped is mapped")
	}
}
