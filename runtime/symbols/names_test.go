package symbols

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ponytrace/ponytrace/internal/testkit"
)

func TestAccounts(t *testing.T) {
	const passwd = "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:\nbroken\n:x:5:5:\nalice:x:1000:1000:A:/home/alice:/bin/sh\nbad:x:-1:0:\n"
	a := &Accounts{open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(passwd)), nil }}
	for id, want := range map[uint64]string{0: "root", 1000: "alice", 5: "", math.MaxUint64: "", 1: ""} {
		if name, ok := a.Lookup(id); name != want || ok != (want != "") {
			t.Errorf("%d: %q, %v", id, name, ok)
		}
	}
	missing := &Accounts{open: func() (io.ReadCloser, error) { return nil, os.ErrNotExist }}
	if _, ok := missing.Lookup(0); ok {
		t.Error("a name without a file")
	}
}

// The tree is one of plain folders: the kernel's own is tested where there is one.
func TestCgroups(t *testing.T) {
	tree := t.TempDir()
	inner := filepath.Join(tree, "system.slice", "a.service")
	if err := os.MkdirAll(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	c := &Cgroups{hierarchies: []hierarchy{{"unified", tree}, {"cpu", tree}}}
	for _, test := range []struct {
		id            uint64
		pattern, want string
	}{
		{inodeOf(t, inner), "", "unified:/system.slice/a.service,cpu:/system.slice/a.service"},
		{inodeOf(t, inner), "uni*", "unified:/system.slice/a.service"},
		{inodeOf(t, tree), "cpu", "cpu:/"},
		{1, "", ""},
		{inodeOf(t, tree), "[", ""},
	} {
		for range 2 {
			if got := c.Lookup(test.id, test.pattern); got != test.want {
				t.Errorf("%d %q: %q, want %q", test.id, test.pattern, got, test.want)
			}
		}
	}
}

func TestLiveCgroups(t *testing.T) {
	var c Cgroups
	hierarchies := mountedHierarchies("/proc/self/mounts")
	if len(hierarchies) == 0 {
		testkit.Lack(t, "mounted control groups")
	}
	if _, err := hierarchies[0].byHandle(1 << 60); os.Geteuid() == 0 && !errors.Is(err, unix.ESTALE) {
		t.Errorf("a group that is not: %v", err)
	}
	if got, want := c.Lookup(inodeOf(t, hierarchies[0].mount), hierarchies[0].name), hierarchies[0].name+":/"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func inodeOf(t *testing.T, path string) uint64 {
	t.Helper()
	var info unix.Stat_t
	if err := unix.Stat(path, &info); err != nil {
		t.Fatal(err)
	}
	return info.Ino
}
